/* STOMP over plain TCP: the same broker, another way in. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Client as StompJs } from '@stomp/stompjs';

import { Broker, run } from './lib/broker.mjs';
import { freePort } from './lib/child.mjs';
import { jwtFlags, tokenFor } from './lib/jwt.mjs';
import { Client, frame } from './lib/stomp.mjs';
import { FrameSocket, StreamSocket, dial } from './lib/tcp.mjs';
import { promised, until, within } from './lib/wait.mjs';

const KILOBYTE = 'x'.repeat(1024);
const CONNECT = frame('CONNECT', { 'accept-version': '1.2', host: 'x' });

/* What Spring's enableStompBrokerRelay says first, on its system connection. */
const RELAY = {
	'accept-version': '1.1,1.2',
	login: 'guest',
	passcode: 'guest',
	'heart-beat': '10000,10000',
	host: '/',
};

async function start(flags = []) {
	const port = await freePort();
	const broker = await Broker.start([`--tcp-listen=127.0.0.1:${port}`, ...flags]);

	broker.tcpPort = port;
	return broker;
}

async function open(broker) {
	const client = await Client.open(`tcp port ${broker.tcpPort}`, {
		make: () => new FrameSocket({ port: broker.tcpPort }),
	});

	broker.clients.add(client);
	return client;
}

async function connect(broker, headers = {}) {
	const client = await open(broker);

	await client.connect('1.2', headers);
	return client;
}

/* Sends these bytes and the end, and returns all that comes back. */
function converse(broker, bytes) {
	const socket = dial({ port: broker.tcpPort });
	const over = promised();
	let text = '';

	socket.setEncoding('utf8');
	socket.on('data', (data) => {
		text += data;
	});
	socket.on('error', over.reject);
	socket.on('end', () => over.resolve(text));
	socket.end(bytes);
	return within(over.promise, () => `an end; there is ${JSON.stringify(text)}`);
}

const descriptors = (broker) => readdirSync(`/proc/${broker.child.process.pid}/fd`).length;

/* Every connection has left: the gauge is what is open. */
function untilOpen(broker, count) {
	let open;

	return until(
		async () => {
			const c = await broker.counters();

			open = c.connections_opened - c.connections_closed;
			return open === count;
		},
		() => `${count} connections; there are ${open}`,
	);
}

