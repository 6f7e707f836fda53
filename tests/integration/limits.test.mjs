/* Rows L1 to L8 and C11: every limit ends in an ERROR that names its option. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';

import { Broker, program } from './lib/broker.mjs';
import { Child, freePort } from './lib/child.mjs';
import { Room } from './lib/room.mjs';
import { Client, frame } from './lib/stomp.mjs';
import { promised, until } from './lib/wait.mjs';

describe('limits', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--limits-body=4k',
			'--limits-headers=10',
			'--limits-header-line=256b',
			'--limits-header-block=1k',
			'--limits-destination=64b',
			'--limits-subscriptions=3',
			'--limits-connect-frame=2k',
		]);
	});
	after(() => broker?.stop());

	const send = (headers, body) => frame('SEND', { destination: '/pub/x', ...headers }, body);

	async function assertRefused(bytes, about) {
		const client = await broker.connect();

		client.text(bytes);
		await client.refused(about);
	}

	it('L1 too many headers', async () => {
		const headers = {};

		for (let i = 0; i < 9; i++) headers[`x-${i}`] = i;
		const room = await Room.open(broker);

		assert.equal((await room.pass(headers)).headers['x-8'], '8');
		await assertRefused(send({ ...headers, 'x-9': 9 }), /limits\.headers\b.*\b10\b/);
	});

	it('L2 a header line that is too long', async () => {
		const room = await Room.open(broker);

		await room.pass({ 'x-a': 'v'.repeat(256 - 4) });
		await assertRefused(
			send({ 'x-a': 'v'.repeat(256 - 3) }),
			/limits\.header_line\b.*\b256\b/,
		);
		await assertRefused(`SEND\n${'v'.repeat(300)}`, /limits\.header_line/);
	});

	it('L2 headers that are too long together', async () => {
		const headers = {};

		for (let i = 0; i < 6; i++) headers[`x-${i}`] = 'v'.repeat(200);
		await assertRefused(send(headers), /limits\.header_block\b.*\b1024\b/);
	});

	it('L3 a body that is too long, announced or not', async () => {
		const room = await Room.open(broker);

		assert.equal((await room.pass({}, 'b'.repeat(4096))).bytes.length, 4096);
		await assertRefused(send({}, 'b'.repeat(4097)), /limits\.body\b.*\b4096\b/);
		await assertRefused(
			send({ 'content-length': 4097 }, 'b'.repeat(4097)),
			/limits\.body/,
		);
	});

	it('L4 the ERROR says which frame it was', async () => {
		const client = await broker.connect();

		client.text(send({ receipt: 'r', 'content-length': 5000 }, 'b'));
		await client.refused(/limits\.body/, { receipt: 'r' });
	});

	it('L5 a body that is announced too long is refused before it comes', async () => {
		await assertRefused(
			'SEND\ndestination:/pub/x\ncontent-length:4097\n\n',
			/limits\.body/,
		);
	});

	it('L6 before CONNECT less is taken', async () => {
		const client = await broker.open();

		client.text(`CONNECT\naccept-version:1.2\nx:${'a'.repeat(2048)}`);
		await client.refused(/limits\.connect_frame\b.*\b2048\b/);
	});

	it('L7 limits count the sum over all WebSocket messages and fragments', async () => {
		const pieces = await broker.connect();
		const fragments = await broker.connect();

		pieces.text('SEND\ndestination:/pub/x\n\n');
		for (let i = 0; i < 5; i++) pieces.text('b'.repeat(1000));
		await pieces.refused(/limits\.body/);
		fragments.ws.send('SEND\ndestination:/pub/x\n\n', { fin: false });
		for (let i = 0; i < 5; i++) fragments.ws.send('b'.repeat(1000), { fin: false });
		await fragments.refused(/limits\.body/);
	});

	it('L8 too many subscriptions', async () => {
		const client = await broker.connect();

		for (let i = 0; i < 3; i++) await client.subscribe(`/sub/${i}`, String(i));
		await client.ask('UNSUBSCRIBE', { id: '1' });
		await client.subscribe('/sub/3', '3');
		client.send('SUBSCRIBE', { id: '4', destination: '/sub/4', receipt: 'r' });
		await client.refused(/limits\.subscriptions\b.*\b3\b/, { receipt: 'r' });
	});

	it('L8 a destination that is too long', async () => {
		const subscriber = await broker.connect();

		await assertRefused(
			frame('SEND', { destination: `/pub/${'d'.repeat(60)}` }),
			/limits\.destination\b.*\b64\b/,
		);
		subscriber.send('SUBSCRIBE', { id: '0', destination: `/sub/${'d'.repeat(60)}` });
		await subscriber.refused(/limits\.destination/);
	});
});

describe('limits of connecting', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--limits-connect-time=300ms',
			'--limits-connections=3',
		]);
	});
	after(() => broker?.stop());

	it('C11 a client that does not CONNECT in time is refused', async () => {
		const silent = await broker.open();
		const beating = await broker.open();

		beating.text('\n');
		beating.text('CONNECT\naccept-version:1.2\n');
		await silent.refused(/limits\.connect_time/);
		await beating.refused(/limits\.connect_time/);
		const client = await broker.connect();

		await until(() => performance.now() - client.since > 600, 'twice the deadline');
		await client.subscribe('/sub/c11');
		client.ws.close();
		await client.untilClosed();
	});

	it('L8 more connections than limits.connections get HTTP 503', async () => {
		const upgrade = {
			connection: 'upgrade',
			upgrade: 'websocket',
			'sec-websocket-version': '13',
			'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
		};

		await until(
			async () => JSON.parse((await broker.http('/health')).body).sessions === 0,
			'no sessions from before',
		);
		const clients = [
			await broker.connect(),
			await broker.connect(),
			await broker.connect(),
		];
		const answer = await broker.http('/ws', { headers: upgrade });

		assert.equal(answer.status, 503);
		assert.match(answer.body, /limits\.connections/);
		await assert.rejects(broker.connect(), { status: 503 });
		clients[1].ws.close();
		await clients[1].untilClosed();
		await until(() => broker.connect().catch(() => false), 'room for one client');
	});
});

describe('limits between the parts', () => {
	async function withBroker(flags, check) {
		const broker = await Broker.start(flags);

		try {
			await check(broker);
			await broker.stop();
		} finally {
			await broker.kill();
		}
	}

	it('receipts that nobody reads count against limits.queue', () =>
		withBroker(['--limits-queue=64k'], async (broker) => {
			const client = await broker.connect();
			const send = frame('SEND', { destination: '/pub/a', receipt: 'r'.repeat(8000) }, 'x');

			client.pause();
			/* Far more than the socket buffers on both sides and the queue hold. */
			for (let i = 0; i < 4000; i++) client.text(send);
			await broker.untilEvent('session.slow');
			client.resume();
			assert.equal((await client.untilClosed()).code, 4500);
		}));

	it('a message longer than limits.backlog reaches the clients of every event loop', () =>
		withBroker(['--limits-backlog=1M', '--limits-body=2M'], async (broker) => {
			const clients = await Promise.all(Array.from({ length: 12 }, () => broker.connect()));

			for (const client of clients) await client.subscribe('/sub/long');
			await clients[0].ask('SEND', { destination: '/pub/long' }, 'x'.repeat(1_500_000));
			for (const client of clients)
				assert.equal((await client.message()).body.length, 1_500_000);
		}));

	it('without descriptors for them, clients are closed, not left waiting', async () => {
		const port = await freePort();
		const child = new Child('/bin/sh', [
			'-c',
			'ulimit -n 80; exec "$0" "$@"',
			program,
			`--listen=127.0.0.1:${port}`,
			'--threads=2',
		]);
		const sockets = [];

		try {
			await until(() => child.stdout.includes('ready'), 'the start');
			const ended = Array.from({ length: 150 }, () => {
				const socket = net.connect(port, '127.0.0.1');
				const end = promised();

				sockets.push(socket);
				socket.on('error', () => {});
				socket.on('close', end.resolve);
				socket.resume();
				return end.promise.then(() => true);
			});
			let gone = 0;

			for (const end of ended) end.then(() => gone++);
			/* Those that fit stay until their request is due, the others end before. */
			await until(() => gone >= 150 - 80, () => `${gone} ends`);
			for (const socket of sockets) socket.destroy();
			const later = await Client.open(`ws://127.0.0.1:${port}/ws`);

			await later.connect();
			later.drop();
			assert.deepEqual(await child.end('SIGTERM', 10_000), { code: 0, signal: null });
		} finally {
			for (const socket of sockets) socket.destroy();
			child.signal('SIGKILL');
		}
	});
});
