/* The clients that pages use, unchanged, on two nodes behind a JWT check. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client as StompJs } from '@stomp/stompjs';
import Stomp2 from 'stompjs';
import webstomp from 'webstomp-client';
import WebSocket from 'ws';

import { Broker } from './lib/broker.mjs';
import { jwtFlags, tokenFor } from './lib/jwt.mjs';
import { Redis } from './lib/redis.mjs';
import { promised, until, within } from './lib/wait.mjs';

const MESSAGES = 200; /* of each client */
const PROTOCOLS = ['v12.stomp', 'v11.stomp', 'v10.stomp'];
const WORDS = [
	'안녕하세요',
	'😀👩‍👩‍👧',
	'plain',
	'한글과 "따옴표"\\',
	'a:b\tc',
	'{"json":true}',
	'여러\n줄',
];

const sockets = new Set();

function socket(url) {
	const ws = new WebSocket(url, PROTOCOLS);

	sockets.add(ws);
	return ws;
}

/*
 * One face for three libraries: connect(url, headers) resolves when CONNECTED
 * has come; then subscribe(destination, onBody) when its receipt has come;
 * send(destination, body); end() when DISCONNECT was answered or sent.
 */
const libraries = {
	'@stomp/stompjs 7': (options = {}) => {
		let client;

		return {
			connect(url, connectHeaders) {
				const up = promised();

				client = new StompJs({
					webSocketFactory: () => socket(url),
					connectHeaders,
					reconnectDelay: 0,
					...options,
					onConnect: up.resolve,
					onStompError: (frame) =>
						up.reject(new Error(frame.headers.message)),
					onWebSocketError: (event) => up.reject(event.error),
				});
				client.activate();
				return up.promise;
			},
			subscribe(destination, onBody) {
				const live = promised();

				client.watchForReceipt('live', live.resolve);
				client.subscribe(
					destination,
					(message) => onBody(message.body, message),
					{ receipt: 'live' },
				);
				return live.promise;
			},
			send: (destination, body, headers) =>
				client.publish({ destination, body, headers }),
			end: () => client.deactivate(),
		};
	},
	'stompjs 2.3.3': () => {
		let client;

		return {
			connect(url, headers) {
				const up = promised();

				client = Stomp2.over(socket(url));
				client.debug = null;
				client.connect(headers, up.resolve, (error) =>
					up.reject(new Error(error.headers?.message ?? error)),
				);
				return up.promise;
			},
			subscribe(destination, onBody) {
				const live = promised();

				client.onreceipt = live.resolve;
				client.subscribe(
					destination,
					(message) => onBody(message.body, message),
					{ receipt: 'live' },
				);
				return live.promise;
			},
			send: (destination, body, headers = {}) =>
				client.send(destination, headers, body),
			end: () =>
				new Promise((resolve) => {
					client.disconnect(resolve);
				}),
		};
	},
	'webstomp-client 1.2.6': () => {
		let client;

		return {
			connect(url, headers) {
				const up = promised();

				client = webstomp.over(socket(url), { debug: false });
				client.connect(headers, up.resolve, (error) =>
					up.reject(
						new Error(
							error.headers?.message ??
								`closed ${error.code}`,
						),
					),
				);
				return up.promise;
			},
			subscribe(destination, onBody) {
				const live = promised();

				client.onreceipt = live.resolve;
				client.subscribe(
					destination,
					(message) => onBody(message.body, message),
					{ receipt: 'live' },
				);
				return live.promise;
			},
			send: (destination, body, headers) =>
				client.send(destination, body, headers),
			end: () =>
				new Promise((resolve) => {
					client.disconnect(resolve);
				}),
		};
	},
};