describe('TCP', () => {
	let broker;

	before(async () => {
		broker = await start(['--limits-linger=2s']);
	});
	after(() => broker?.stop());

	it('a TCP client and a WebSocket client chat', async () => {
		const tcp = await connect(broker);
		const web = await broker.connect();

		await tcp.subscribe('/sub/tcp');
		await web.subscribe('/sub/tcp');
		for (const body of ['안녕하세요 😀', 'plain', 'a\nb\n\nc', KILOBYTE.repeat(900)]) {
			await tcp.ask('SEND', { destination: '/pub/tcp' }, body);
			assert.equal((await tcp.message()).body, body);
			assert.equal((await web.message()).body, body);
			await web.ask('SEND', { destination: '/pub/tcp' }, body);
			assert.equal((await tcp.message()).body, body);
			assert.equal((await web.message()).body, body);
		}
	});

	it('binary bodies pass unharmed, NUL bytes too', async () => {
		const client = await connect(broker);
		const body = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256));
		const head = `SEND\ndestination:/pub/bin\ncontent-length:${body.length}\n\n`;

		await client.subscribe('/sub/bin');
		client.ws.send(Buffer.concat([Buffer.from(head), body, Buffer.from([0])]));
		assert.deepEqual((await client.message()).bytes, body);
	});

	it('frames may share a segment, and segments a frame', async () => {
		const text = [
			CONNECT,
			frame('SUBSCRIBE', { id: '1', destination: '/sub/cut', receipt: 's' }),
			...['one', 'two', 'three'].map((body) =>
				frame('SEND', { destination: '/pub/cut' }, body),
			),
			'\n\r\n',
			frame('SEND', { destination: '/pub/cut', receipt: 'end' }, 'last'),
		].join('');

		for (const size of [text.length, 7, 1]) {
			const client = await open(broker);

			for (let at = 0; at < text.length; at += size) {
				client.text(text.slice(at, at + size));
				if (size > 1 || at % 16 === 0)
					await new Promise((resolve) => setImmediate(resolve));
			}
			await client.next('CONNECTED');
			for (const body of ['one', 'two', 'three', 'last'])
				assert.equal((await client.message()).body, body);
			await client.receipt('end');
			client.send('DISCONNECT', { receipt: 'bye' });
			await client.receipt('bye');
			client.ws.socket.end();
			assert.equal((await client.untilClosed()).code, 'fin');
		}
	});

	it('who has sent all and still reads is answered in full, then the end comes', async () => {
		const bytes =
			CONNECT +
			Array.from({ length: 1000 }, (_, i) =>
				frame('SEND', { destination: '/pub/half', receipt: `n${i}` }),
			).join('');

		/* Many, so that some are on the loop that has to ask the other one. */
		for (let round = 0; round < 20; round++) {
			const text = await converse(broker, bytes);

			assert.equal([...text.matchAll(/^receipt-id:n\d+$/gm)].length, 1000);
		}
	});

	it('what breaks the protocol gets an ERROR, and a FIN behind it', async () => {
		for (const [bytes, about] of [
			['GET /ws HTTP/1.1\r\nHost: x\r\n\r\n', /command/i],
			[frame('SEND', { destination: '/pub/a' }), /CONNECT/],
			[CONNECT + frame('NONSENSE'), /command/i],
			[CONNECT + CONNECT, /Already connected/],
			[CONNECT + frame('SEND', { destination: '/sub/direct' }, 'x'), /Not allowed to send/],
		]) {
			const client = await open(broker);

			/* What is unread at our close must not make the kernel send a RST. */
			client.text(bytes + KILOBYTE.repeat(8192));
			await client.refused(about, { code: 'fin' });
		}
	});

	it('after an ERROR the connection ends even if the client never does', async () => {
		const socket = dial({ port: broker.tcpPort });
		const closed = promised();

		socket.on('error', () => {});
		socket.on('close', closed.resolve);
		socket.resume();
		socket.write('NONSENSE\n\n\0');
		/* When the linger is over, what is written meets a closed socket. */
		const timer = setInterval(() => socket.write('x'), 50);

		await within(closed.promise, 'a RST', 8000);
		clearInterval(timer);
	});

	it('the system connection of a Spring relay lives and beats', async () => {
		const client = await open(broker);

		client.send('CONNECT', RELAY);
		const connected = await client.next('CONNECTED');

		assert.equal(connected.headers.version, '1.2');
		assert.equal(connected.headers['heart-beat'], '10000,10000');
		await client.subscribe('/sub/relay');
		client.text('\n');
		await client.ask('SEND', { destination: '/pub/relay' }, 'hello');
		assert.equal((await client.message()).body, 'hello');
		client.send('DISCONNECT', { receipt: 'bye' });
		await client.receipt('bye');
		assert.equal((await client.untilClosed()).code, 'fin');
	});

	it('@stomp/stompjs works over a TCP wrapper', async () => {
		const up = promised();
		const got = promised();
		const down = promised();
		const bodies = [];
		const client = new StompJs({
			webSocketFactory: () => new StreamSocket({ port: broker.tcpPort }),
			reconnectDelay: 0,
			forceBinaryWSFrames: true,
			onConnect: up.resolve,
			onStompError: (f) => up.reject(new Error(f.headers.message)),
			onWebSocketClose: down.resolve,
		});

		client.activate();
		await within(up.promise, 'CONNECTED');
		client.subscribe('/sub/js', (message) => {
			bodies.push(message.body);
			if (bodies.length === 200) got.resolve();
		});
		for (let i = 0; i < 200; i++)
			client.publish({ destination: '/pub/js', body: `${i} 한글` });
		await within(got.promise, '200 messages');
		assert.deepEqual(
			bodies,
			Array.from({ length: 200 }, (_, i) => `${i} 한글`),
		);
		await client.deactivate();
		await within(down.promise, 'a close');
	});

	it('RST storms leave nothing behind', async () => {
		broker.dropClients();
		await untilOpen(broker, 0);
		const before = descriptors(broker);

		for (let round = 0; round < 10; round++) {
			const sockets = await Promise.all(
				Array.from({ length: 40 }, async (_, i) => {
					const socket = dial({ port: broker.tcpPort });
					const ready = promised();

					socket.on('error', () => {});
					socket.on('connect', ready.resolve);
					await within(ready.promise, 'a way in');
					if (i % 4 > 0) socket.write(CONNECT);
					if (i % 4 > 1)
						socket.write(
							frame('SUBSCRIBE', {
								id: '0',
								destination: '/sub/storm',
							}),
						);
					if (i % 4 > 2)
						socket.write(
							frame(
								'SEND',
								{ destination: '/pub/storm' },
								KILOBYTE.repeat(32),
							).repeat(8),
						);
					return socket;
				}),
			);

			for (const socket of sockets) socket.resetAndDestroy();
		}
		await untilOpen(broker, 0);
		await until(
			() => descriptors(broker) <= before,
			() => `${before} descriptors; there are ${descriptors(broker)}`,
		);
		const client = await connect(broker);

		await client.subscribe('/sub/storm');
	});
});

