/* SockJS: requests that are long, slow, torn, or wrong. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { TestServer } from './lib/sockjs.mjs';

const BODY_LIMIT = 10_000;
const BODY_MS = 500;
const SLACK_MS = 4000;
const LONGEST_SEGMENT = 128;
const WELCOME = 'Welcome to SockJS!\n';

for (const threads of [1, 4]) {
	describe(`SockJS limits, ${threads} event loops`, () => {
		let server;

		before(async () => {
			server = await TestServer.start([
				`--threads=${threads}`,
				`--body-limit=${BODY_LIMIT}`,
				`--body-time=${BODY_MS}`,
			]);
		});
		afterEach(() => server.dropClients());
		after(() => server?.stop());

		/* A POST of which only what is given is sent. */
		async function post(target, headers, ...pieces) {
			const connection = await server.connect();

			connection.request(target, { method: 'POST', headers, body: null });
			if (pieces.length > 0) connection.write(...pieces);
			return connection;
		}

		/* The server is as it was; nobody else has noticed anything. */
		async function assertWell() {
			assert.equal((await server.ask('/echo')).text, WELCOME);
		}

		it('a body of the greatest length, and one byte more', async () => {
			const session = await server.session().open();
			const body = (bytes) => `["${'x'.repeat(bytes - 4)}"]`;

			for (const name of ['xhr_send', 'jsonp_send']) {
				const headers = { 'Content-Type': 'text/plain' };
				const fits = await session.ask(name, {
					headers,
					body: body(BODY_LIMIT),
				});
				const over = await session.ask(name, {
					headers,
					body: body(BODY_LIMIT + 1),
				});

				assert.ok([200, 204].includes(fits.status), fits.status);
				assert.equal(over.status, 413);
				assert.equal((await session.messages(1))[0].length, BODY_LIMIT - 4);
			}
			await assertWell();
		});

		it('413 before the body has come', async () => {
			const session = await server.session().open();

			for (const length of [
				BODY_LIMIT + 1,
				2 ** 31,
				2 ** 32 + 1,
				'9999999999999999999999',
			]) {
				const connection = await post(session.url('xhr_send'), {
					'Content-Length': length,
				});
				const { status } = await connection.wholeAnswer(BODY_MS + SLACK_MS);

				assert.ok(
					status === 413 ||
						(status === 400 && typeof length === 'string'),
					`${length} ${status}`,
				);
			}
			await session.send('x');
			assert.equal(await session.poll(), 'a["x"]');
		});

		for (const length of [
			'-1',
			'-9223372036854775808',
			'0x10',
			'abc',
			'1 1',
			'1e3',
			'+5',
			'5,6',
			'5;',
		]) {
			it(`400 for Content-Length: ${JSON.stringify(length)}`, async () => {
				const session = await server.session().open();
				const connection = await post(
					session.url('xhr_send'),
					{ 'Content-Length': length },
					'["abc"]',
				);
				const { status } = await connection.wholeAnswer();

				assert.ok([400, 411, 413].includes(status), status);
				await session.send('x');
				assert.equal(await session.poll(), 'a["x"]');
			});
		}

		it('a Content-Length without a value hides no body', async () => {
			const session = await server.session().open();
			const connection = await post(
				session.url('xhr_send'),
				{ 'Content-Length': '' },
				'["abc"]',
			);

			await connection.read(
				() => (connection.over ? true : connection.takeTo('\r\n')),
				'a refusal',
			);
			await session.send('x');
			assert.equal(await session.poll(), 'a["x"]');
		});

		it('400 for two lengths', async () => {
			const session = await server.session().open();
			const connection = await post(
				session.url('xhr_send'),
				[
					['Content-Length', '5'],
					['Content-Length', '7'],
				],
				'["abc"]',
			);

			assert.equal((await connection.wholeAnswer()).status, 400);
			await session.send('x');
			assert.equal(await session.poll(), 'a["x"]');
		});

		/* A body in chunks, whole; `smuggled` stands where a second request could begin. */
		async function postChunks(session, chunks, headers = {}, smuggled = '') {
			const connection = await post(
				session.url('xhr_send'),
				{ 'Transfer-Encoding': 'chunked', ...headers },
				chunks,
				smuggled,
			);

			return connection.wholeAnswer();
		}

		it('a body in chunks, as sockjs-client sends it in Node', async () => {
			const session = await server.session().open();

			for (const [i, chunks] of [
				'5\r\n["0"]\r\n0\r\n\r\n',
				'2\r\n["\r\n0001\r\n1\r\n2;x=y\r\n"]\r\n000\r\n\r\n',
				'5\r\n["2"]\r\n0\r\nTrailer: x\r\n\r\n',
				'A\r\n     ["3"]\r\n0\r\n\r\n',
			].entries())
				assert.equal(
					(await postChunks(session, chunks)).status,
					204,
					`${i}`,
				);
			assert.deepEqual(await session.messages(4), ['0', '1', '2', '3']);
		});

		it('chunks one byte at a time', async () => {
			const session = await server.session().open();
			const connection = await server.connect();
			const headers = { 'Transfer-Encoding': 'chunked' };

			connection.request(session.url('xhr_send'), {
				method: 'POST',
				headers,
				body: null,
			});
			for (const byte of Buffer.from('3\r\n["x\r\n2\r\n"]\r\n0\r\n\r\n')) {
				connection.write([byte]);
				await new Promise((resolve) => setImmediate(resolve));
			}
			const answer = await connection.wholeAnswer();

			assert.equal(answer.status, 204);
			/* The connection goes on, or it says that it does not. */
			if (/close/i.test(answer.header('connection') ?? ''))
				await connection.untilEnded();
			else assert.equal((await connection.ask('/echo')).text, WELCOME);
			assert.equal(await session.poll(), 'a["x"]');
		});

		it('chunks beyond the limit', async () => {
			const session = await server.session().open();
			const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;

			for (const chunks of [chunk.repeat(20), '2711\r\n', 'ffffffffff\r\n']) {
				const answer = await postChunks(session, chunks);

				assert.equal(answer.status, 413);
				await answer.connection.untilEnded();
			}
			await session.send('x');
			assert.equal(await session.poll(), 'a["x"]');
		});

		it('chunks that are none, and codings that are unknown, are not read as requests', async () => {
			const session = await server.session().open();
			const smuggled = `POST ${session.url('xhr_send')} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n["wrong"]`;
			const good = '5\r\n["x"]\r\n0\r\n\r\n';

			for (const [chunks, headers] of [
				['x\r\n["x"]\r\n0\r\n\r\n'],
				['-5\r\n["x"]\r\n0\r\n\r\n'],
				['\r\n["x"]\r\n0\r\n\r\n'],
				['5\r\n["xy"]\r\n0\r\n\r\n'],
				['10000000000000005\r\n["x"]\r\n0\r\n\r\n'],
				[good, { 'Content-Length': '3' }],
				[good, { 'Transfer-Encoding': 'gzip, chunked' }],
				[good, { 'Transfer-Encoding': 'identity' }],
				[good, { 'Transfer-Encoding': 'chunked, chunked' }],
			]) {
				const answer = await postChunks(session, chunks, headers, smuggled);

				assert.ok(
					[400, 411, 413, 501].includes(answer.status),
					answer.status,
				);
				await answer.connection.untilEnded();
			}
			await session.send('right');
			assert.equal(await session.poll(), 'a["right"]');
		});

		it('a body that drips is cut off', async () => {
			const session = await server.session().open();

			for (const name of ['xhr_send', 'jsonp_send', 'xhr']) {
				const connection = await post(
					session.url(name),
					{ 'Content-Length': '1000' },
					'["',
				);
				const since = performance.now();
				const drip = setInterval(() => connection.write('x'), BODY_MS / 10);

				try {
					const text = await connection.read(
						() =>
							connection.over
								? connection.data.toString()
								: connection
										.takeTo('\r\n')
										?.toString(),
						'408 or the end',
						BODY_MS + SLACK_MS,
					);
					const took = performance.now() - since;

					assert.match(text, /^$|^HTTP\/1.1 408 /);
					assert.ok(took > BODY_MS * 0.7, `${took}`);
				} finally {
					clearInterval(drip);
					connection.drop();
				}
			}
			await assertWell();
		});

		it('a body that comes in pieces, but in time, is taken', async () => {
			const session = await server.session().open();
			const body = '["안녕","b"]';
			const connection = await post(session.url('xhr_send'), {
				'Content-Length': Buffer.byteLength(body),
			});

			for (const byte of Buffer.from(body)) {
				connection.write([byte]);
				await new Promise((resolve) => setImmediate(resolve));
			}
			assert.equal((await connection.wholeAnswer()).status, 204);
			assert.equal(await session.poll(), 'a["안녕","b"]');
		});

		it('a request in single bytes', async () => {
			const session = server.session();
			const connection = await server.connect();
			const text = `POST ${session.url('xhr')} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`;

			for (const byte of Buffer.from(text)) {
				connection.write([byte]);
				await new Promise((resolve) => setImmediate(resolve));
			}
			connection.methods.push('POST');
			assert.equal((await connection.wholeAnswer()).text, 'o\n');
		});

		it('a POST without a length has no body', async () => {
			const session = server.session();
			const opened = await session.ask('xhr', { body: null });
			const sent = await session.ask('xhr_send', { body: null });

			assert.equal(opened.text, 'o\n');
			assert.equal(sent.status, 500);
			assert.match(sent.text, /Payload expected\./);
		});

		it('a body that nobody wants is passed over', async () => {
			const session = server.session();
			const connection = await server.connect();
			const opened = await connection.ask(session.url('xhr'), {
				method: 'POST',
				body: 'x'.repeat(500),
			});

			assert.equal(opened.text, 'o\n');
			assert.equal((await connection.ask('/echo')).text, WELCOME);
			const answer = await server.ask('/echo', {
				body: 'GET /no HTTP/1.1\r\n\r\n',
			});

			assert.ok([200, 400, 413].includes(answer.status), answer.status);
		});

		it('segments of 128 characters, not more', async () => {
			const fits = 's'.repeat(LONGEST_SEGMENT);

			for (const [srv, ses, status] of [
				[fits, fits, 200],
				['000', `${fits}s`, 404],
				[`${fits}s`, 's', 404],
				['000', 's'.repeat(1500), 404],
			]) {
				const answer = await server.ask(`/echo/${srv}/${ses}/xhr`, {
					method: 'POST',
				});

				assert.equal(answer.status, status, `${srv.length} ${ses.length}`);
			}
		});

		it('a URL and a header beyond measure', async () => {
			for (const options of [
				[`/echo/000/s/xhr?t=${'x'.repeat(100_000)}`, { method: 'POST' }],
				['/echo', { headers: { Cookie: 'x'.repeat(100_000) } }],
			]) {
				const connection = await server.connect();

				connection.request(...options);
				const got = await connection.read(
					() =>
						connection.over
							? 'closed'
							: connection.takeTo('\r\n')?.toString(),
					'a refusal',
				);

				assert.match(got, /^closed$|^HTTP\/1\.[01] 4\d\d/);
			}
			await assertWell();
		});

		it('a WebSocket message beyond the limit', async () => {
			const socket = await server.webSocket('/echo/000/s/websocket');

			await socket.assertFrame('o');
			socket.send(`["${'x'.repeat(BODY_LIMIT - 4)}"]`);
			assert.equal((await socket.messages(1))[0].length, BODY_LIMIT - 4);
			socket.send(`["${'x'.repeat(BODY_LIMIT)}"]`);
			assert.equal((await socket.untilClosed()).code, 1009);
		});
	});
}
