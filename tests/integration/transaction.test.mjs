/* Rows T1 to T11: BEGIN, COMMIT, ABORT. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client as StompJs } from '@stomp/stompjs';
import WebSocket from 'ws';

import { Broker } from './lib/broker.mjs';
import { Redis } from './lib/redis.mjs';
import { Room } from './lib/room.mjs';
import { promised, within } from './lib/wait.mjs';

const BODY = 'x'.repeat(1000);

async function assertRefused(broker, about, command, headers, { first = [], ...options } = {}) {
	const client = await broker.connect(options);

	for (const transaction of first) await client.ask('BEGIN', { transaction });
	client.send(command, { ...headers, receipt: 'r' });
	await client.refused(about, { receipt: 'r' });
}

async function expect(room, ...bodies) {
	for (const body of bodies) assert.equal((await room.receiver.next('MESSAGE')).body, body);
}

describe('transactions', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--limits-transactions=3',
			'--limits-transaction-frames=5',
			'--limits-transaction-bytes=8k',
			'--limits-transaction-time=3s',
			'--access-rules=deny send /pub/secret/**',
		]);
	});
	after(() => broker?.stop());

	for (const command of ['BEGIN', 'COMMIT', 'ABORT'])
		it(`T1 ${command} needs a transaction`, async () => {
			for (const version of ['1.0', '1.1', '1.2'])
				await assertRefused(broker, /transaction/, command, {}, { version });
		});

	it('T2 the name of an open transaction is refused', () =>
		assertRefused(
			broker,
			/duplicate transaction/i,
			'BEGIN',
			{ transaction: 't' },
			{ first: ['t'] },
		));

	it('T2 a name is the own of its connection', async () => {
		const one = await broker.connect();
		const two = await broker.connect();

		await one.ask('BEGIN', { transaction: 't' });
		await two.ask('BEGIN', { transaction: 't' });
		await one.ask('ABORT', { transaction: 't' });
		await two.ask('COMMIT', { transaction: 't' });
	});

	for (const version of ['1.0', '1.1', '1.2'])
		it(`T3 nothing is seen until COMMIT, then all in order, in ${version}`, async () => {
			const room = await Room.open(broker, { sender: version });
			const { sender, to } = room;

			await sender.ask('BEGIN', { transaction: 't' });
			for (const body of ['1', '2', '3'])
				await sender.ask(
					'SEND',
					{ destination: to, transaction: 't', foo: body },
					body,
				);
			await sender.ask('SEND', { destination: to }, 'at once');
			await expect(room, 'at once');
			await room.assertQuiet();
			await sender.ask('COMMIT', { transaction: 't' });
			for (const body of ['1', '2', '3']) {
				const message = await room.receiver.next('MESSAGE');

				assert.equal(message.body, body);
				assert.equal(message.headers.foo, body);
				assert.equal(message.headers.transaction, undefined);
			}
		});

	it('T3 bytes are kept as they are', async () => {
		const room = await Room.open(broker);
		const bytes = Buffer.from([0, 255, 1, 0, 254]);

		await room.sender.ask('BEGIN', { transaction: 't' });
		room.sender.binary(
			Buffer.concat([
				Buffer.from(
					`SEND\ndestination:${room.to}\ntransaction:t\n` +
						'content-type:x/y\ncontent-length:5\n\n',
				),
				bytes,
				Buffer.from([0]),
			]),
		);
		await room.sender.ask('COMMIT', { transaction: 't' });
		const message = await room.receiver.next('MESSAGE');

		assert.deepEqual(message.bytes, bytes);
		assert.equal(message.headers['content-type'], 'x/y');
	});

	it('T3 transactions know nothing of each other', async () => {
		const room = await Room.open(broker);
		const { sender, to } = room;

		await sender.ask('BEGIN', { transaction: 'outer' });
		await sender.ask('SEND', { destination: to, transaction: 'outer' }, 'o1');
		await sender.ask('BEGIN', { transaction: 'inner' });
		await sender.ask('SEND', { destination: to, transaction: 'inner' }, 'i1');
		await sender.ask('SEND', { destination: to, transaction: 'outer' }, 'o2');
		await sender.ask('COMMIT', { transaction: 'outer' });
		await expect(room, 'o1', 'o2');
		await room.assertQuiet();
		await sender.ask('COMMIT', { transaction: 'inner' });
		await expect(room, 'i1');
	});

	it('T4 ABORT drops all', async () => {
		const room = await Room.open(broker);
		const { sender, to } = room;

		await sender.ask('BEGIN', { transaction: 't' });
		await sender.ask('SEND', { destination: to, transaction: 't' }, 'never');
		await sender.ask('ABORT', { transaction: 't' });
		await room.assertQuiet();
	});

	for (const command of ['SEND', 'COMMIT', 'ABORT'])
		it(`T5 ${command} in an unknown transaction is refused`, async () => {
			for (const transaction of ['T', 't ', ''])
				await assertRefused(
					broker,
					/unknown transaction/i,
					command,
					{ destination: '/pub/x', transaction },
					{ first: ['t'] },
				);
		});

	for (const command of ['ACK', 'NACK'])
		it(`T5 ${command} in an unknown transaction is refused`, async () => {
			const client = await broker.connect();

			await client.subscribe('/sub/t5', '0', { ack: 'client' });
			await client.ask('SEND', { destination: '/pub/t5' });
			const { headers } = await client.message();

			client.send(command, { id: headers.ack, transaction: 't', receipt: 'r' });
			await client.refused(/unknown transaction/i, { receipt: 'r' });
		});

	it('T6 DISCONNECT and a lost connection abort', async () => {
		for (const leave of [(c) => c.ask('DISCONNECT'), (c) => c.drop()]) {
			const room = await Room.open(broker);

			await room.sender.ask('BEGIN', { transaction: 't' });
			await room.sender.ask(
				'SEND',
				{ destination: room.to, transaction: 't' },
				'never',
			);
			await leave(room.sender);
			await room.assertQuiet();
		}
	});

	it('T7 one refused SEND, and nothing of the transaction is seen', async () => {
		for (const [destination, about] of [
			['/pub/secret/x', /not allowed/],
			['/elsewhere', /destination/i],
			['/sub/x', /not allowed/i],
		]) {
			const room = await Room.open(broker);
			const { sender, to } = room;

			await sender.ask('BEGIN', { transaction: 't' });
			await sender.ask('SEND', { destination: to, transaction: 't' }, 'never');
			sender.send('SEND', { destination, transaction: 't', receipt: 'r' }, 'x');
			sender.send('COMMIT', { transaction: 't' });
			await sender.refused(about, { receipt: 'r' });
			await room.assertQuiet();
		}
	});

	it('T8 a name is free again after COMMIT and ABORT', async () => {
		const client = await broker.connect();

		for (const end of ['COMMIT', 'ABORT', 'COMMIT']) {
			await client.ask('BEGIN', { transaction: 't' });
			await client.ask(end, { transaction: 't' });
		}
		client.send('COMMIT', { transaction: 't', receipt: 'r' });
		await client.refused(/unknown transaction/i, { receipt: 'r' });
	});

	it('T9 transactions are limited', () =>
		assertRefused(
			broker,
			/limits\.transactions is 3/,
			'BEGIN',
			{ transaction: 'd' },
			{ first: ['a', 'b', 'c'] },
		));

	it('T9 frames are limited, of all transactions together', async () => {
		const room = await Room.open(broker);
		const { sender, to } = room;

		await sender.ask('BEGIN', { transaction: 'a' });
		await sender.ask('BEGIN', { transaction: 'b' });
		for (let i = 0; i < 5; i++)
			await sender.ask('SEND', { destination: to, transaction: 'ab'[i % 2] });
		sender.send('SEND', { destination: to, transaction: 'a', receipt: 'r' });
		await sender.refused(/limits\.transaction_frames is 5/, { receipt: 'r' });
		await room.assertQuiet();
	});

	it('T9 bytes are limited, and free again afterwards', async () => {
		const room = await Room.open(broker);
		const { sender, to } = room;
		const big = BODY.repeat(3);

		for (let i = 0; i < 4; i++) {
			await sender.ask('BEGIN', { transaction: 't' });
			await sender.ask('SEND', { destination: to, transaction: 't' }, big);
			await sender.ask('SEND', { destination: to, transaction: 't' }, big);
			await sender.ask('ABORT', { transaction: 't' });
		}
		await sender.ask('BEGIN', { transaction: 't' });
		await sender.ask('SEND', { destination: to, transaction: 't' }, big);
		await sender.ask('SEND', { destination: to, transaction: 't' }, big);
		sender.send('SEND', { destination: to, transaction: 't', receipt: 'r' }, big);
		await sender.refused(/limits\.transaction_bytes.* 8192 bytes/, { receipt: 'r' });
	});

	it('T10 a transaction that rests is ended with its connection', async () => {
		const client = await broker.connect();
		const busy = await broker.connect();

		await busy.ask('BEGIN', { transaction: 't' });
		await client.ask('BEGIN', { transaction: 't' });
		await busy.ask('SEND', { destination: '/pub/x', transaction: 't' });
		await client.refused(/limits\.transaction_time is 3000 ms/);
	});

	it('T11 frames in a transaction are receipted when they are taken', async () => {
		const room = await Room.open(broker);
		const { sender, to } = room;

		sender.send('BEGIN', { transaction: 't', receipt: '1' });
		sender.send('SEND', { destination: to, transaction: 't', receipt: '2' }, 'x');
		await sender.receipt('1');
		await sender.receipt('2');
		await room.assertQuiet();
		await sender.ask('COMMIT', { transaction: 't' });
		await expect(room, 'x');
	});

	it('@stomp/stompjs: begin(), commit(), abort(), ack() in a transaction', async () => {
		const room = await Room.open(broker);
		const up = promised();
		const got = promised();
		const client = new StompJs({
			webSocketFactory: () => new WebSocket(broker.url),
			reconnectDelay: 0,
			onConnect: up.resolve,
			onStompError: (frame) => {
				up.reject(new Error(frame.headers.message));
				got.reject(new Error(frame.headers.message));
			},
			onWebSocketError: (event) => up.reject(event.error),
		});
		const publish = (transaction, body) =>
			client.publish({
				destination: room.to,
				body,
				headers: { transaction: transaction.id },
			});

		client.activate();
		await within(up.promise, 'CONNECTED');
		const kept = client.begin();
		const dropped = client.begin();

		publish(kept, '1');
		publish(dropped, 'never');
		publish(kept, '2');
		dropped.abort();
		kept.commit();
		await expect(room, '1', '2');

		client.subscribe(
			`${room.from}/own`,
			(message) => {
				const transaction = client.begin();

				message.ack({ transaction: transaction.id });
				publish(transaction, `seen ${message.body}`);
				transaction.commit();
				got.resolve();
			},
			{ ack: 'client' },
		);
		client.publish({ destination: `${room.to}/own`, body: 'hi' });
		await within(got.promise, 'a message');
		await expect(room, 'seen hi');
		await client.deactivate();
		await room.assertQuiet();
	});
});

describe('transactions on two nodes', () => {
	let redis;
	let nodes;

	before(async () => {
		redis = await Redis.start();
		const flags = [`--redis-url=${redis.url}`, '--redis-on-down=refuse'];

		nodes = [await Broker.start(flags), await Broker.start(flags)];
	});
	after(async () => {
		for (const node of nodes ?? []) await node.stop();
		await redis?.stop();
	});

	it('T7 many senders at once: no transaction is mixed, none is lost', async () => {
		const receiver = await nodes[1].connect();
		const senders = [];
		const next = new Map();
		let left = 10 * 500;

		await receiver.subscribe('/sub/tx');
		for (let s = 0; s < 10; s++) senders.push(await nodes[0].connect());
		await Promise.all(
			senders.map(async (sender, s) => {
				sender.send('BEGIN', { transaction: 't' });
				for (let i = 0; i < 500; i++)
					sender.send(
						'SEND',
						{ destination: '/pub/tx', transaction: 't' },
						`${s} ${i}`,
					);
				await sender.ask('COMMIT', { transaction: 't' });
			}),
		);
		for (; left > 0; left--) {
			const [s, i] = (await receiver.next('MESSAGE')).body.split(' ').map(Number);

			assert.equal(i, next.get(s) ?? 0);
			next.set(s, i + 1);
		}
	});

	it('T7 a COMMIT that the bus refuses is an ERROR with its receipt', async () => {
		const client = await nodes[0].connect();

		await client.ask('BEGIN', { transaction: 't' });
		for (let i = 0; i < 3; i++)
			await client.ask('SEND', { destination: '/pub/x', transaction: 't' });
		await redis.stop();
		await nodes[0].untilStatus('/ready', 503);
		client.send('COMMIT', { transaction: 't', receipt: 'c' });
		await client.refused(/bus is down/i, { receipt: 'c' });
	});
});
