/* Rows W1 to W12: STOMP inside WebSocket, the opening request, and plain HTTP beside it. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Client as StompJs } from '@stomp/stompjs';
import WebSocket from 'ws';

import { Broker } from './lib/broker.mjs';
import { Room } from './lib/room.mjs';
import { frame } from './lib/stomp.mjs';
import { promised, until, within } from './lib/wait.mjs';

const upgrade = {
	connection: 'Upgrade',
	upgrade: 'websocket',
	'sec-websocket-version': '13',
	'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/* A client frame of WebSocket: first byte as given, payload under 126 bytes. */
function wsFrame(first, payload) {
	const mask = Buffer.from([1, 2, 3, 4]);
	const body = Buffer.from(payload).map((byte, i) => byte ^ mask[i % 4]);

	return Buffer.concat([Buffer.from([first, 0x80 | body.length]), mask, body]);
}

/* A TCP connection that has been upgraded by hand. */
class RawSocket {
	static async open(broker) {
		const raw = new RawSocket();
		const ended = promised();
		const lines = Object.entries({ host: `127.0.0.1:${broker.port}`, ...upgrade })
			.map(([name, value]) => `${name}: ${value}\r\n`)
			.join('');

		raw.data = Buffer.alloc(0);
		raw.ended = ended.promise;
		raw.socket = net.connect(broker.port, '127.0.0.1');
		raw.socket.on('data', (data) => {
			raw.data = Buffer.concat([raw.data, data]);
		});
		raw.socket.on('error', () => {}); /* "close" follows */
		raw.socket.on('close', ended.resolve);
		raw.socket.write(`GET /ws HTTP/1.1\r\n${lines}\r\n`);
		await until(() => raw.data.includes('\r\n\r\n'), 'an answer to the upgrade');
		assert.match(raw.data.toString(), /^HTTP\/1.1 101 /);
		return raw;
	}

	write(...frames) {
		this.socket.write(Buffer.concat(frames));
	}

	untilEnded() {
		return within(this.ended, 'the end of the connection').finally(() =>
			this.socket.destroy(),
		);
	}
}

