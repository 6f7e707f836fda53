/* Rows D1 to D5, R1 to R5, X1 to X6, M1 to M8: how things are confirmed, and how they end. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Room } from './lib/room.mjs';
import { frame } from './lib/stomp.mjs';
import { within } from './lib/wait.mjs';

describe('DISCONNECT, RECEIPT, ERROR and MESSAGE', () => {
	let broker;

	before(async () => {
		broker = await Broker.start();
	});
	after(() => broker?.stop());

	it('D1 D5 the receipt of DISCONNECT arrives, then the server closes with 1000', async () => {
		const client = await broker.connect();

		client.send('DISCONNECT', { receipt: 'bye' });
		await client.receipt('bye');
		assert.equal((await client.untilClosed()).code, 1000);
	});

	it('D5 the client may close first', async () => {
		const client = await broker.connect();

		await client.ask('DISCONNECT');
		client.ws.close(1000);
		assert.equal((await client.untilClosed()).code, 1000);
	});

	it('D5 DISCONNECT without a receipt closes with 1000', async () => {
		const client = await broker.connect();

		client.send('DISCONNECT');
		assert.equal((await client.untilClosed()).code, 1000);
		assert.deepEqual(client.frames, []);
	});

	it('D2 R3 everything sent before DISCONNECT is processed', async () => {
		const room = await Room.open(broker);
		let bytes = '';

		for (let i = 0; i < 100; i++)
			bytes += frame(
				'SEND',
				{ destination: room.to, receipt: `s${i}` },
				String(i),
			);
		room.sender.text(bytes + frame('DISCONNECT', { receipt: 'bye' }));
		for (let i = 0; i < 100; i++) {
			assert.equal(
				(await room.sender.next('RECEIPT')).headers['receipt-id'],
				`s${i}`,
			);
			assert.equal((await room.receiver.next('MESSAGE')).body, String(i));
		}
		assert.equal((await room.sender.next('RECEIPT')).headers['receipt-id'], 'bye');
	});

	it('D3 frames behind DISCONNECT are ignored', async () => {
		const room = await Room.open(broker);

		room.sender.text(
			frame('DISCONNECT', { receipt: 'bye' }) +
				frame('SEND', { destination: room.to, receipt: 'late' }, 'late') +
				'RUBBISH\n\n\0',
		);
		await room.sender.receipt('bye');
		assert.equal((await room.sender.untilClosed()).code, 1000);
		assert.deepEqual(room.sender.frames, []);
		await room.assertQuiet();
	});

	for (const [how, end] of [
		['a close', (ws) => ws.close()],
		['no word', (ws) => ws.terminate()],
	]) {
		it(`D4 frames received before an end with ${how} are processed`, async () => {
			const room = await Room.open(broker);
			const sent = new Promise((resolve) => {
				for (let i = 0; i < 20; i++)
					room.sender.ws.send(
						frame('SEND', { destination: room.to }, String(i)),
						resolve,
					);
			});

			await within(sent, 'the frames in the socket');
			end(room.sender.ws);
			for (let i = 0; i < 20; i++)
				assert.equal((await room.receiver.next('MESSAGE')).body, String(i));
		});
	}

	it('R1 R2 R4 R5 every frame but CONNECT is answered by its receipt', async () => {
		const client = await broker.connect();

		for (const [command, headers] of [
			['SUBSCRIBE', { id: '0', destination: '/sub/r5' }],
			['SEND', { destination: '/pub/r5' }],
			['UNSUBSCRIBE', { id: '0' }],
			['DISCONNECT', {}],
		]) {
			const receipt = await client.ask(command, headers);

			assert.equal(receipt.bytes.length, 0);
			assert.deepEqual(
				receipt.list.map(([name]) => name),
				['receipt-id'],
			);
		}
	});

	it('R3 receipts come in the order of the frames', async () => {
		const client = await broker.connect();
		let bytes = '';

		for (let i = 0; i < 100; i++) {
			bytes += frame('SEND', { destination: '/pub/r3', receipt: `a${i}` }, 'x');
			bytes += frame('SUBSCRIBE', {
				id: i,
				destination: `/sub/r3/${i}`,
				receipt: `b${i}`,
			});
		}
		client.text(bytes);
		for (let i = 0; i < 100; i++) {
			assert.equal((await client.next('RECEIPT')).headers['receipt-id'], `a${i}`);
			assert.equal((await client.next('RECEIPT')).headers['receipt-id'], `b${i}`);
		}
	});

	it('X1 X2 X3 X5 ERROR arrives with all its headers, then the server closes', async () => {
		const client = await broker.connect();

		client.send('SUBSCRIBE', { id: '0', receipt: 'mine' });
		await client.refused(/destination/, { receipt: 'mine' });
	});

	it('X1 frames behind the refused one are not processed', async () => {
		const room = await Room.open(broker);

		room.sender.text(`WRONG\n\n\0${frame('SEND', { destination: room.to }, 'late')}`);
		await room.sender.refused(/unknown command/i);
		await room.assertQuiet();
	});

	it('X5 what came before the refused frame has its effect and its receipt', async () => {
		const room = await Room.open(broker);

		room.sender.text(
			frame('SEND', { destination: room.to }, 'hi') +
				frame('SUBSCRIBE', { id: '0', destination: '/sub/x5' }) +
				'WRONG\n\n\0',
		);
		await room.sender.refused(/unknown command/i);
		assert.equal((await room.receiver.next('MESSAGE')).body, 'hi');
		const other = await broker.connect();

		other.text(
			`${frame('SUBSCRIBE', { id: '0', destination: '/sub/x5', receipt: 'r' })}WRONG\n\n\0`,
		);
		await other.receipt('r');
		await other.refused(/unknown command/i);
	});

	it('X6 ERROR tells nothing of the insides', async () => {
		const texts = [];

		for (const bytes of [
			'WRONG\n\n\0',
			frame('SEND'),
			frame('MESSAGE'),
			'SEND\n:\n\n\0',
		]) {
			const client = await broker.connect();

			client.text(bytes);
			texts.push((await client.refused(/./)).raw.toString());
		}
		for (const text of texts) {
			assert.ok(text.length < 512, text);
			assert.doesNotMatch(text, /\.[ch]:\d|0x[0-9a-f]{4}|session_|assert/);
		}
	});

	it('M1 M3 M5 M6 M7 B3 MESSAGE says all that it must, and what the SEND said', async () => {
		const room = await Room.open(broker);
		const { list, headers } = await room.pass(
			{ 'content-type': 'text/plain', foo: 'bar' },
			'hi',
		);

		assert.deepEqual(
			list.map(([name]) => name),
			[
				'destination',
				'content-type',
				'foo',
				'subscription',
				'message-id',
				'content-length',
			],
		);
		assert.equal(headers.destination, room.from);
		assert.equal(headers.subscription, '0');
		assert.equal(headers['content-type'], 'text/plain', 'M6');
		assert.equal(headers.foo, 'bar', 'M7');
		assert.equal(headers['content-length'], '2', 'M5');
	});

	it('M2 message ids are unique', async () => {
		const room = await Room.open(broker);
		const ids = new Set();

		for (let i = 0; i < 300; i++)
			room.sender.send('SEND', { destination: room.to }, String(i));
		for (let i = 0; i < 300; i++)
			ids.add((await room.receiver.next('MESSAGE')).headers['message-id']);
		assert.equal(ids.size, 300);
	});

	it("M8 each publisher's order is kept for each subscriber", async () => {
		const room = await Room.open(broker);
		const publishers = [room.sender, await broker.connect(), await broker.connect()];
		const next = [0, 0, 0];

		for (let i = 0; i < 200; i++)
			publishers.forEach((p, n) =>
				p.send('SEND', { destination: room.to }, `${n} ${i}`),
			);
		for (let i = 0; i < 600; i++) {
			const [publisher, number] = (
				await room.receiver.next('MESSAGE')
			).body.split(' ');

			assert.equal(Number(number), next[publisher]++);
		}
	});
});