describe('TCP and time', () => {
	let broker;

	before(async () => {
		broker = await start([
			'--heartbeat-send=1s',
			'--heartbeat-receive=300ms',
			'--liveness-ping-after=1s',
			'--liveness-answer-within=500ms',
			'--limits-connect-time=700ms',
			'--limits-linger=500ms',
		]);
	});
	after(() => broker?.stop());

	it('who has promised beats and is silent is closed, who has not is kept', async () => {
		const promising = await connect(broker, { 'heart-beat': '300,0' });
		const beating = await connect(broker, { 'heart-beat': '300,0' });
		const quiet = await connect(broker);
		const refusing = await connect(broker, { 'heart-beat': '0,1000' });
		const timer = setInterval(() => beating.text('\n'), 200);
		const since = performance.now();

		await promising.untilClosed(4000);
		assert.ok(performance.now() - since > 700, 'closed before the third beat was missed');
		/* Longer than a PING and its answer would be given. */
		await until(() => performance.now() - since > 3000, 'three seconds');
		clearInterval(timer);
		for (const client of [beating, quiet, refusing]) {
			assert.equal(client.end, undefined);
			await client.ask('SEND', { destination: '/pub/x' });
		}
		assert.ok(refusing.beats.length >= 2, `${refusing.beats.length} beats came`);
		assert.equal((await broker.counters()).silent_closed, 1);
	});

	it('who does not CONNECT in time is closed, half a frame or none', async () => {
		for (const bytes of ['', 'CONN', CONNECT.slice(0, -1)]) {
			const client = await open(broker);

			client.text(bytes);
			await client.refused(/No CONNECT in time/, { code: 'fin' });
		}
	});
});

describe('TCP and limits', () => {
	let broker;

	before(async () => {
		broker = await start([
			'--limits-queue=256k',
			'--limits-send-buffer=32k',
			'--limits-connections=3',
		]);
	});
	after(() => broker?.stop());

	it('a slow reader is closed, and has got whole frames without a gap', async () => {
		const slow = await connect(broker);
		const sender = await connect(broker);
		let sent = 0;

		await slow.subscribe('/sub/slow');
		slow.pause();
		while (broker.events('session.slow').length === 0 && sent < 4000)
			await sender.ask(
				'SEND',
				{ destination: '/pub/slow' },
				`${sent++} ${KILOBYTE.repeat(16)}`,
			);
		assert.equal(broker.events('session.slow').length, 1, `after ${sent} messages`);
		slow.resume();
		assert.equal((await slow.untilClosed()).code, 'fin');
		const numbers = slow.frames.map((f) => Number.parseInt(f.body, 10));

		assert.deepEqual(
			numbers,
			numbers.map((_, i) => i),
			'what it got has a gap',
		);
		assert.ok(numbers.length < sent);
		assert.equal(slow.ws.data.length, 0, 'a frame was cut');
	});

	it('limits.connections counts them with the others', async () => {
		broker.dropClients();
		await untilOpen(broker, 0);
		const kept = [await connect(broker), await connect(broker), await broker.connect()];
		const above = await open(broker);

		await above.untilClosed();
		await assert.rejects(broker.open(), { status: 503 });
		for (const client of kept) await client.ask('SEND', { destination: '/pub/x' });
	});
});

describe('TCP for a Spring relay', () => {
	it('the passcode may be a token, and prefixes stay as they are', async () => {
		const broker = await start([
			...jwtFlags,
			'--auth-anonymous=reject',
			'--auth-token=header passcode',
			'--prefixes-app=',
			'--prefixes-broker=/topic,/queue',
			'--allow-client-publish=true',
		]);
		const relay = await open(broker);
		const stranger = await open(broker);

		relay.send('CONNECT', { ...RELAY, passcode: tokenFor('relay') });
		assert.equal((await relay.next('CONNECTED')).headers['user-name'], 'relay');
		await relay.subscribe('/topic/news');
		await relay.ask('SEND', { destination: '/topic/news' }, 'hello');
		assert.equal((await relay.message()).body, 'hello');
		stranger.send('CONNECT', RELAY);
		await stranger.refused(/CONNECT was refused/, { code: 'fin' });
		await broker.stop();
	});
});

describe('TCP and the end', () => {
	it('a draining node lets out what is owed, sends a FIN and is not held up', async () => {
		const broker = await start();
		const client = await connect(broker);
		const reader = await connect(broker);

		await reader.subscribe('/sub/drain');
		await client.ask('SEND', { destination: '/pub/drain' }, 'last');
		const stopping = broker.child.end('SIGTERM', 8000);

		assert.equal((await reader.message()).body, 'last');
		assert.equal((await client.untilClosed()).code, 'fin');
		assert.equal((await reader.untilClosed()).code, 'fin');
		await stopping;
		await broker.untilEnded();
	});

	it('mistakes in the options stop the start', async () => {
		for (const [flags, about] of [
			[['--tcp-listen=61613'], /tcp[.-]listen.*is not an address and a port/],
			[['--tcp-tls-key=/k'], /tcp[.-]listen.*since tcp.tls is set/],
		]) {
			const { code, stderr } = await run(['--test', ...flags]);

			assert.equal(code, 78);
			assert.match(stderr, about);
		}
	});

	it('an address that is taken is told with its option', async () => {
		const broker = await start();
		const { code, stderr } = await run([
			'--listen=127.0.0.1:0',
			`--tcp-listen=127.0.0.1:${broker.tcpPort}`,
		]);

		assert.equal(code, 1);
		assert.match(stderr, /event=listener.failed option=tcp.listen/);
		await broker.stop();
	});
});
