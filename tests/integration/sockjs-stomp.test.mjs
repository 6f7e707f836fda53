/* STOMP over SockJS: the stock clients and what they rely on. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Client as StompJs } from '@stomp/stompjs';
import SockJS from 'sockjs-client';
import Stomp2 from 'stompjs';
import webstomp from 'webstomp-client';

import { Broker } from './lib/broker.mjs';
import { Site } from './lib/http.mjs';
import { jwtFlags, tokenFor } from './lib/jwt.mjs';
import { Poller } from './lib/poller.mjs';
import { Session, Socket } from './lib/sockjs.mjs';
import { frame, parse } from './lib/stomp.mjs';
import { promised, until, within } from './lib/wait.mjs';

const LONG = '한글 "%" </script> '.repeat(1200); /* 40 kB, in pieces of 16 KiB */
/* Sessions without a receiver hold the end of a node up for so long. */
const BRIEFLY = '--sockjs-disconnect-delay=2s';
const IN_NODE = ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource'];

const sockets = new Set();

function sockJs(broker, transport, query = '') {
	const socket = new SockJS(`${broker.origin}/ws${query}`, null, { transports: [transport] });

	sockets.add(socket);
	return socket;
}

function dropSockets() {
	for (const socket of sockets) socket.close();
	sockets.clear();
}

/* One face for three libraries, each over a SockJS of the given transport. */
const libraries = {
	'@stomp/stompjs 7.5.0': (makeSocket) => {
		const up = promised();
		const client = new StompJs({
			webSocketFactory: makeSocket,
			reconnectDelay: 0,
			onConnect: up.resolve,
			onStompError: (error) => up.reject(new Error(error.headers.message)),
			onWebSocketClose: (event) => up.reject(new Error(`closed ${event.code}`)),
		});

		client.activate();
		return {
			connected: up.promise,
			onReceipt: (id, done) => client.watchForReceipt(id, done),
			subscribe: (to, heard, headers) => client.subscribe(to, heard, headers),
			send: (destination, headers, body) =>
				client.publish({ destination, headers, body }),
			end: () => client.deactivate(),
		};
	},
	'stompjs 2.3.3': (makeSocket) => {
		const up = promised();
		const client = Stomp2.over(makeSocket());

		client.debug = null;
		client.connect({}, up.resolve, (error) => up.reject(new Error(String(error))));
		return {
			connected: up.promise,
			onReceipt(id, done) {
				client.onreceipt = (receipt) =>
					receipt.headers['receipt-id'] === id && done();
			},
			subscribe: (to, heard, headers) => client.subscribe(to, heard, headers),
			send: (destination, headers, body) =>
				client.send(destination, headers, body),
			end: () => new Promise((resolve) => client.disconnect(resolve)),
		};
	},
	'webstomp-client 1.2.6': (makeSocket) => {
		const up = promised();
		const client = webstomp.over(makeSocket(), { debug: false });

		client.connect({}, up.resolve, (error) => up.reject(new Error(String(error))));
		return {
			connected: up.promise,
			onReceipt(id, done) {
				client.onreceipt = (receipt) =>
					receipt.headers['receipt-id'] === id && done();
			},
			subscribe: (to, heard, headers) => client.subscribe(to, heard, headers),
			send: (destination, headers, body) =>
				client.send(destination, body, headers),
			end: () => new Promise((resolve) => client.disconnect(resolve)),
		};
	},
};

