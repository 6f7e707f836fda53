/* SockJS: many requests on one connection, and the older HTTP. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { receivers, TestServer } from './lib/sockjs.mjs';

const WELCOME = 'Welcome to SockJS!\n';

for (const threads of [1, 4]) {
	describe(`SockJS connections, ${threads} event loops`, () => {
		let server;

		before(async () => {
			server = await TestServer.start([`--threads=${threads}`]);
		});
		afterEach(() => server.dropClients());
		after(() => server?.stop());

		/* The server is as it was; nobody else has noticed anything. */
		async function assertWell() {
			assert.equal((await server.ask('/echo')).text, WELCOME);
		}

		it('one session on one connection, request after request', async () => {
			const session = await server.session().open();
			const connection = await server.connect();

			for (let i = 0; i < 100; i++) {
				const body = JSON.stringify([`${i}`]);
				const sent = await connection.ask(session.url('xhr_send'), {
					method: 'POST',
					body,
				});

				assert.equal(sent.status, 204);
				const got = await connection.ask(session.url('xhr'), {
					method: 'POST',
				});

				assert.equal(got.text, `a${body}\n`);
			}
		});

		it('requests in one packet are answered in their order', async () => {
			const connection = await server.connect();
			const targets = [
				'/echo',
				'/echo/info',
				'/echo/iframe.html',
				'/echo/',
				'/echo/info',
			];

			connection.socket.cork();
			for (const target of targets) connection.request(target);
			connection.socket.uncork();
			const texts = [];

			while (texts.length < targets.length)
				texts.push((await connection.wholeAnswer()).text);
			for (const i of [0, 3]) assert.equal(texts[i], WELCOME);
			assert.match(texts[2], /bootstrap_iframe/);
			for (const i of [1, 4]) assert.equal(JSON.parse(texts[i]).websocket, true);
		});

		/* Nobody does it, and the library ends such a connection; but no answer may be a wrong one. */
		it('bodies in one packet: whatever is answered is answered right', async () => {
			const session = server.session();
			const connection = await server.connect();
			const send = (body) =>
				connection.request(session.url('xhr_send'), {
					method: 'POST',
					body,
				});
			const expected = [
				[200, 'o\n'],
				[204, ''],
				[204, ''],
				[200, WELCOME],
				[500, 'Payload expected.'],
			];

			connection.socket.cork();
			connection.request(session.url('xhr'), { method: 'POST' });
			send('["a"]');
			send('["b"]');
			connection.request('/echo');
			send('');
			connection.socket.uncork();
			const answers = [];

			while (
				answers.length < expected.length &&
				!(connection.over && !connection.data.length)
			) {
				const answer = await connection.wholeAnswer().catch((error) => {
					if (connection.over && connection.data.length === 0)
						return null;
					throw error;
				});

				if (answer) answers.push([answer.status, answer.text.trimEnd()]);
			}
			assert.deepEqual(
				answers,
				expected
					.slice(0, answers.length)
					.map(([status, text]) => [status, text.trimEnd()]),
			);
			await assertWell();
		});

		it('a request behind a poll: it waits, or it ends the poll, but answers never mix', async () => {
			const session = await server.session().open();
			const { connection } = await session.attach('xhr');

			connection.request('/echo');
			await assertWell();
			const { status } = await session.ask('xhr_send', { body: '["x"]' });
			const rest = connection.read(
				() =>
					connection.over || connection.data.includes('Welcome')
						? true
						: undefined,
				'the answers, or the end',
			);

			if (status === 204) {
				assert.deepEqual((await connection.wholeAnswer()).pieces, [
					'a["x"]\n',
				]);
				await rest;
				assert.equal((await connection.wholeAnswer()).text, WELCOME);
			} else {
				assert.equal(status, 404);
				await rest;
				assert.doesNotMatch(connection.data.toString(), /Welcome/);
			}
		});

		it('after each kind of answer the connection goes on, or says that it ends', async () => {
			const session = await server.session().open();
			let connection = await server.connect();

			for (const [target, options, status] of [
				['/echo', {}, 200],
				['/echo/info', {}, 200],
				['/echo/info', { method: 'OPTIONS' }, 204],
				['/echo/iframe.html', {}, 200],
				['/echo/nothing', {}, 404],
				['/echo/info', { method: 'PUT', body: 'x' }, 405],
				[session.url('xhr'), {}, 405],
				[session.url('xhr_send'), { method: 'POST', body: '["x"]' }, 204],
				[session.url('xhr'), { method: 'POST' }, 200],
				[session.url('xhr_send'), { method: 'POST', body: 'x' }, 500],
				[
					server.session().url('xhr_send'),
					{ method: 'POST', body: '[]' },
					404,
				],
				[session.url('jsonp'), {}, 500],
				[session.url('websocket'), {}, 400],
			]) {
				const answer = await connection
					.ask(target, options)
					.catch((error) => {
						throw new Error(`${target}: ${error.message}`);
					});

				assert.equal(answer.status, status, target);
				if (/close/i.test(answer.header('connection') ?? '')) {
					assert.ok(
						status >= 400,
						`${status} for ${target} ends the connection`,
					);
					await connection.untilEnded();
					connection = await server.connect();
				}
			}
		});

		for (const name of Object.keys(receivers)) {
			it(`${name}: Connection: close is obeyed`, async () => {
				const session = server.session('/close');
				const headers = { Connection: 'close' };
				let receiver = await session.receive(name, { headers });

				await receiver.assertFrame('o');
				if (!receivers[name].streams) {
					await receiver.assertOver();
					await receiver.connection.untilEnded();
					receiver = await session.receive(name, { headers });
				}
				await receiver.assertFrame('c[3000,"Go away!"]');
				await receiver.assertOver();
				await receiver.connection.untilEnded();
			});
		}
	});
}