describe('stock clients on two nodes', () => {
	let redis;
	let nodes = [];

	before(async () => {
		redis = await Redis.start();
		for (let i = 0; i < 2; i++) {
			nodes.push(
				await Broker.start([
					...jwtFlags,
					'--auth-anonymous=reject',
					`--redis-url=${redis.url}`,
				]),
			);
		}
	});
	after(async () => {
		for (const ws of sockets) ws.terminate();
		try {
			for (const node of nodes) await node.stop();
		} finally {
			await redis?.end();
		}
	});

	const headersOf = (name) => ({ Authorization: `Bearer ${tokenFor(name)}` });

	for (const [name, make] of Object.entries(libraries)) {
		it(`${name} connects, is refused without a token, and disconnects`, async () => {
			const stranger = make();
			const client = make();

			await assert.rejects(
				within(stranger.connect(nodes[0].url, {}), 'a refusal'),
				/token/i,
			);
			await within(client.connect(nodes[0].url, headersOf('kim')), 'CONNECTED');
			await within(
				client.subscribe('/sub/x', () => {}),
				'the receipt of SUBSCRIBE',
			);
			await within(client.end(), 'the end');
		});
	}

	it('all chat across the nodes, in order, each message once', async () => {
		const members = [];
		const room = '/contents/ccf6489c/chat';

		for (const [name, make] of Object.entries(libraries)) {
			for (const node of nodes) {
				const member = {
					index: members.length,
					client: make(),
					heard: [],
					types: new Set(),
				};

				members.push(member);
				await within(
					member.client.connect(node.url, headersOf(name)),
					'CONNECTED',
				);
				await within(
					member.client.subscribe(`/sub${room}`, (body, message) => {
						member.heard.push(body);
						member.types.add(message.headers['content-type']);
					}),
					'the receipt of SUBSCRIBE',
				);
			}
		}
		for (let i = 0; i < MESSAGES; i++) {
			for (const { index, client } of members)
				client.send(
					`/pub${room}`,
					`${index} ${i} ${WORDS[(index + i) % WORDS.length]}`,
				);
			/* Pages do not send in one burst: let what has come be read. */
			await until(
				() =>
					members.every(
						(m) => m.heard.length >= (i - 20) * members.length,
					),
				'the others to keep up',
			);
		}
		const total = MESSAGES * members.length;

		await until(
			() => members.every((m) => m.heard.length >= total),
			() => `${total} messages; came ${members.map((m) => m.heard.length)}`,
			30_000,
		);
		for (const { heard, types } of members) {
			assert.equal(heard.length, total);
			assert.deepEqual([...types], ['text/plain;charset=UTF-8']);
			for (const { index } of members) {
				const expected = Array.from(
					{ length: MESSAGES },
					(_, i) =>
						`${index} ${i} ${WORDS[(index + i) % WORDS.length]}`,
				);

				assert.deepEqual(
					heard.filter((body) => body.startsWith(`${index} `)),
					expected,
				);
			}
		}
		for (const { client } of members) await within(client.end(), 'the end');
	});

	it('JSON bodies and headers arrive as they were sent', async () => {
		for (const [name, make] of Object.entries(libraries)) {
			const sender = make();
			const receiver = make();
			const heard = promised();
			const body = JSON.stringify({
				sender: { name: '테스트' },
				content: '안녕 😀',
			});

			await within(sender.connect(nodes[0].url, headersOf('kim')), 'CONNECTED');
			await within(receiver.connect(nodes[1].url, headersOf('lee')), 'CONNECTED');
			await within(
				receiver.subscribe(`/sub/json/${name.length}`, (text, message) =>
					heard.resolve([text, message]),
				),
				'the receipt of SUBSCRIBE',
			);
			sender.send(`/pub/json/${name.length}`, body, {
				'content-type': 'application/json',
				foo: 'bar',
			});
			const [text, message] = await within(
				heard.promise,
				`a message for ${name}`,
			);

			assert.equal(text, body);
			assert.equal(message.headers['content-type'], 'application/json');
			assert.equal(message.headers.foo, 'bar');
			await sender.end();
			await receiver.end();
		}
	});

	it('bodies that the libraries cut into pieces arrive whole', async () => {
		/* No pair of surrogates: where they cut one in two, it is lost before it is sent. */
		const body = '한글x'.repeat(30_000);
		const makers = {
			...libraries,
			'@stomp/stompjs 7, split': () =>
				libraries['@stomp/stompjs 7']({ splitLargeFrames: true }),
			'@stomp/stompjs 7, binary': () =>
				libraries['@stomp/stompjs 7']({ forceBinaryWSFrames: true }),
		};

		for (const [name, make] of Object.entries(makers)) {
			const client = make();
			const heard = promised();

			await within(client.connect(nodes[0].url, headersOf('kim')), 'CONNECTED');
			await within(
				client.subscribe('/sub/large', heard.resolve),
				'the receipt of SUBSCRIBE',
			);
			client.send('/pub/large', body);
			assert.ok(
				(await within(heard.promise, `the message of ${name}`)) === body,
				name,
			);
			await client.end();
		}
	});
});