describe('STOMP clients over SockJS', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([BRIEFLY]);
	});
	afterEach(dropSockets);
	after(() => broker?.stop());

	for (const [name, make] of Object.entries(libraries)) {
		for (const transport of IN_NODE) {
			it(`${name}, ${transport}: everything a page does`, async () => {
				const socket = promised();
				const to = `/${name.length}/${transport}`;
				const heard = [];
				const client = make(() => {
					const made = sockJs(broker, transport);

					socket.resolve(made);
					return made;
				});

				await within(client.connected, 'CONNECTED');
				assert.equal((await socket.promise).transport, transport);
				const live = promised();

				client.onReceipt('live', live.resolve);
				client.subscribe(`/sub${to}`, (message) => heard.push(message), {
					receipt: 'live',
				});
				await within(live.promise, 'the receipt of SUBSCRIBE');
				const sent = promised();

				client.onReceipt('sent', sent.resolve);
				client.send(`/pub${to}`, { foo: 'bar' }, '안녕 😀');
				client.send(`/pub${to}`, {}, LONG);
				client.send(`/pub${to}`, { receipt: 'sent' }, 'last');
				await within(sent.promise, 'the receipt of SEND');
				await until(() => heard.length === 3, 'three messages');
				assert.deepEqual(
					heard.map(({ body }) => body),
					['안녕 😀', LONG, 'last'],
				);
				assert.equal(heard[0].headers.foo, 'bar');
				await within(client.end(), 'the end');
			});
		}
	}

	it('60 messages in order over each transport', async () => {
		for (const transport of IN_NODE) {
			const client = libraries['@stomp/stompjs 7.5.0'](() =>
				sockJs(broker, transport),
			);
			const heard = [];
			const live = promised();
			const expected = Array.from(
				{ length: 60 },
				(_, i) => `${i} ${'가'.repeat(700)}`,
			);

			await within(client.connected, 'CONNECTED');
			client.onReceipt('live', live.resolve);
			client.subscribe(
				`/sub/60/${transport}`,
				(message) => heard.push(message.body),
				{
					receipt: 'live',
				},
			);
			await within(live.promise, 'the receipt of SUBSCRIBE');
			for (const body of expected) client.send(`/pub/60/${transport}`, {}, body);
			await until(() => heard.length === expected.length, `60 over ${transport}`);
			assert.deepEqual(heard, expected);
			await within(client.end(), 'the end');
		}
	});

	it('a WebSocket at the endpoint, below it, and in a session: all speak STOMP', async () => {
		for (const path of ['/ws', '/ws/websocket']) {
			const client = await broker.open({
				url: `ws://127.0.0.1:${broker.port}${path}`,
				protocols: ['v12.stomp'],
			});

			assert.equal(client.ws.protocol, 'v12.stomp');
			await client.connect();
		}
		const socket = await Socket.open(
			`ws://127.0.0.1:${broker.port}/ws/000/s/websocket`,
		);

		await socket.assertFrame('o');
		socket.send(
			JSON.stringify([frame('CONNECT', { 'accept-version': '1.2', host: 'x' })]),
		);
		const [text] = await socket.messages(1);

		assert.equal(parse(Buffer.from(text), '1.2').command, 'CONNECTED');
		socket.drop();
	});

	it('as Spring: an ERROR, then the close with its code', async () => {
		const poller = await Poller.open(broker);

		await poller.send('FOO');
		const error = await poller.next('ERROR');

		assert.ok(error.headers.message);
		assert.match(await poller.poll(), /^c\[1002,".*"\]$/);
		assert.match(await poller.poll(), /^c\[\d+,".*"\]$/);

		const socket = await Socket.open(
			`ws://127.0.0.1:${broker.port}/ws/000/s/websocket`,
		);

		await socket.assertFrame('o');
		socket.send(JSON.stringify([frame('FOO')]));
		const [text] = await socket.messages(1);

		assert.match(text, /^ERROR\n/);
		assert.match(await socket.frame(), /^c\[1002,".*"\]$/);
		assert.ok([1000, 1002].includes((await socket.untilClosed()).code), socket.end);
	});

	it('as Spring: what a MESSAGE looks like inside a frame', async () => {
		const socket = await Socket.open(
			`ws://127.0.0.1:${broker.port}/ws/000/s/websocket`,
		);
		const poller = await Poller.open(broker);
		const ask = (...frames) => socket.send(JSON.stringify([frames.join('')]));

		await poller.connect();
		await poller.subscribe('/sub/look');
		await socket.assertFrame('o');
		ask(frame('CONNECT', { 'accept-version': '1.2', host: 'x' }));
		assert.match(
			await socket.frame(),
			/^a\["CONNECTED\\nversion:1\.2\\n.*\\n\\n\\u0000"\]$/,
		);
		ask(
			frame('SUBSCRIBE', { id: '1', destination: '/sub/look' }),
			frame('SEND', { destination: '/pub/look' }, '한\u200c\u2028 \u0001"\\\n😀'),
		);
		const escapes = '한\\u200c\\u2028 \\u0001\\"\\\\\\n\\ud83d\\ude00\\u0000"]';

		for (const got of [await socket.frame(), await poller.poll()]) {
			assert.match(got, /^a\["MESSAGE\\n.*subscription:[01]\\n/);
			assert.ok(got.endsWith(`\\n\\n${escapes}`), got);
		}
		socket.drop();
	});

	it('as Spring: DISCONNECT is answered', async () => {
		const poller = await Poller.open(broker);

		await poller.connect();
		await poller.send('DISCONNECT', { receipt: 'bye' });
		const got = await poller.next('RECEIPT');

		assert.equal(got.headers['receipt-id'], 'bye');
	});

	it('as Spring: only one frame in a message, and pieces of one in several', async () => {
		const poller = await Poller.open(broker);
		const connect = frame('CONNECT', { 'accept-version': '1.2', host: 'x' });
		const subscribe = frame('SUBSCRIBE', {
			id: '0',
			destination: '/sub/p',
			receipt: '1',
		});
		const send = frame('SEND', { destination: '/pub/p' }, '한글 😀');
		const all = `${connect}${subscribe}${send}`;
		const cut = [10, 30, connect.length + 3, all.length - 4, all.length];
		const pieces = cut.map((end, i) => all.slice(i ? cut[i - 1] : 0, end));
		const answer = await poller.session.ask('xhr_send', {
			body: JSON.stringify(pieces),
		});

		assert.equal(answer.status, 204);
		await poller.next('CONNECTED');
		const two = [(await poller.next('RECEIPT')).command, await poller.next('MESSAGE')];

		assert.equal(two[1].body, '한글 😀');
	});

	it('presence of a client ends with its receiver', async () => {
		const before = (await broker.counters()).sessions;
		const poller = await Poller.open(broker);

		await poller.connect();
		await poller.subscribe('/sub/gone');
		const receiver = await poller.session.receive('xhr_streaming');

		receiver.drop();
		await until(
			async () => {
				const answer = await poller.session.ask('xhr_send', { body: '[]' });

				return answer.status === 404;
			},
			'the end of the session',
			3000,
		);
		if (before !== undefined)
			await until(
				async () => (await broker.counters()).sessions <= before,
				'no session',
			);
	});
});

