/* A subscriber that stops reading costs nobody but itself. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';

const REASON = 'Failed to send message within the configured send limit';
const KILOBYTE = 'x'.repeat(1024);

/* Sends numbered messages of 16 kB, at most a few at a time, until `enough(number)`. */
async function publish(client, destination, from, enough) {
	let number = from;

	while (!enough(number)) {
		client.send(
			'SEND',
			{ destination, receipt: `n${number}` },
			`${number} ${KILOBYTE.repeat(16)}`,
		);
		await client.receipt(`n${number++}`);
	}
	return number;
}

function numbers(frames) {
	return frames
		.filter((f) => f.command === 'MESSAGE')
		.map((f) => Number.parseInt(f.body, 10));
}

function count(length) {
	return Array.from({ length }, (_, i) => i);
}

describe('slow consumers', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--limits-queue=256k',
			'--limits-send-buffer=32k',
			'--limits-linger=20s',
		]);
	});
	after(() => broker?.stop());

	it('one that stops reading is closed with 4500, the others get every message', async () => {
		const healthy = [];
		let longest = 0;

		for (let i = 0; i < 10; i++) {
			const client = await broker.connect();
			let last;

			await client.subscribe('/sub/slow');
			client.ws.on('message', () => {
				const now = performance.now();

				longest = Math.max(longest, now - (last ?? now));
				last = now;
			});
			healthy.push(client);
		}
		const stalled = await broker.connect();
		const publisher = await broker.connect();

		await stalled.subscribe('/sub/slow');
		stalled.pause();
		/* 64 MB are more than all buffers on the way to it. */
		let sent = await publish(
			publisher,
			'/pub/slow',
			0,
			(n) => broker.events('session.slow').length > 0 || n === 4000,
		);

		assert.equal(
			broker.events('session.slow').length,
			1,
			`not closed after ${sent} messages`,
		);
		sent = await publish(publisher, '/pub/slow', sent, (n) => n === sent + 50);
		for (const client of healthy) {
			await client.find(
				(f) => f.body.startsWith(`${sent - 1} `),
				'the last message',
			);
			assert.deepEqual([...numbers(client.frames), sent - 1], count(sent));
			assert.equal(client.end, undefined);
		}
		console.log(
			`longest gap of the healthy ones, beside a stalled one: ${longest.toFixed(1)} ms`,
		);

		stalled.resume();
		assert.deepEqual(await stalled.untilClosed(), { code: 4500, reason: REASON });
		const got = numbers(stalled.frames);

		assert.deepEqual(got, count(got.length), 'what it got before has a gap');
		assert.ok(got.length < sent);
		assert.equal((await broker.counters()).slow_closed, 1);
	});

	it('one that reads slowly, but reads, is kept', async () => {
		const client = await broker.connect();
		const publisher = await broker.connect();

		await client.subscribe('/sub/patient');
		for (let round = 0; round < 5; round++) {
			client.pause();
			const sent = await publish(
				publisher,
				'/pub/patient',
				round * 8,
				(n) => n === round * 8 + 8,
			);

			client.resume();
			await client.find(
				(f) => f.body.startsWith(`${sent - 1} `),
				'the last message',
			);
		}
		assert.equal(client.end, undefined);
	});
});

describe('slow consumers by time', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--limits-queue=512M',
			'--limits-send-buffer=32k',
			'--limits-queue-age=500ms',
			'--limits-linger=20s',
		]);
	});
	after(() => broker?.stop());

	it('a message that waits too long closes with 4500', async () => {
		const stalled = await broker.connect();
		const publisher = await broker.connect();

		await stalled.subscribe('/sub/aged');
		stalled.pause();
		await publish(publisher, '/pub/aged', 0, (n) => n === 1000);
		await broker.untilEvent('session.slow');
		stalled.resume();
		assert.deepEqual(await stalled.untilClosed(), { code: 4500, reason: REASON });
	});
});
