/* 10,000 messages of 10 publishers to 100 subscribers on two nodes: none lost, doubled, out of order. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';

import { Broker } from './lib/broker.mjs';
import { Redis } from './lib/redis.mjs';
import { frame } from './lib/stomp.mjs';
import { until } from './lib/wait.mjs';

const PUBLISHERS = 10;
const MESSAGES = 1000; /* of each publisher */
const SUBSCRIBERS = 100;
const WINDOW = 100; /* SENDs of one publisher whose receipt is still to come */
const BODY = 'p00-00000'.length;
const RUN_MS = 60_000;

/* A client that reads just enough of each frame: a million have to go through. */
function open(broker, onFrame) {
	const ws = new WebSocket(broker.url, {
		perMessageDeflate: false,
		skipUTF8Validation: true,
	});

	ws.on('error', () => {}); /* "close" follows */
	ws.on('close', (code, reason) => {
		ws.ended = `${code} ${reason}`;
	});
	ws.on('open', () =>
		ws.send(frame('CONNECT', { 'accept-version': '1.2', 'heart-beat': '0,0' })),
	);
	ws.on('message', (data) => onFrame(ws, data));
	return ws;
}

function bodyOf(data) {
	return data.latin1Slice(data.length - 1 - BODY, data.length - 1);
}

describe('order and completeness', () => {
	let redis;
	let nodes = [];

	before(async () => {
		redis = await Redis.start();
		for (let i = 0; i < 2; i++)
			nodes.push(
				await Broker.start([
					`--redis-url=${redis.url}`,
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

	/* Subscribers count what they get; the first thing that is wrong is kept. */
	function startSubscriber(node, state) {
		const next = new Array(PUBLISHERS).fill(0);
		const one = { got: 0 };

		one.ws = open(node, (ws, data) => {
			if (data[0] === 67) {
				/* CONNECTED */
				ws.send(
					frame('SUBSCRIBE', {
						id: '0',
						destination: '/sub/order',
						receipt: 's',
					}),
				);
			} else if (data[0] === 82) {
				/* RECEIPT */
				state.subscribed++;
			} else if (data[0] === 77) {
				/* MESSAGE */
				const body = bodyOf(data);
				const publisher = Number(body.slice(1, 3));
				const number = Number(body.slice(4));

				if (number !== next[publisher])
					state.wrong ??= `${body} came where ${next[publisher]} was due`;
				next[publisher] = number + 1;
				one.got++;
			} else {
				state.wrong ??= data.toString();
			}
		});
		return one;
	}

	/* A publisher keeps WINDOW SENDs under way; each has a receipt. */
	function startPublisher(node, index, state) {
		const name = `p${String(index).padStart(2, '0')}`;
		const one = { sent: 0, answered: 0 };

		const fill = () => {
			let batch = '';

			while (one.sent < MESSAGES && one.sent - one.answered < WINDOW) {
				const body = `${name}-${String(one.sent).padStart(5, '0')}`;

				batch += frame(
					'SEND',
					{ destination: '/pub/order', receipt: one.sent++ },
					body,
				);
			}
			if (batch) one.ws.send(batch);
		};
		one.ws = open(node, (ws, data) => {
			if (data[0] === 67) {
				state.connected++;
			} else if (
				data.latin1Slice(0, 7) === 'RECEIPT' &&
				data.includes(`\nreceipt-id:${one.answered}\n`)
			) {
				one.answered++;
				if (one.sent - one.answered <= WINDOW / 2) fill();
			} else {
				state.wrong ??= data.toString();
			}
		});
		one.start = fill;
		return one;
	}

	it("every subscriber gets every message once, in each publisher's order", async () => {
		const state = { subscribed: 0, connected: 0, wrong: undefined };
		const subscribers = [];
		const publishers = [];
		const total = PUBLISHERS * MESSAGES;

		try {
			for (let i = 0; i < SUBSCRIBERS; i++)
				subscribers.push(startSubscriber(nodes[i % 2], state));
			for (let i = 0; i < PUBLISHERS; i++)
				publishers.push(startPublisher(nodes[i % 2], i, state));
			await until(
				() =>
					state.subscribed === SUBSCRIBERS &&
					state.connected === PUBLISHERS,
				() => `all clients; ${JSON.stringify(state)}`,
				RUN_MS,
			);
			const start = performance.now();

			for (const publisher of publishers) publisher.start();
			await until(
				() =>
					state.wrong ||
					[...subscribers, ...publishers].some((c) => c.ws.ended) ||
					subscribers.every((s) => s.got >= total),
				() =>
					'all messages; the fewest were ' +
					`${Math.min(...subscribers.map((s) => s.got))} of ${total}`,
				RUN_MS,
				20,
			);
			const took = performance.now() - start;

			assert.equal(state.wrong, undefined);
			for (const client of [...subscribers, ...publishers])
				assert.equal(client.ws.ended, undefined);
			for (const publisher of publishers)
				await until(() => publisher.answered === MESSAGES, 'all receipts');
			/* Nothing comes twice: the next thing that each gets is this. */
			const fence = await nodes[0].connect();

			await fence.ask('SEND', { destination: '/pub/order' }, `p00-0${MESSAGES}`);
			await until(
				() => subscribers.every((s) => s.got === total + 1),
				'the fence',
			);
			assert.equal(state.wrong, undefined);
			console.log(`${total * SUBSCRIBERS} deliveries in ${Math.round(took)} ms`);
		} finally {
			for (const client of [...subscribers, ...publishers]) client.ws.terminate();
		}
	});
});
