/* Bodies of any bytes, by every way that a message can take. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Client as StompJs } from '@stomp/stompjs';
import SockJS from 'sockjs-client';
import WebSocket from 'ws';

import { Broker } from './lib/broker.mjs';
import { freePort } from './lib/child.mjs';
import { Redis } from './lib/redis.mjs';
import { Client, frame } from './lib/stomp.mjs';
import { FrameSocket } from './lib/tcp.mjs';
import { promised, until, within } from './lib/wait.mjs';

const MIB = 1024 * 1024; /* limits.body */
const DATA_URL = 'data:application/octet-stream;base64,';

const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

const bodies = {
	'every byte': every,
	'one NUL': Buffer.from([0]),
	'one byte that is no UTF-8': Buffer.from([0xff]),
	'one line feed': Buffer.from('\n'),
	NULs: Buffer.alloc(100),
	'broken UTF-8': Buffer.from('c328eda080c080f5808080e28200', 'hex'),
	'text with a NUL at its end': Buffer.from('text\0'),
	'a frame': Buffer.from('\0SEND\ndestination:/pub/x\n\nhi\0\xff', 'latin1'),
	'a data URL': Buffer.from(`${DATA_URL}AAAA`),
	'a byte order mark': Buffer.from('efbbbf7b7d', 'hex'),
	'JSON and a byte more': Buffer.from('{"a":1}\xfe', 'latin1'),
	'1 MiB of every byte': Buffer.alloc(MIB, every),
	'1 MiB of NULs': Buffer.alloc(MIB),
	'1 MiB of quotes': Buffer.alloc(MIB, '"'),
	'1 MiB of chance': randomBytes(MIB),
};

const types = ['application/octet-stream', undefined, 'image/png'];

/* Of a long one each type would show the same. */
const typesOf = (body) => (body.length < MIB ? types : types.slice(1, 2));

function frameOf(destination, body, headers = {}) {
	const all = { destination, 'content-length': body.length, ...headers };
	const [head] = frame('SEND', all).split('\0');

	return Buffer.concat([Buffer.from(head), body, Buffer.from([0])]);
}

function assertSame(got, body, what) {
	assert.ok(
		got.equals(body),
		`${what}: ${got.length} bytes, ${got.subarray(0, 64).toString('latin1')}`,
	);
}