describe('WebSocket', () => {
	let broker;

	before(async () => {
		broker = await Broker.start();
	});
	after(() => broker?.stop());

	const offers = [
		[['v10.stomp', 'v11.stomp', 'v12.stomp'], 'v12.stomp'],
		[['v12.stomp', 'v11.stomp', 'v10.stomp'], 'v12.stomp'],
		[['v10.stomp', 'v11.stomp'], 'v11.stomp'],
		[['v10.stomp'], 'v10.stomp'],
		[['mqtt', 'v11.stomp'], 'v11.stomp'],
	];

	for (const [offered, chosen] of offers) {
		it(`W1 of the subprotocols ${offered.join(', ')} it chooses ${chosen}`, async () => {
			const client = await broker.connect({ protocols: offered });

			assert.equal(client.ws.protocol, chosen);
		});
	}

	it('W2 W10 text and binary messages are taken', async () => {
		const room = await Room.open(broker);
		const bytes = frame('SEND', { destination: room.to }, '안녕');

		room.sender.text(bytes);
		room.sender.binary(bytes);
		for (let i = 0; i < 2; i++)
			assert.equal((await room.receiver.next('MESSAGE')).body, '안녕');
	});

	it('W3 W11 one frame in each message out, with nothing behind its NUL', async () => {
		const room = await Room.open(broker);

		/* The client that receives refuses anything else. */
		room.sender.text(
			frame('SEND', { destination: room.to, receipt: 'r' }, 'hi').repeat(50),
		);
		for (let i = 0; i < 50; i++) {
			const message = await room.receiver.next('MESSAGE');

			assert.equal(message.raw.at(-1), 0);
			await room.sender.next('RECEIPT');
		}
	});

	it('W4 a frame may be split over messages, as stompjs does at 8 KiB', async () => {
		const room = await Room.open(broker);
		const body = '한글'.repeat(20_000);
		const bytes = frame('SEND', { destination: room.to }, body);

		for (let at = 0; at < bytes.length; at += 8192)
			room.sender.text(bytes.slice(at, at + 8192));
		assert.equal((await room.receiver.next('MESSAGE')).body, body);
	});

	it('W5 a message may hold the end of one frame and the begin of another', async () => {
		const room = await Room.open(broker);
		const bytes = frame('SEND', { destination: room.to }, 'hi').repeat(3);

		room.sender.text(bytes.slice(0, 10));
		room.sender.text(bytes.slice(10, -10));
		room.sender.text(bytes.slice(-10));
		for (let i = 0; i < 3; i++)
			assert.equal((await room.receiver.next('MESSAGE')).body, 'hi');
	});

	it('W6 a close is answered with its code', async () => {
		const client = await broker.connect();

		client.ws.close(1000, 'done');
		assert.equal((await client.untilClosed()).code, 1000);
	});

	it('W6 what ends a connection is told by the code of the close', async () => {
		const left = await broker.connect();
		const refused = await broker.connect();
		const large = await broker.connect();

		left.send('DISCONNECT', {});
		assert.equal((await left.untilClosed()).code, 1000);
		refused.send('HELLO', {});
		await refused.refused(/command/i, { code: 1002 });
		large.send('SEND', { destination: '/pub/w6', 'content-length': '99999999' });
		await large.refused(/limits\.body/, { code: 1002 });
	});

	it('W6 text that is not UTF-8 ends the connection', async () => {
		const client = await broker.connect();

		client.text(Buffer.from('SEND\ndestination:/pub/x\n\n\xff\0', 'latin1'));
		assert.ok([1002, 1007].includes((await client.untilClosed()).code));
	});

	/* React Native ends a text at its first NUL; stompjs puts back what that takes. */
	it('W12 a client that loses NULs in text loses no message', async () => {
		const up = promised();
		const bodies = [];
		const client = new StompJs({
			webSocketFactory: () => {
				const ws = new WebSocket(broker.url, ['v12.stomp']);

				return {
					get binaryType() {
						return ws.binaryType;
					},
					set binaryType(type) {
						ws.binaryType = type;
					},
					get readyState() {
						return ws.readyState;
					},
					get protocol() {
						return ws.protocol;
					},
					set onopen(open) {
						ws.onopen = open;
					},
					set onclose(close) {
						ws.onclose = close;
					},
					set onmessage(take) {
						ws.onmessage = ({ data }) =>
							take({ data: data.toString().split('\0')[0] });
					},
					send: (data) => ws.send(data),
					close: (...why) => ws.close(...why),
				};
			},
			appendMissingNULLonIncoming: true,
			forceBinaryWSFrames: true,
			reconnectDelay: 0,
			onConnect: up.resolve,
			onStompError: up.reject,
		});

		client.activate();
		try {
			await within(up.promise, 'CONNECTED');
			client.subscribe('/sub/w12', (message) => bodies.push(message.body));
			for (const body of ['하나', '둘', '셋'])
				client.publish({ destination: '/pub/w12', body });
			await until(
				() => bodies.length === 3,
				() => `three messages; ${bodies} came`,
			);
			assert.deepEqual(bodies, ['하나', '둘', '셋']);
		} finally {
			await client.deactivate();
		}
	});

	it('W7 only unknown subprotocols: accepted, none selected', async () => {
		const answer = await broker.http('/ws', {
			headers: { ...upgrade, 'sec-websocket-protocol': 'mqtt, graphql-ws' },
		});

		assert.equal(answer.status, 101);
		assert.equal(answer.headers['sec-websocket-protocol'], undefined);
	});

	for (const [offered, chosen] of [
		['mqtt,\tv12.stomp', 'v12.stomp'],
		['stompbox, v11.stomp', 'v11.stomp'],
	]) {
		it(`W1 of ${JSON.stringify(offered)} it chooses ${chosen}`, async () => {
			const answer = await broker.http('/ws', {
				headers: { ...upgrade, 'sec-websocket-protocol': offered },
			});

			assert.equal(answer.status, 101);
			assert.equal(answer.headers['sec-websocket-protocol'], chosen);
		});
	}

	it('a query or cookies that are too long are refused, not cut', async () => {
		const long = 'x'.repeat(9000);

		for (const [target, cookie] of [
			[`/ws?token=${long}`, 'a=b'],
			['/ws', `token=${long}`],
		])
			assert.equal(
				(await broker.http(target, { headers: { ...upgrade, cookie } })).status,
				431,
			);
	});

	it('W8 no subprotocol: accepted', async () => {
		const answer = await broker.http('/ws', { headers: upgrade });

		assert.equal(answer.status, 101);
		assert.equal(
			answer.headers['sec-websocket-accept'],
			's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
		);
		assert.equal(answer.headers['sec-websocket-protocol'], undefined);
		assert.equal(answer.headers['sec-websocket-extensions'], undefined);
	});

	it('W9 fragments are joined, and PING is answered between them', async () => {
		const room = await Room.open(broker);
		const { ws } = room.sender;
		const pong = promised();

		ws.on('pong', (data) => pong.resolve(data.toString()));
		ws.send('SEND\ndest', { fin: false });
		ws.ping('are you there');
		ws.send(`ination:${room.to}\n\n`, { fin: false });
		ws.send('hi\0', { fin: true });
		assert.equal(await within(pong.promise, 'a PONG'), 'are you there');
		assert.equal((await room.receiver.next('MESSAGE')).body, 'hi');
	});

	const breaches = [
		['a reserved bit', wsFrame(0xc1, '\n')],
		['a reserved opcode', wsFrame(0x83, '\n')],
		['a continuation of nothing', wsFrame(0x80, '\n')],
		['a fragmented PING', wsFrame(0x09, 'x')],
	];

	for (const [name, bytes] of breaches) {
		it(`W9 ${name} ends the connection`, async () => {
			const raw = await RawSocket.open(broker);

			raw.write(bytes);
			await raw.untilEnded();
		});
	}

	it('W9 bytes that come one at a time are understood', async () => {
		const raw = await RawSocket.open(broker);

		for (const byte of wsFrame(0x81, 'CONNECT\naccept-version:1.2\n\n\0'))
			raw.socket.write(Buffer.from([byte]));
		await until(() => raw.data.includes('CONNECTED\n'), 'CONNECTED');
		raw.socket.destroy();
	});

	for (const path of ['/ws', '/ws/websocket', '/ws?token=x', '/ws/websocket?a=b']) {
		it(`the upgrade is accepted at ${path}`, async () => {
			const client = await broker.open({
				url: `ws://127.0.0.1:${broker.port}${path}`,
			});

			await client.connect();
		});
	}
});

