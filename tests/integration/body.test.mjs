/* Rows B1 to B10 and H1 to H4: bodies, their types, and headers that come twice. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Redis } from './lib/redis.mjs';
import { Room } from './lib/room.mjs';
import { frame } from './lib/stomp.mjs';

describe('body and content headers', () => {
	let broker;

	before(async () => {
		broker = await Broker.start();
	});
	after(() => broker?.stop());

	for (const version of ['1.1', '1.2']) {
		it(`B1 a body where none may be is refused in ${version}`, async () => {
			const client = await broker.connect({ version });

			client.send(
				'SUBSCRIBE',
				{ id: '0', destination: '/sub/b1', receipt: 'r' },
				'body',
			);
			await client.refused(/body/, { receipt: 'r' });
		});
	}

	it('B1 in 1.0 the body of SUBSCRIBE is ignored', async () => {
		const client = await broker.connect({ version: '1.0' });

		await client.ask('SUBSCRIBE', { destination: '/sub/b1' }, 'body');
		await client.ask('SEND', { destination: '/pub/b1' }, 'hi');
		assert.equal((await client.message()).body, 'hi');
	});

	it('B2 with content-length the body holds NULs', async () => {
		const room = await Room.open(broker);
		const message = await room.pass({ 'content-length': 5 }, 'a\0b\0c');

		assert.equal(message.body, 'a\0b\0c');
		assert.equal(message.headers['content-length'], '5');
	});

	it('B3 MESSAGE says content-length in octets', async () => {
		const room = await Room.open(broker);

		assert.equal((await room.pass({}, '안녕 😀')).headers['content-length'], '11');
		assert.equal((await room.pass({}, '')).headers['content-length'], '0');
	});

	it('B4 without content-length the body ends at the first NUL', async () => {
		const room = await Room.open(broker);

		room.sender.text(
			`SEND\ndestination:${room.to}\n\none\0SEND\ndestination:${room.to}\n\ntwo\0`,
		);
		assert.equal((await room.receiver.next('MESSAGE')).body, 'one');
		assert.equal((await room.receiver.next('MESSAGE')).body, 'two');
	});

	it('B5 every frame may bring content-length', async () => {
		const client = await broker.open();

		await client.connect('1.2', { 'content-length': '0' });
		await client.subscribe('/sub/b5', '0', { 'content-length': '0' });
		await client.ask('UNSUBSCRIBE', { id: '0', 'content-length': '0' });
		await client.ask('DISCONNECT', { 'content-length': '0' });
	});

	for (const length of [
		'-1',
		'+3',
		' 3',
		'3 ',
		'abc',
		'',
		'0x2',
		'2.0',
		'99999999999999999999',
	]) {
		it(`B6 content-length ${JSON.stringify(length)} is refused when the headers end`, async () => {
			const room = await Room.open(broker);

			room.sender.text(
				`SEND\ndestination:${room.to}\ncontent-length:${length}\n\n`,
			);
			await room.sender.refused(/content-length|limits\.body/);
			await room.assertQuiet();
		});
	}

	it('B7 content-type passes unchanged', async () => {
		const room = await Room.open(broker);

		for (const type of ['text/html; charset=UTF-8', 'application/json', 'x/y;  z="ü"'])
			assert.equal(
				(await room.pass({ 'content-type': type }, '{}')).headers[
					'content-type'
				],
				type,
			);
	});

	it('B7 without a content-type it is the one that Spring gives such a body', async () => {
		const room = await Room.open(broker);

		assert.equal(
			(await room.pass({}, '{"a":1}')).headers['content-type'],
			'application/json',
		);
		assert.equal(
			(await room.pass({}, 'hello')).headers['content-type'],
			'text/plain;charset=UTF-8',
		);
	});

	it('B8 content-type is not judged', async () => {
		const room = await Room.open(broker);

		assert.equal(
			(await room.pass({ 'content-type': 'foo' }, 'a')).headers['content-type'],
			'foo',
		);
	});

	it('B9 a frame goes out as text when it is UTF-8, else as binary', async () => {
		const room = await Room.open(broker);
		const raw = Buffer.from([0xff, 0x00, 0xc3, 0x28, 0x0a]);
		const head = `SEND\ndestination:${room.to}\ncontent-length:${raw.length}\n\n`;

		room.sender.binary(Buffer.concat([Buffer.from(head), raw, Buffer.from([0])]));
		const binary = await room.receiver.next('MESSAGE');

		assert.equal(binary.isBinary, true);
		assert.deepEqual(binary.bytes, raw);
		room.sender.binary(frame('SEND', { destination: room.to }, '안녕'));
		const text = await room.receiver.next('MESSAGE');

		assert.equal(text.isBinary, false);
		assert.equal(text.body, '안녕');
	});

	it('B10 content-length does not make a message binary', async () => {
		const room = await Room.open(broker);

		assert.equal((await room.pass({ 'content-length': 2 }, 'hi')).isBinary, false);
	});

	it('H1 of repeated protocol headers the first counts', async () => {
		const room = await Room.open(broker);

		room.sender.text(
			`SEND\ndestination:${room.to}\ndestination:/pub/elsewhere\nreceipt:one\n` +
				'receipt:two\n\nhi\0',
		);
		assert.equal((await room.receiver.next('MESSAGE')).headers.destination, room.from);
		assert.equal((await room.sender.next('RECEIPT')).headers['receipt-id'], 'one');
	});

	it('H2 repeated user headers keep their order', async () => {
		const room = await Room.open(broker);
		const message = await room.pass(
			[
				['x-a', '1'],
				['x-b', '2'],
				['x-a', '3'],
			],
			'',
		);
		const values = message.list
			.filter(([name]) => name === 'x-a')
			.map(([, value]) => value);

		assert.equal(values[0], '1');
		assert.deepEqual(values, ['1', '3'].slice(0, values.length));
	});

	it('H3 a SEND cannot override what the broker writes', async () => {
		const room = await Room.open(broker);
		const forged = {
			subscription: 'x',
			'message-id': 'x',
			ack: 'x',
			receipt: 'x',
			'receipt-id': 'x',
			'heart-beat': '1,1',
			session: 'x',
			id: 'x',
			'user-name': 'x',
			simpSessionId: 'x',
			server: 'x',
			version: 'x',
		};
		const message = await room.pass(forged, 'hi');

		assert.deepEqual(
			message.list.filter(([, value]) => value === 'x' || value === '1,1'),
			[],
		);
		assert.equal(message.headers.subscription, '0');
		for (const name of ['subscription', 'message-id', 'destination', 'content-length'])
			assert.equal(
				message.list.filter(([other]) => other === name).length,
				1,
				name,
			);
	});

	it('H4 repeated headers are bounded', async () => {
		const client = await broker.connect();

		client.text(`SEND\ndestination:/pub/x\n${'x-a:1\n'.repeat(1000)}\nhi\0`);
		await client.refused(/limits\.headers/);
	});
});

describe('bodies without a content-type, on two nodes', () => {
	let redis;
	let nodes;

	before(async () => {
		redis = await Redis.start();
		nodes = [];
		for (let i = 0; i < 2; i++)
			nodes.push(
				await Broker.start([
					`--redis-url=${redis.url}`,
					'--headers-content-type=none',
				]),
			);
	});
	after(async () => {
		try {
			for (const node of nodes ?? []) await node.stop();
		} finally {
			await redis?.end();
		}
	});

	it('B7 no content-type is invented where none is asked for', async () => {
		const [sender, other] = [await nodes[0].connect(), await nodes[1].connect()];

		for (const client of [sender, other]) await client.subscribe('/sub/b7');
		for (const [body, type] of [
			['{"a":1}', undefined],
			['hello', undefined],
			['hello', 'text/x'],
		]) {
			const headers = { destination: '/pub/b7' };

			if (type) headers['content-type'] = type;
			await sender.ask('SEND', headers, body);
			for (const client of [sender, other]) {
				const message = await client.message();

				assert.equal(message.body, body);
				assert.equal(message.headers['content-type'], type);
			}
		}
	});
});
