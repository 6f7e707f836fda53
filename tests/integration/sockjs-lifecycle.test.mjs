/* SockJS: how sessions live and end, and what the clock does to them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { receivers, streaming, TestServer } from './lib/sockjs.mjs';
import { until, within } from './lib/wait.mjs';

const HEARTBEAT_MS = 400;
const DELAY_MS = 600;
const SLACK_MS = 4000; /* machines are busy */
const EARLY = 0.7; /* of the time; a clock may be coarse */
const TRANSPORTS = Object.keys(receivers);
const CRASHES = { 'an orderly end': {}, 'a reset': { hard: true } };

async function timed(work) {
	const since = performance.now();

	await work();
	return performance.now() - since;
}

function assertTook(took, expected) {
	assert.ok(
		took >= expected * EARLY && took <= expected + SLACK_MS,
		`${Math.round(took)} ms, not about ${expected}`,
	);
}

for (const threads of [1, 4]) {
	describe(`SockJS sessions, ${threads} event loops`, () => {
		let server;

		before(async () => {
			server = await TestServer.start([`--threads=${threads}`]);
		});
		after(() => server?.stop());

		for (const name of TRANSPORTS) {
			for (const [what, how] of Object.entries(CRASHES))
				it(`${name}: ${what} of the receiver ends the session at once`, async () => {
					const session = await server.session().open();
					const receiver = await session.attach(name);

					receiver.drop(how);
					/* Far below disconnect_delay, 5 s. */
					await within(
						until(
							async () =>
								(
									await session.ask(
										'xhr_send',
										{ body: '[]' },
									)
								).status === 404,
							'404',
						),
						'the end of the session',
						3000,
					);
					assert.equal(await session.poll(), 'o');
				});
		}

		it('an aborted receiver leaves nothing behind', async () => {
			const quiet = await TestServer.start([`--threads=${threads}`]);

			try {
				const open = [];

				for (const name of TRANSPORTS)
					open.push(
						await (await quiet.session().open()).attach(name),
					);
				assert.equal((await quiet.counters()).sessions, open.length);
				for (const receiver of open) receiver.drop();
				await quiet.untilIdle(3000);
			} finally {
				await quiet.stop();
			}
		});

		it('an aborted xhr_send does no harm', async () => {
			const session = await server.session().open();
			const connection = await server.connect();

			connection.request(session.url('xhr_send'), {
				method: 'POST',
				headers: { 'Content-Length': '100' },
				body: '["x"',
			});
			connection.drop({ hard: true });
			await session.send('y');
			assert.equal(await session.poll(), 'a["y"]');
		});

		it('the server ends in order, whatever is open', async () => {
			const other = await TestServer.start([`--threads=${threads}`]);

			try {
				for (const name of TRANSPORTS)
					await (await other.session().open()).attach(name);
				await other.webSocket('/echo/000/s/websocket');
				await (await other.session().open()).send('never heard');
			} finally {
				/* Nothing is dropped first: SIGTERM finds them all. */
				other.child.signal('SIGTERM');
				await within(other.child.exited, 'the end of the server');
				await other.stop();
			}
		});
	});

	describe(`SockJS heartbeats, ${threads} event loops`, { concurrency: true }, () => {
		let server;

		before(async () => {
			server = await TestServer.start([
				`--threads=${threads}`,
				`--heartbeat=${HEARTBEAT_MS}`,
			]);
		});
		after(() => server?.stop());

		for (const name of Object.keys(receivers)) {
			const streams = streaming.includes(name);

			it(`${name}: blind spot: h when nothing else comes`, async () => {
				const session = await server.session().open();
				const receiver = await session.receive(name);

				for (let i = 0; i < (streams ? 3 : 1); i++)
					assertTook(
						await timed(() => receiver.assertFrame('h')),
						HEARTBEAT_MS,
					);
				if (!streams) await receiver.assertOver();
				await session.send('x');
				if (!streams) assert.equal(await session.poll(name), 'a["x"]');
				else
					await until(
						async () => (await receiver.frame()) === 'a["x"]',
						'the message among the h',
					);
				receiver.drop();
			});
		}

		it('websocket: blind spot: h when nothing else comes', async () => {
			const socket = await server.webSocket('/echo/000/s/websocket');

			await socket.assertFrame('o');
			for (let i = 0; i < 3; i++)
				assertTook(
					await timed(() => socket.assertFrame('h')),
					HEARTBEAT_MS,
				);
			socket.send('["x"]');
			await until(async () => (await socket.frame()) === 'a["x"]', 'the message');
			socket.drop();
		});

		it('raw websocket: never an h', async () => {
			const socket = await server.webSocket('/echo/websocket');
			const other = await server.webSocket('/echo/000/s/websocket');

			for (const expected of ['o', 'h', 'h', 'h'])
				await other.assertFrame(expected);
			assert.deepEqual(socket.frames, []);
			socket.send('x');
			await socket.assertFrame('x');
		});

		it('h does not count as a message, nor end a session', async () => {
			const session = await server.session().open();

			for (let i = 0; i < 3; i++) assert.equal(await session.poll(), 'h');
			await session.send('x');
			assert.equal(await session.poll(), 'a["x"]');
		});
	});

	describe(`SockJS disconnect delay, ${threads} event loops`, { concurrency: true }, () => {
		let server;

		before(async () => {
			server = await TestServer.start([
				`--threads=${threads}`,
				`--disconnect-delay=${DELAY_MS}`,
				`--heartbeat=${3 * DELAY_MS}`,
			]);
		});
		after(() => server?.stop());

		it('blind spot: without a receiver a session ends, neither early nor late', async () => {
			const quiet = await TestServer.start([
				`--threads=${threads}`,
				`--disconnect-delay=${DELAY_MS}`,
			]);

			try {
				const session = quiet.session();
				const since = performance.now();

				assert.equal(await session.poll(), 'o');
				await quiet.untilIdle(DELAY_MS + SLACK_MS);
				assertTook(performance.now() - since, DELAY_MS);
				await session.assertGone();
				assert.equal(await session.poll(), 'o');
			} finally {
				await quiet.stop();
			}
		});

		it('blind spot: sending does not keep it alive', async () => {
			const session = await server.session().open();
			const took = await timed(() =>
				until(
					async () =>
						(await session.ask('xhr_send', { body: '[]' }))
							.status === 404,
					'404',
					DELAY_MS + SLACK_MS,
					50,
				),
			);

			assertTook(took, DELAY_MS);
		});

		it('a receiver keeps it alive', async () => {
			const session = await server.session().open();
			const receiver = await session.receive('xhr');

			await receiver.assertFrame('h'); /* after three times the delay */
			await receiver.assertOver();
			await session.send('x');
			assert.equal(await session.poll(), 'a["x"]');
			await session.receive('xhr_streaming').then(async (stream) => {
				await stream.assertFrame('h');
				await session.send('y');
				await stream.assertFrame('a["y"]');
				stream.drop();
			});
		});

		it('each receiver starts the delay anew', async () => {
			const session = await server.session().open();
			const since = performance.now();

			/* One too slow machine may end it; what is asked for is that polls can go on. */
			while (performance.now() - since < 2 * DELAY_MS) {
				await session.send('x');
				assert.equal(await session.poll(), 'a["x"]');
				await new Promise((resolve) => setTimeout(resolve, DELAY_MS / 6));
			}
		});

		it('a full streaming response is not the end', async () => {
			const session = server.session();
			const receiver = await session.receive('xhr_streaming');

			await receiver.assertFrame('o');
			await session.send('x'.repeat(5000));
			await receiver.messages(1);
			await receiver.assertOver();
			await session.send('y');
			assert.equal(await session.poll(), 'a["y"]');
		});

		it('a closed session is told of for as long as someone asks, then forgotten', async () => {
			const session = server.session('/close');
			const since = performance.now();

			assert.equal(await session.poll(), 'o');
			while (performance.now() - since < 2 * DELAY_MS) {
				assert.equal(await session.poll(), 'c[3000,"Go away!"]');
				await new Promise((resolve) => setTimeout(resolve, DELAY_MS / 6));
			}
			await new Promise((resolve) => setTimeout(resolve, 2 * DELAY_MS));
			await until(
				async () => {
					const frame = await session.poll();

					return frame === 'o';
				},
				'a fresh session',
				SLACK_MS,
				2 * DELAY_MS,
			);
		});

		it('WebSocket sessions know no delay', async () => {
			const socket = await server.webSocket('/echo/000/s/websocket');

			await socket.assertFrame('o');
			await socket.assertFrame('h');
			socket.send('["x"]');
			await socket.assertFrame('a["x"]');
			socket.drop();
		});
	});
}
