/* Rows S1 to S6, U1 to U9, N1 to N4: SEND, SUBSCRIBE, UNSUBSCRIBE. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Room } from './lib/room.mjs';

describe('SEND', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--prefixes-app=/pub,/app',
			'--prefixes-broker=/sub,/topic',
		]);
	});
	after(() => broker?.stop());

	async function assertRefused(headers, about) {
		const client = await broker.connect();

		client.send('SEND', { ...headers, receipt: 'r' }, 'hi');
		await client.refused(about, { receipt: 'r' });
	}

	it('S1 destination is required', () => assertRefused({}, /destination/));

	it('S2 user headers pass through', async () => {
		const room = await Room.open(broker);
		const message = await room.pass(
			{ foo: 'bar', 'x-Trace-Id': 'abc', priority: '9' },
			'hi',
		);

		assert.equal(message.headers.foo, 'bar');
		assert.equal(message.headers['x-Trace-Id'], 'abc');
		assert.equal(message.headers.priority, '9');
	});

	it('S3 a destination under no prefix is refused', async () => {
		await assertRefused({ destination: '/elsewhere/x' }, /destination/);
		await assertRefused({ destination: '/publish/x' }, /destination/);
		await assertRefused({ destination: 'pub/x' }, /destination/);
		await assertRefused({ destination: '' }, /destination/);
	});

	it('S3 a SEND straight to a broker prefix is refused and reaches nobody', async () => {
		const room = await Room.open(broker);

		room.sender.send('SEND', { destination: room.from, receipt: 'r' }, 'forged');
		await room.sender.refused(/allow_client_publish/, { receipt: 'r' });
		await room.assertQuiet();
	});

	it('S3 every application prefix leads to the first broker prefix', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/s3', 'first');
		await client.subscribe('/topic/s3', 'second');
		for (const prefix of ['/pub', '/app']) {
			client.send('SEND', { destination: `${prefix}/s3` }, prefix);
			const message = await client.next('MESSAGE');

			assert.equal(message.body, prefix);
			assert.equal(message.headers.subscription, 'first');
		}
	});

	it('S4 a transaction that was not begun is refused', async () => {
		await assertRefused({ destination: '/pub/x', transaction: 't' }, /transaction/i);
	});

	it('S5 the receipt follows the effect', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/s5');
		for (let i = 0; i < 20; i++) {
			await client.ask('SEND', { destination: '/pub/s5' }, String(i));
			assert.equal((await client.message()).body, String(i));
		}
	});

	it('S6 receipts, transactions and credentials do not reach subscribers', async () => {
		const room = await Room.open(broker);
		const secret = {
			receipt: 'zz',
			authorization: 'zz',
			Authorization: 'zz',
			login: 'zz',
			passcode: 'zz',
			cookie: 'zz',
			'X-CSRF-TOKEN': 'zz',
		};
		const message = await room.pass(secret, 'hi');

		assert.ok(!message.raw.includes('zz'));
	});
});

describe('SEND with allow_client_publish', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--allow-client-publish=true',
			'--headers-forward=x-ok',
		]);
	});
	after(() => broker?.stop());

	it('S3 a SEND straight to a broker prefix arrives', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/direct');
		client.send('SEND', { destination: '/sub/direct', 'x-ok': '1', 'x-no': '2' }, 'hi');
		const message = await client.next('MESSAGE');

		assert.equal(message.body, 'hi');
		assert.equal(message.headers.destination, '/sub/direct');
		assert.equal(message.headers['x-ok'], '1');
		assert.equal(message.headers['x-no'], undefined);
	});
});

describe('SUBSCRIBE and UNSUBSCRIBE', () => {
	let broker;

	before(async () => {
		broker = await Broker.start();
	});
	after(() => broker?.stop());

	async function assertRefused(command, headers, about, version) {
		const client = await broker.connect({ version });

		client.send(command, { ...headers, receipt: 'r' });
		await client.refused(about, { receipt: 'r' });
	}

	it('U1 destination is required', () =>
		assertRefused('SUBSCRIBE', { id: '0' }, /destination/));

	it('U2 id is required since 1.1', async () => {
		await assertRefused('SUBSCRIBE', { destination: '/sub/u2' }, /\bid\b/, '1.1');
		await assertRefused('SUBSCRIBE', { destination: '/sub/u2' }, /\bid\b/, '1.2');
	});

	it('U3 an id that is in use is refused', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/u3', 'same');
		client.send('SUBSCRIBE', { id: 'same', destination: '/sub/other', receipt: 'r' });
		await client.refused(/duplicate/i, { receipt: 'r' });
	});

	it("U3 an id is the connection's own, and free again after UNSUBSCRIBE", async () => {
		const one = await broker.connect();
		const two = await broker.connect();

		await one.subscribe('/sub/u3', 'same');
		await two.subscribe('/sub/u3', 'same');
		await one.ask('UNSUBSCRIBE', { id: 'same' });
		await one.subscribe('/sub/u3', 'same');
		await two.ask('SEND', { destination: '/pub/u3' }, 'hi');
		assert.equal((await one.message()).body, 'hi');
		assert.equal((await two.message()).body, 'hi');
	});

	it('U4 ack is auto unless said otherwise, and MESSAGE has no ack header', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/u4', 'a');
		await client.subscribe('/sub/u4', 'b', { ack: 'auto' });
		await client.ask('SEND', { destination: '/pub/u4' }, 'hi');
		for (let i = 0; i < 2; i++)
			assert.equal((await client.message()).headers.ack, undefined);
	});

	it('U5 an unknown ack mode is refused', async () => {
		for (const ack of ['none', 'AUTO', '', 'client-each'])
			await assertRefused(
				'SUBSCRIBE',
				{ id: '0', destination: '/sub/u5', ack },
				/ack/,
			);
	});

	it('U6 two ids on one destination get a copy each', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/u6', 'a');
		await client.subscribe('/sub/u6', 'b');
		await client.ask('SEND', { destination: '/pub/u6' }, 'hi');
		const copies = [await client.message(), await client.message()];

		assert.deepEqual(copies.map((m) => m.headers.subscription).sort(), ['a', 'b']);
	});

	it('U7 after the receipt of SUBSCRIBE every SEND is delivered, on any thread', async () => {
		const publishers = [];

		for (let i = 0; i < 6; i++) publishers.push(await broker.connect());
		for (let i = 0; i < 60; i++) {
			const client = await broker.connect();

			await client.subscribe(`/sub/u7/${i}`);
			publishers[i % 6].send('SEND', { destination: `/pub/u7/${i}` }, String(i));
			assert.equal((await client.message()).body, String(i));
		}
	});

	it('U8 a destination under no broker prefix, or a pattern, is refused', async () => {
		for (const destination of [
			'/pub/x',
			'/subway/x',
			'/elsewhere',
			'/sub/*',
			'/sub/**',
			'',
		])
			await assertRefused(
				'SUBSCRIBE',
				{ id: '0', destination },
				/destination|pattern/i,
			);
	});

	it('U9 in 1.0 a subscription may do without an id', async () => {
		const client = await broker.connect({ version: '1.0' });

		await client.ask('SUBSCRIBE', { destination: '/sub/u9' });
		await client.ask('SUBSCRIBE', { destination: '/sub/u9/other' });
		await client.ask('SEND', { destination: '/pub/u9' }, 'hi');
		assert.equal('subscription' in (await client.message()).headers, false);
		await client.ask('UNSUBSCRIBE', { destination: '/sub/u9' });
		await client.ask('SEND', { destination: '/pub/u9' }, 'unheard');
		await client.ask('SEND', { destination: '/pub/u9/other' }, 'heard');
		assert.equal((await client.message()).body, 'heard');
	});

	it('U9 in 1.0 a destination may end a subscription that has an id', async () => {
		const client = await broker.connect({ version: '1.0' });

		await client.ask('SUBSCRIBE', { id: 'a', destination: '/sub/u9' });
		await client.ask('SUBSCRIBE', { destination: '/sub/u9' });
		await client.ask('UNSUBSCRIBE', { destination: '/sub/u9' });
		await client.ask('SEND', { destination: '/pub/u9' }, 'hi');
		assert.equal((await client.message()).headers.subscription, 'a');
		await client.ask('UNSUBSCRIBE', { destination: '/sub/u9' });
		await client.ask('SEND', { destination: '/pub/u9' }, 'unheard');
		assert.deepEqual(
			client.frames.filter((f) => f.command === 'MESSAGE'),
			[],
		);
		client.send('UNSUBSCRIBE', { destination: '/sub/u9', receipt: 'r' });
		await client.refused(/unknown subscription/i, { receipt: 'r' });
	});

	it('N1 UNSUBSCRIBE needs an id since 1.1', async () => {
		await assertRefused('UNSUBSCRIBE', { destination: '/sub/n1' }, /\bid\b/, '1.1');
		await assertRefused('UNSUBSCRIBE', {}, /\bid\b/, '1.2');
		await assertRefused('UNSUBSCRIBE', {}, /id|destination/, '1.0');
	});

	it('N2 UNSUBSCRIBE of an unknown id is refused', async () => {
		await assertRefused('UNSUBSCRIBE', { id: 'unknown' }, /unknown subscription/i);
	});

	it('N3 after the receipt of UNSUBSCRIBE no MESSAGE comes', async () => {
		const room = await Room.open(broker);

		for (let i = 0; i < 50; i++)
			room.sender.send('SEND', { destination: room.to }, String(i));
		await room.receiver.ask('UNSUBSCRIBE', { id: '0' });
		const before = room.receiver.frames.length;

		await room.sender.ask('SEND', { destination: room.to }, 'unheard');
		await room.receiver.subscribe(`${room.from}/other`, '1');
		await room.sender.ask('SEND', { destination: `${room.to}/other` }, 'heard');
		for (let i = 0; i < before; i++)
			assert.equal((await room.receiver.next('MESSAGE')).body, String(i));
		assert.equal((await room.receiver.next('MESSAGE')).body, 'heard');
	});

	it('N4 UNSUBSCRIBE acts on the id, whatever else it names', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/n4', 'stays');
		await client.subscribe('/sub/n4/other', 'goes');
		await client.ask('UNSUBSCRIBE', { id: 'goes', destination: '/sub/n4' });
		await client.ask('SEND', { destination: '/pub/n4/other' }, 'unheard');
		await client.ask('SEND', { destination: '/pub/n4' }, 'heard');
		assert.equal((await client.message()).body, 'heard');
	});
});