describe('the opening request', () => {
	let broker;

	before(async () => {
		broker = await Broker.start();
	});
	after(() => broker?.stop());

	const without = (name) =>
		Object.fromEntries(Object.entries(upgrade).filter(([other]) => other !== name));

	async function assertAnswer(target, options, status, body) {
		const answer = await broker.http(target, options);

		assert.equal(answer.status, status);
		if (body !== undefined) assert.equal(answer.body, body);
		return answer;
	}

	for (const path of [
		'/nothing',
		'/wsx',
		'/ws/nothing',
		'/ws/websocket/x',
		'/health/x',
	]) {
		it(`404 for ${path}, upgrade or not`, async () => {
			await assertAnswer(path, {}, 404);
			await assertAnswer(path, { headers: upgrade }, 404);
		});
	}

	for (const method of ['POST', 'PUT', 'DELETE']) {
		it(`405 for ${method} on the endpoint`, async () => {
			const answer = await assertAnswer('/ws', { method }, 405);

			assert.match(answer.headers.allow, /GET/);
		});
	}

	it("400 without Upgrade, with Spring's words", () =>
		assertAnswer('/ws/websocket', {}, 400, 'Can "Upgrade" only to "WebSocket".'));

	it('400 when Connection does not say upgrade', () =>
		assertAnswer('/ws', { headers: { ...upgrade, connection: 'keep-alive' } }, 400));

	it('400 without a key', () =>
		assertAnswer('/ws', { headers: without('sec-websocket-key') }, 400));

	for (const version of ['8', '14', undefined]) {
		it(`426 for version ${version}`, async () => {
			const headers = version
				? { ...upgrade, 'sec-websocket-version': version }
				: without('sec-websocket-version');
			const answer = await assertAnswer('/ws', { headers }, 426);

			assert.equal(answer.headers['sec-websocket-version'], '13');
		});
	}

	it('no upgrade to HTTP/2', async () => {
		const headers = {
			connection: 'Upgrade, HTTP2-Settings',
			upgrade: 'h2c',
			'http2-settings': 'AAMAAABkAARAAAAAAAIAAAAA',
		};
		const status = await broker.http('/ws', { headers }).then(
			(answer) => answer.status,
			() => 'closed',
		);

		assert.notEqual(status, 101);
	});

	it("403 for the pages of other hosts, with Spring's words", async () => {
		for (const origin of [
			'https://evil.example',
			'null',
			`https://127.0.0.1:${broker.port}x`,
		])
			await assertAnswer(
				'/ws',
				{ headers: { ...upgrade, origin } },
				403,
				'Invalid CORS request',
			);
	});

	it('pages of the same host, and clients without a page, may connect', async () => {
		await assertAnswer('/ws', { headers: { ...upgrade, origin: broker.origin } }, 101);
		await assertAnswer('/ws', { headers: upgrade }, 101);
	});

	it('/health and /ready answer in JSON', async () => {
		const health = await assertAnswer('/health', {}, 200);
		const ready = await assertAnswer('/ready', {}, 200);

		assert.equal(JSON.parse(health.body).status, 'up');
		assert.equal(JSON.parse(ready.body).status, 'ready');
		assert.match(health.headers['content-type'], /^application\/json/);
	});

	it('requests on one connection are answered one after the other', async () => {
		const socket = net.connect(broker.port, '127.0.0.1');
		let data = '';

		socket.on('data', (more) => {
			data += more;
		});
		socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
		await until(() => data.includes('"ready"}'), 'the first answer');
		socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
		await until(() => data.split('"ready"}').length === 3, 'the second answer');
		socket.destroy();
	});
});

