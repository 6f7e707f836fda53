/*
 * 3,000 messages of one sender, two receivers on two other nodes, while everybody else talks:
 * none out of order, lost or doubled. Spring's broker turned round 20 of 2,000.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';

import { Broker } from './lib/broker.mjs';
import { Redis } from './lib/redis.mjs';
import { frame, parse } from './lib/stomp.mjs';
import { promised, until, within } from './lib/wait.mjs';

const MESSAGES = 3000;
const BURST = 7; /* frames in one WebSocket message */
const CHATTERS = 3; /* on each node */
const WINDOW = 15; /* what a chatter has under way */
const RUN_MS = 60_000;
const PADDING = 'x'.repeat(200);

/* A client that hands each frame to `hear`; resolves when it is connected. */
async function open(node, hear) {
	const ws = new WebSocket(node.url, { perMessageDeflate: false });
	const up = promised();

	ws.on('error', up.reject);
	ws.on('close', (code, reason) => {
		ws.ended = `${code} ${reason}`;
		up.reject(new Error(ws.ended));
	});
	ws.on('open', () =>
		ws.send(frame('CONNECT', { 'accept-version': '1.2', 'heart-beat': '0,0' })),
	);
	ws.on('message', (data) => {
		const got = parse(data, '1.2');

		if (got.command === 'CONNECTED') up.resolve();
		else hear(got);
	});
	await within(up.promise, 'CONNECTED');
	return ws;
}

/* Counts what it hears; the first thing that is wrong is kept. */
async function openReceiver(node) {
	const live = promised();
	const one = { next: 0, wrong: undefined };

	one.ws = await open(node, ({ command, body }) => {
		if (command === 'RECEIPT') return live.resolve();
		const { number } = JSON.parse(body);

		if (number !== one.next) one.wrong ??= `${number} came where ${one.next} was due`;
		one.next = number + 1;
		one.got = (one.got ?? 0) + 1;
	});
	one.ws.send(frame('SUBSCRIBE', { id: 0, destination: '/sub/order/one', receipt: 's' }));
	await within(live.promise, 'the receipt of SUBSCRIBE');
	return one;
}

/* Says something whenever it has heard itself: through Redis and back. */
async function openChatter(node, index) {
	const live = promised();
	const one = { heard: 0, stop: false };
	const speak = () =>
		one.ws.send(
			frame('SEND', { destination: '/pub/order/chatter' }, `${index} ${PADDING}`),
		);

	one.ws = await open(node, ({ command, body }) => {
		if (command === 'RECEIPT') return live.resolve();
		one.heard++;
		if (body.startsWith(`${index} `) && !one.stop) speak();
	});
	one.ws.send(frame('SUBSCRIBE', { id: 0, destination: '/sub/order/chatter', receipt: 's' }));
	await within(live.promise, 'the receipt of SUBSCRIBE');
	for (let i = 0; i < WINDOW; i++) speak();
	return one;
}

describe('one sender, two receivers on other nodes', () => {
	let redis;
	const nodes = [];

	before(async () => {
		redis = await Redis.start();
		for (let i = 0; i < 3; i++)
			nodes.push(
				await Broker.start([
					`--redis-url=${redis.url}`,
					'--threads=2',
					'--limits-queue=16M',
				]),
			);
	});
	after(async () => {
		try {
			for (const node of nodes) await node.stop();
		} finally {
			await redis?.end();
		}
	});

	it('no inversion in 3,000 messages under load', async (t) => {
		const chatters = [];
		const receivers = [];
		let sender;

		try {
			for (const node of nodes.slice(1)) receivers.push(await openReceiver(node));
			for (let i = 0; i < nodes.length * CHATTERS; i++)
				chatters.push(await openChatter(nodes[i % nodes.length], i));
			sender = await open(nodes[0], ({ raw }) => {
				receivers[0].wrong ??= raw.toString();
			});
			const before = chatters.reduce((sum, c) => sum + c.heard, 0);

			for (let i = 0; i < MESSAGES;) {
				let burst = '';

				for (let end = Math.min(i + BURST, MESSAGES); i < end; i++)
					burst += frame(
						'SEND',
						{ destination: '/pub/order/one' },
						JSON.stringify({ number: i, padding: PADDING }),
					);
				sender.send(burst);
				/* Now and then the others get their turn. */
				if (i % (BURST * 10) === 0) await new Promise(setImmediate);
			}
			await until(
				() =>
					receivers.every(
						(r) => r.wrong || r.ws.ended || r.next === MESSAGES,
					),
				() => `all messages; ${receivers.map((r) => r.next)} came`,
				RUN_MS,
			);
			const load = chatters.reduce((sum, c) => sum + c.heard, 0) - before;

			/* Nothing comes twice: the next thing that each gets is this. */
			sender.send(
				frame(
					'SEND',
					{ destination: '/pub/order/one' },
					JSON.stringify({ number: MESSAGES }),
				),
			);
			await until(
				() => receivers.every((r) => r.wrong || r.next > MESSAGES),
				'the fence',
			);
			for (const { wrong, got, ws } of receivers) {
				assert.equal(wrong, undefined);
				assert.equal(got, MESSAGES + 1);
				assert.equal(ws.ended, undefined);
			}
			assert.ok(load > MESSAGES, `no load: the others heard ${load} messages`);
			t.diagnostic(`${load} other deliveries meanwhile`);
		} finally {
			for (const one of chatters) one.stop = true;
			for (const ws of [
				sender,
				...receivers.map((r) => r.ws),
				...chatters.map((c) => c.ws),
			])
				ws?.terminate();
		}
	});
});