describe('tokens over SockJS', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			...jwtFlags,
			'--auth-anonymous=reject',
			'--auth-token=header Authorization Bearer,query access_token,cookie sid',
			'--log-level=debug',
			BRIEFLY,
		]);
	});
	afterEach(dropSockets);
	after(() => broker?.stop());

	const token = tokenFor('kim');

	for (const transport of IN_NODE)
		it(`${transport}: a token in the query of the page's URL`, async () => {
			const query = `?access_token=${token}`;
			const client = libraries['@stomp/stompjs 7.5.0'](() =>
				sockJs(broker, transport, query),
			);

			await within(client.connected, 'CONNECTED');
			await within(client.end(), 'the end');
			assert.ok(!broker.stderr.includes(token), 'a token stands in the log');
		});

	it('by hand: in the query, in a cookie, in CONNECT, and nowhere', async () => {
		const byQuery = await Poller.open(broker, { query: `?a=b&access_token=${token}` });

		assert.equal((await byQuery.connect()).headers['user-name'], 'kim');
		const inFrame = await Poller.open(broker);

		assert.equal(
			(await inFrame.connect({ Authorization: `Bearer ${token}` })).headers[
				'user-name'
			],
			'kim',
		);
		const site = new Site(broker.port);
		const session = new Session(site, '/ws');
		const opened = await session.ask('xhr', {
			headers: { Cookie: `a=b; sid=${token}` },
		});

		assert.equal(opened.text, 'o\n');
		await session.send(frame('CONNECT', { 'accept-version': '1.2', host: 'x' }));
		const [connected] = await session.messages(1);

		assert.match(connected, /\nuser-name:kim\n/);
		const stranger = await Poller.open(broker);

		await stranger.send('CONNECT', { 'accept-version': '1.2', host: 'x' });
		assert.match((await stranger.next('ERROR')).headers.message, /token/i);
		assert.match(await stranger.poll(), /^c\[/);
		assert.ok(!broker.stderr.includes(token), 'a token stands in the log');
	});
});