describe('origins', () => {
	let one;
	let all;

	before(async () => {
		one = await Broker.start([
			'--origins=https://a.example,https://*.b.example,' +
				'https://*.c.example:[8443,9443]',
		]);
		all = await Broker.start(['--origins=*', '--endpoint=/stomp']);
	});
	after(async () => {
		await one?.stop();
		await all?.stop();
	});

	const verdicts = [
		['https://a.example', 101],
		['https://A.example', 101],
		['http://a.example', 403],
		['https://a.example:444', 403],
		['https://x.b.example', 101],
		['https://x.y.b.example', 101],
		['https://b.example', 403],
		['https://xb.example', 403],
		['https://x.b.example.evil', 403],
		['https://x.c.example:8443', 101],
		['https://x.c.example:9443', 101],
		['https://x.c.example:1', 403],
		['https://x.c.example', 403],
	];

	for (const [origin, status] of verdicts) {
		it(`${status} for ${origin}`, async () => {
			const answer = await one.http('/ws', { headers: { ...upgrade, origin } });

			assert.equal(answer.status, status);
		});
	}

	it('* lets every page in, and the endpoint has another path', async () => {
		const headers = { ...upgrade, origin: 'https://anywhere.example' };

		assert.equal((await all.http('/stomp', { headers })).status, 101);
		assert.equal((await all.http('/stomp/websocket', { headers })).status, 101);
		assert.equal((await all.http('/ws', { headers })).status, 404);
	});
});
