/* Rows HB1 to HB12, and what counts as a sign of life. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { frame } from './lib/stomp.mjs';
import { until } from './lib/wait.mjs';

const SLACK_MS = 600; /* for a loaded machine */

function gaps(beats) {
	return beats.slice(1).map((at, i) => at - beats[i]);
}

describe('heart-beats', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--heartbeat-send=1s',
			'--heartbeat-receive=1s',
			'--liveness-ping-after=1s',
			'--liveness-answer-within=500ms',
		]);
	});
	after(() => broker?.stop());

	const beating = (offer, options = {}) =>
		broker.connect({ ...options, connect: { 'heart-beat': offer } });

	const beats = (client, count) =>
		until(
			() => client.beats.length >= count,
			() => `${count} beats; ${client.beats.length} came`,
		);

	it('HB1 HB4 HB5 HB5w HB9 the server beats as agreed, and only then', async () => {
		const none = await broker.connect();
		const zero = await beating('0,0');
		const unconnected = await broker.open();
		const slow = await beating('0,2000');
		const fast = await beating('0,100');

		await beats(fast, 3);
		for (const gap of gaps(fast.beats))
			assert.ok(
				gap > 700 && gap < 1000 + SLACK_MS,
				`HB5: a gap of ${gap} ms, agreed were 1000`,
			);
		await beats(slow, 2);
		for (const gap of gaps(slow.beats))
			assert.ok(
				gap > 1700 && gap < 2000 + SLACK_MS,
				`HB4: a gap of ${gap} ms, agreed were 2000`,
			);
		assert.equal(none.beats.length, 0, 'HB1: no heart-beat header, no beats');
		assert.equal(zero.beats.length, 0, 'HB1: the client wants none');
		assert.equal(unconnected.beats.length, 0, 'HB9: no beats before CONNECTED');
		await unconnected.connect('1.2', { 'heart-beat': '0,1000' });
		await beats(unconnected, 1);
	});

	it('HB5 what is sent stands for a beat', async () => {
		const busy = await beating('0,1000');
		const idle = await beating('0,1000');

		await busy.subscribe('/sub/hb5');
		await until(
			async () => {
				await busy.ask('SEND', { destination: '/pub/hb5' });
				await busy.message();
				return idle.beats.length >= 3;
			},
			'three beats for the idle one',
			undefined,
			100,
		);
		assert.ok(busy.beats.length <= 1, `${busy.beats.length} beats beside messages`);
	});

	it('HB2 HB11 any two whole numbers are agreed upon', async () => {
		await (await beating('4294967295,4294967295')).subscribe('/sub/hb2');
		await (await beating('1,1')).subscribe('/sub/hb2');
	});

	it('HB3 HB7 HB8 a client that misses its beats but answers PINGs stays', async () => {
		const hidden = await beating('1000,0');
		const dead = await beating('1000,0', { autoPong: false });
		const quiet = await broker.connect();
		const deaf = await broker.connect({ autoPong: false });

		assert.equal((await dead.untilClosed()).code, 1006);
		assert.equal((await deaf.untilClosed()).code, 1006);
		await until(() => hidden.pings >= 2 && quiet.pings >= 2, 'PINGs', 15_000);
		await hidden.subscribe('/sub/hb8');
		await quiet.subscribe('/sub/hb8');
	});

	it('HB6 any data counts as life, parts of frames too', async () => {
		const client = await beating('1000,0', { autoPong: false });
		const bytes = frame(
			'SEND',
			{ destination: '/pub/hb6', receipt: 'r' },
			'x'.repeat(20),
		);
		let sent = 0;

		/* One byte every 60 ms makes more than twice the time after which silence is fatal. */
		await until(
			() => {
				client.text(bytes[sent++]);
				return sent === bytes.length;
			},
			'the whole frame',
			20_000,
			60,
		);
		await client.receipt('r');
		assert.equal(client.pings, 0);
	});

	it('HB10 HB12 beats are single line ends even where messages are large', async () => {
		const client = await beating('0,1000');

		await client.subscribe('/sub/hb10');
		await until(
			async () => {
				await client.ask(
					'SEND',
					{ destination: '/pub/hb10' },
					'x'.repeat(300_000),
				);
				assert.equal((await client.message()).body.length, 300_000);
				return client.beats.length >= 2;
			},
			'beats between large messages',
			undefined,
			1500,
		);
	});
});

describe('heart-beats, where they are required', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--heartbeat-receive=500ms',
			'--liveness-ping-after=1s',
			'--liveness-answer-within=500ms',
			'--liveness-require-heartbeats',
		]);
	});
	after(() => broker?.stop());

	it('HB7 HB8 a client that misses three beats is closed, PONGs or not', async () => {
		const quiet = await broker.connect();
		const silent = await broker.connect({ connect: { 'heart-beat': '500,0' } });
		const started = Date.now();

		assert.equal((await silent.untilClosed()).code, 1006);
		assert.ok(Date.now() - started > 1400, 'HB7: two beats may be missed');
		assert.equal(silent.pings, 0);
		await until(() => quiet.pings >= 2, 'PINGs for one that promised no beats');
		await quiet.subscribe('/sub/hb8');
	});
});