describe('SockJS and HTTP/1.0', () => {
	let server;

	before(async () => {
		server = await TestServer.start();
	});
	after(() => server?.stop());

	it('without keep-alive the connection ends', async () => {
		for (const [target, options, text] of [
			['/echo', {}, WELCOME],
			[server.session().url('xhr'), { method: 'POST' }, 'o\n'],
		]) {
			const connection = await server.connect();

			connection.request(target, { version: '1.0', ...options });
			const answer = await connection.wholeAnswer();

			assert.equal(answer.status, 200);
			assert.equal(answer.header('transfer-encoding'), undefined);
			assert.doesNotMatch(answer.header('connection') ?? '', /keep-alive/i);
			assert.equal(answer.text, text);
			await connection.untilEnded();
		}
	});

	it('with keep-alive it goes on, or says that it does not', async () => {
		const connection = await server.connect();
		const options = { version: '1.0', headers: { Connection: 'keep-alive' } };

		connection.request('/echo', options);
		const answer = await connection.wholeAnswer();

		assert.equal(answer.text, WELCOME);
		assert.equal(answer.header('transfer-encoding'), undefined);
		if (/keep-alive/i.test(answer.header('connection') ?? '')) {
			assert.equal(typeof answer.size, 'number');
			assert.equal((await connection.ask('/echo', options)).text, WELCOME);
		} else await connection.untilEnded();
	});

	it('HTTP/1.1 with Connection: close', async () => {
		const connection = await server.connect();
		const answer = await connection.ask('/echo', { headers: { Connection: 'close' } });

		assert.doesNotMatch(answer.header('connection') ?? '', /keep-alive/i);
		assert.equal(answer.text, WELCOME);
		await connection.untilEnded();
	});

	it('something that is not HTTP', async () => {
		for (const bytes of [
			'\x16\x03\x01\x02\x00\x01',
			'hello\r\n\r\n',
			'GET\r\n\r\n',
			'\r\n\r\n\r\n',
			'GET /echo HTTP/3.0\r\n\r\n',
			'GET /echo\r\n\r\n',
		]) {
			const connection = await server.connect();

			connection.write(bytes);
			connection.socket.end();
			await connection.read(
				() => (connection.over ? true : undefined),
				'the end',
				15_000,
			);
		}
		assert.equal((await server.ask('/echo')).text, WELCOME);
	});
});