describe('binary bodies', () => {
	let redis;
	const nodes = [];
	let rooms = 0;

	before(async () => {
		redis = await Redis.start();
		for (let i = 0; i < 2; i++) {
			const port = await freePort();

			nodes.push(
				await Broker.start([
					`--redis-url=${redis.url}`,
					`--tcp-listen=127.0.0.1:${port}`,
					'--sockjs-disconnect-delay=4s',
					'--queues-prefix=/queue',
				]),
			);
			nodes[i].tcpPort = port;
		}
	});
	after(async () => {
		try {
			for (const node of nodes) await node.stop();
		} finally {
			await redis?.end();
		}
	});

	const websocket = (node) => node.connect();
	const tcp = async (node) => {
		const client = await Client.open('tcp', {
			make: () => new FrameSocket({ port: node.tcpPort }),
		});

		node.clients.add(client);
		await client.connect();
		return client;
	};

	/* From, to, the receiver's node (the sender's is 0), how the sender says it, how it is heard. */
	const ways = [
		['WebSocket to WebSocket', websocket, websocket, 0],
		['WebSocket to WebSocket on another node', websocket, websocket, 1],
		['WebSocket to TCP on another node', websocket, tcp, 1],
		['TCP to WebSocket on another node', tcp, websocket, 1],
		['TCP to TCP', tcp, tcp, 0],
		['in a transaction', websocket, websocket, 1, { transaction: 't' }],
		['with ack', websocket, websocket, 1, {}, { ack: 'client-individual' }],
		['with ack, TCP', tcp, tcp, 1, {}, { ack: 'client' }],
		['through a queue', websocket, websocket, 1, {}, {}, ['/queue', '/queue']],
		[
			'through a queue, with ack',
			tcp,
			websocket,
			1,
			{},
			{ ack: 'client' },
			['/queue', '/queue'],
		],
	];

	for (const way of ways) {
		const [name, openSender, openReceiver, to, said = {}, heard = {}] = way;
		const [sendTo, hearFrom] = way[6] ?? ['/pub', '/sub'];

		it(`${name}: what comes out is what went in`, async () => {
			const path = `binary-${++rooms}`;
			const sender = await openSender(nodes[0]);
			const receiver = await openReceiver(nodes[to]);

			await receiver.subscribe(`${hearFrom}/${path}`, '0', heard);
			for (const [what, body] of Object.entries(bodies)) {
				for (const type of typesOf(body)) {
					const headers = type
						? { 'content-type': type, ...said }
						: said;

					if (said.transaction) await sender.ask('BEGIN', said);
					sender.binary(frameOf(`${sendTo}/${path}`, body, headers));
					if (said.transaction) await sender.ask('COMMIT', said);
					const got = await receiver.next('MESSAGE');

					assertSame(got.bytes, body, `${what}, ${type}`);
					assert.equal(
						Number(got.headers['content-length']),
						body.length,
					);
					if (type) assert.equal(got.headers['content-type'], type);
					if (heard.ack)
						await receiver.ask('ACK', { id: got.headers.ack });
				}
			}
		});
	}

	it('a body of one byte more than limits.body is refused, one of that length is not', async () => {
		const sender = await nodes[0].connect();

		sender.binary(frameOf('/pub/limit', Buffer.alloc(MIB, 255), { receipt: 'fits' }));
		await sender.receipt('fits');
		sender.binary(frameOf('/pub/limit', Buffer.alloc(MIB + 1, 255)));
		await sender.refused(/limits\.body/);
	});

	it('messages that lie in one WebSocket message, and one that lies in several', async () => {
		const receiver = await nodes[1].connect();
		const sender = await nodes[0].connect();
		const both = Buffer.concat([
			frameOf('/pub/cut', every),
			frameOf('/pub/cut', Buffer.alloc(3)),
		]);

		await receiver.subscribe('/sub/cut');
		sender.binary(both);
		for (let at = 0; at < both.length; at += 7)
			sender.binary(both.subarray(at, at + 7));
		for (const body of [every, Buffer.alloc(3), every, Buffer.alloc(3)])
			assertSame((await receiver.next('MESSAGE')).bytes, body, 'cut');
	});

	/* With the stock client, which gives bytes as `binaryBody`. */
	async function stompjs(options) {
		const up = promised();
		const client = new StompJs({
			reconnectDelay: 0,
			onConnect: up.resolve,
			onStompError: (error) => up.reject(new Error(error.headers.message)),
			...options,
		});

		client.activate();
		await within(up.promise, 'CONNECTED');
		return client;
	}

	async function listen(client, destination) {
		const live = promised();
		const heard = [];

		client.watchForReceipt('live', live.resolve);
		client.subscribe(destination, (message) => heard.push(message), {
			receipt: 'live',
		});
		await within(live.promise, 'the receipt of SUBSCRIBE');
		return {
			async next() {
				await until(() => heard.length > 0, 'MESSAGE', undefined, 1);
				return heard.shift();
			},
		};
	}

	/* A text comes as it is, anything else as a data URL. */
	function assertText(message, body, type, what) {
		if (Buffer.from(body.toString()).equals(body)) {
			assertSame(Buffer.from(message.binaryBody), body, what);
			if (type) assert.equal(message.headers['content-type'], type);
			return;
		}
		const [head, base64] = message.body.split(',');

		assert.equal(head, `data:${type ?? 'application/octet-stream'};base64`);
		assertSame(Buffer.from(base64, 'base64'), body, what);
		assert.equal(message.headers['content-type'], 'text/plain;charset=UTF-8');
	}

	const overWebSocket = (node) => ({
		webSocketFactory: () => {
			const ws = new WebSocket(node.url);

			ws.binaryType = 'arraybuffer';
			return ws;
		},
	});

	it('@stomp/stompjs: binaryBody on both sides, on two nodes', async () => {
		const sender = await stompjs(overWebSocket(nodes[0]));
		const receiver = await stompjs(overWebSocket(nodes[1]));

		try {
			const heard = await listen(receiver, '/sub/stompjs');

			for (const [what, body] of Object.entries(bodies)) {
				for (const type of typesOf(body)) {
					sender.publish({
						destination: '/pub/stompjs',
						binaryBody: new Uint8Array(body),
						headers: type ? { 'content-type': type } : {},
					});
					assertSame(
						Buffer.from((await heard.next()).binaryBody),
						body,
						what,
					);
				}
			}
		} finally {
			await Promise.all([sender.deactivate(), receiver.deactivate()]);
		}
	});

	for (const [transport, sendTo, hearFrom] of [
		['websocket', '/pub', '/sub'],
		['xhr-streaming', '/pub', '/sub'],
		['xhr-polling', '/pub', '/sub'],
		['eventsource', '/pub', '/sub'],
		['websocket', '/queue', '/queue'],
	]) {
		it(`SockJS, ${transport}, from ${hearFrom}: what is no UTF-8 comes as a data URL of its bytes`, async () => {
			const path = `sockjs-${transport}`;
			const sender = await nodes[0].connect();
			const receiver = await stompjs({
				webSocketFactory: () =>
					new SockJS(`${nodes[1].origin}/ws`, null, {
						transports: [transport],
					}),
			});

			try {
				const heard = await listen(receiver, `${hearFrom}/${path}`);

				for (const [what, body] of Object.entries(bodies)) {
					for (const type of typesOf(body)) {
						const headers = type
							? { 'content-type': type }
							: {};

						sender.binary(
							frameOf(`${sendTo}/${path}`, body, headers),
						);
						assertText(await heard.next(), body, type, what);
					}
				}
			} finally {
				await receiver.deactivate();
			}
		});
	}

	it('what a type cannot say in a data URL is left out of it', async () => {
		const sender = await nodes[0].connect();
		const receiver = await stompjs({
			webSocketFactory: () =>
				new SockJS(`${nodes[0].origin}/ws`, null, {
					transports: ['websocket'],
				}),
		});

		try {
			const heard = await listen(receiver, '/sub/odd-type');

			for (const type of ['a/b;c="d,e"', 'a,b', ''])
				sender.binary(
					frameOf('/pub/odd-type', Buffer.from([255]), {
						'content-type': type,
					}),
				);
			for (let i = 0; i < 3; i++)
				assert.equal((await heard.next()).body, `${DATA_URL}/w==`);
		} finally {
			await receiver.deactivate();
		}
	});
});
