/* SockJS: the WebSocket transport and the raw WebSocket beside it. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { messagesIn, TestServer, upgrade } from './lib/sockjs.mjs';
import { within } from './lib/wait.mjs';

const GO_AWAY = { code: 3000, reason: 'Go away!' };

let server;

before(async () => {
	server = await TestServer.start(['--threads=2']);
});
afterEach(() => server.dropClients());
after(() => server?.stop());

/* A session that has got its "o". */
async function open(prefix = '/echo', id = 's') {
	const socket = await server.webSocket(`${prefix}/000/${id}/websocket`);

	await socket.assertFrame('o');
	return socket;
}

/* A client frame of WebSocket: first byte as given. */
function wsFrame(first, payload) {
	const mask = Buffer.from([1, 2, 3, 4]);
	const body = Buffer.from(payload).map((byte, i) => byte ^ mask[i % 4]);

	assert.ok(body.length < 126);
	return Buffer.concat([Buffer.from([first, 0x80 | body.length]), mask, body]);
}

describe('SockJS WebSocket', () => {
	it('first an open, then echoes, one after the other', async () => {
		const socket = await open();

		socket.send('["a"]');
		await socket.assertFrame('a["a"]');
		socket.send('["b","","\\u0000c"]');
		assert.deepEqual(await socket.messages(3), ['b', '', '\0c']);
		socket.send(' [ "d" ] ');
		await socket.assertFrame('a["d"]');
	});

	it('blind spot: a bare string is a message', async () => {
		const socket = await open();

		socket.send('"a"');
		await socket.assertFrame('a["a"]');
	});

	it('nothing, and an empty array, are taken and ignored', async () => {
		const socket = await open();

		for (const data of ['', '[]', '', '[ ]', '["a"]', '', '[]']) socket.send(data);
		await socket.assertFrame('a["a"]');
		socket.send('["b"]');
		await socket.assertFrame('a["b"]');
	});

	for (const data of ['["a', '[', 'x', '{', '["a"]x', '["a\nb"]', '["\\x"]', '\0'])
		it(`blind spot: broken JSON ends it: ${JSON.stringify(data)}`, async () => {
			const socket = await open();

			socket.send(data);
			/* As Spring does; sockjs-node says 3000. */
			assert.equal((await socket.untilClosed()).code, 1007);
			assert.ok(
				socket.frames.every((frame) => frame.startsWith('c[')),
				socket.frames,
			);
		});

	it('the next session is not harmed by it', async () => {
		const one = await open('/echo', 'same');
		const other = await open('/echo', 'same');

		one.send('[');
		await one.untilClosed();
		other.send('["x"]');
		await other.assertFrame('a["x"]');
	});

	it('the same session may be opened twice at once, and again', async () => {
		const sockets = [await open('/echo', 'twin'), await open('/echo', 'twin')];

		for (const [i, socket] of sockets.entries()) socket.send(`["${i}"]`);
		for (const [i, socket] of sockets.entries()) await socket.assertFrame(`a["${i}"]`);
		for (const socket of sockets) {
			socket.ws.close();
			await socket.untilClosed();
		}
		await open('/echo', 'twin');
		/* Nor has it anything to do with the session of that name over HTTP. */
		const session = server.session('/echo', 'twin');

		await session.assertGone();
		assert.equal(await session.poll(), 'o');
		(await session.attach('xhr')).drop();
	});

	it('blind spot: an application closes: open, close frame, close with a code', async () => {
		const socket = await open('/close');

		await socket.assertFrame('c[3000,"Go away!"]');
		/* As Spring does; sockjs-node says 1000. */
		assert.deepEqual(await socket.untilClosed(), GO_AWAY);
		assert.deepEqual(socket.frames, []);
	});

	it('a client closes: the close comes back with its code', async () => {
		for (const code of [1000, 3001]) {
			const socket = await open();

			socket.ws.close(code, 'bye');
			assert.equal((await socket.untilClosed()).code, code);
		}
		await server.untilIdle();
	});

	it('fragments, pings between them, and one byte at a time', async () => {
		const connection = await server.connect();

		connection.request('/echo/000/s/websocket', { headers: upgrade });
		const answer = await connection.answer();

		assert.equal(answer.status, 101);
		assert.equal(answer.header('content-length'), undefined);
		assert.equal(answer.header('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
		assert.deepEqual(
			await connection.read(() => connection.take(3), 'the open'),
			Buffer.from([0x81, 1, 0x6f]),
		);
		connection.write(
			wsFrame(0x01, '["a'),
			wsFrame(0x89, 'ping'),
			wsFrame(0x00, ''),
			wsFrame(0x00, 'b","'),
			wsFrame(0x80, '"]'),
		);
		const heard = [];
		let pongs = 0;

		/* The pong may come before the echo, or behind it. */
		while (heard.length < 2 || pongs < 1) {
			const [first, size] = await connection.read(
				() => connection.take(2),
				'a frame',
			);
			const payload = (
				await connection.read(() => connection.take(size), 'a payload')
			).toString();

			if (first === 0x81) heard.push(...messagesIn(payload));
			else assert.deepEqual([first, payload, ++pongs], [0x8a, 'ping', 1]);
		}
		assert.deepEqual(heard, ['ab', '']);
		for (const byte of wsFrame(0x81, '["c"]')) connection.write([byte]);
		await connection.read(
			() => (connection.data.includes('a["c"]') ? true : undefined),
			'the echo',
		);
	});

	it('60 kB and more in one message', async () => {
		for (const prefix of ['/echo', '/cookie_needed_echo']) {
			const socket = await open(prefix);

			for (const size of [125, 126, 60_000, 65_535, 65_536, 500_000]) {
				socket.send(JSON.stringify(['x'.repeat(size)]));
				assert.equal((await socket.messages(1))[0].length, size);
			}
		}
	});

	it('2^18 bytes come in one message', async () => {
		const socket = await open('/amplify');

		socket.send('["1","18","2"]');
		assert.deepEqual(
			(await socket.messages(3)).map((m) => m.length),
			[2, 2 ** 18, 4],
		);
	});

	it('500 messages come back in order', async () => {
		const socket = await open();
		const sent = Array.from({ length: 500 }, (_, i) => `${i} 가`);

		for (let at = 0; at < sent.length; at += 7)
			socket.send(JSON.stringify(sent.slice(at, at + 7)));
		assert.deepEqual(await socket.messages(500), sent);
	});

	it('text that is not UTF-8, and a binary message, never come back as text', async () => {
		const bad = await open();

		bad.send(Buffer.from('["\xff"]', 'latin1'), { binary: false });
		assert.ok([1002, 1007].includes((await bad.untilClosed()).code), bad.end);
	});

	it('an aborted connection is gone at once', async () => {
		await server.untilIdle();
		const socket = await open();

		assert.ok((await server.counters()).sessions > server.idle.sessions);
		socket.drop();
		await server.untilIdle(2000);
	});

	it('pipelined behind the upgrade: the first message', async () => {
		const connection = await server.connect();

		connection.request('/echo/000/s/websocket', { headers: upgrade });
		connection.write(wsFrame(0x81, '["early"]'));
		assert.equal((await connection.answer()).status, 101);
		await connection.read(
			() => (connection.data.includes('a["early"]') ? true : undefined),
			'the echo',
		);
	});
});

describe('SockJS raw WebSocket', () => {
	it('no framing, no open', async () => {
		for (const target of [
			'/echo/websocket',
			'/echo/websocket?t=1',
			'/echo/websocket/',
		]) {
			const socket = await server.webSocket(target);

			for (const text of ['["a"]', 'a', '안녕 😀']) {
				socket.send(text);
				await socket.assertFrame(text);
			}
			assert.deepEqual(socket.frames, []);
		}
	});

	it('blind spot: it is closed with the code and the reason of the application', async () => {
		const socket = await server.webSocket('/close/websocket');

		assert.deepEqual(await socket.untilClosed(), GO_AWAY);
		assert.deepEqual(socket.frames, []);
	});

	it('60 kB', async () => {
		const socket = await server.webSocket('/echo/websocket');
		const text = 'y'.repeat(60_000);

		socket.send(text);
		await socket.assertFrame(text);
	});

	it('a client closes', async () => {
		const socket = await server.webSocket('/echo/websocket');

		socket.ws.close(3005, 'bye');
		assert.equal((await socket.untilClosed()).code, 3005);
	});
});

describe('SockJS WebSocket handshake', () => {
	const without = (name) =>
		Object.fromEntries(Object.entries(upgrade).filter(([other]) => other !== name));
	const refused = [
		['without an upgrade', {}],
		['without Upgrade', without('Upgrade')],
		['without Connection', without('Connection')],
		['without a key', without('Sec-WebSocket-Key')],
		['without a version', without('Sec-WebSocket-Version')],
		['Connection: close', { ...upgrade, Connection: 'close' }],
		['version 8', { ...upgrade, 'Sec-WebSocket-Version': '8' }],
		['version 0', { ...upgrade, 'Sec-WebSocket-Version': '0' }],
	];

	for (const [what, headers] of refused) {
		it(`400 ${what}`, async () => {
			for (const target of ['/echo/000/s/websocket', '/echo/websocket']) {
				const answer = await server.ask(target, { headers });

				assert.ok(
					[400, 426].includes(answer.status),
					`${target} ${answer.status}`,
				);
			}
		});
	}

	it('an upgrade to something else is refused', async () => {
		for (const target of ['/echo/000/s/websocket', '/echo/websocket']) {
			const { status } = await server.ask(target, {
				headers: { ...upgrade, Upgrade: 'what?' },
			});

			assert.ok([400, 403, 426].includes(status), `${status}`);
		}
	});

	it('404 where WebSocket is off', async () => {
		for (const target of [
			'/disabled_websocket_echo/000/s/websocket',
			'/disabled_websocket_echo/websocket',
		]) {
			for (const headers of [{}, upgrade])
				assert.equal(
					(await server.ask(target, { headers })).status,
					404,
					target,
				);
			await assert.rejects(server.webSocket(target), /HTTP 404/);
		}
	});

	it('404 at segments that are none', async () => {
		for (const target of [
			'/echo/a.b/s/websocket',
			'/echo/000/s./websocket',
			'/echo//s/websocket',
		])
			assert.equal(
				(await server.ask(target, { headers: upgrade })).status,
				404,
				target,
			);
	});

	it('the answer comes at once, with any Origin and any case', async () => {
		for (const headers of [
			{ ...upgrade, Origin: 'null' },
			{ ...upgrade, Origin: 'https://other.example', Cookie: 'a=b' },
			{ ...upgrade, Connection: 'keep-alive, Upgrade', Upgrade: 'WebSocket' },
		]) {
			const answer = await server.open('/echo/000/s/websocket', { headers });

			assert.equal(answer.status, 101);
			await within(
				answer.connection.read(() => answer.connection.take(3), 'the open'),
				'the open',
			);
			answer.connection.drop();
		}
	});
});
