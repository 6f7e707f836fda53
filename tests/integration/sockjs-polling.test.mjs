/* SockJS: xhr-polling and jsonp-polling, on one event loop and on four. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { messagesIn, NO_CACHE, polling, receivers, TestServer } from './lib/sockjs.mjs';

const SESSIONS = 16;
const ROUNDS = 20;
const BUSY = 'c[2010,"Another connection still open"]';

for (const threads of [1, 4]) {
	describe(`SockJS polling, ${threads} event loops`, () => {
		let server;

		before(async () => {
			server = await TestServer.start([`--threads=${threads}`]);
		});
		after(() => server?.stop());

		for (const name of polling) {
			it(`${name}: one frame in one chunk, and the answer ends`, async () => {
				const session = server.session();
				const { method, query = '', type } = receivers[name];
				const answer = await server.ask(session.url(name) + query, {
					method,
				});

				assert.equal(answer.status, 200);
				assert.equal(answer.header('content-type'), type);
				assert.equal(answer.header('cache-control'), NO_CACHE);
				assert.equal(answer.header('expires'), undefined);
				assert.deepEqual(answer.pieces, [
					name === 'xhr' ? 'o\n' : '/**/cb("o");\r\n',
				]);
			});

			it(`${name}: a poll waits for a message`, async () => {
				const session = server.session();

				assert.equal(await session.poll(name), 'o');
				const receiver = await session.receive(name);

				await session.send('안녕 "x"');
				await receiver.assertFrame('a["안녕 \\"x\\""]');
				await receiver.assertOver();
			});

			it(`${name}: what was sent between polls comes as one frame`, async () => {
				const session = server.session();

				assert.equal(await session.poll(name), 'o');
				await session.send('a');
				await session.send('b', 'c');
				await session.send();
				await session.send('d');
				assert.equal(await session.poll(name), 'a["a","b","c","d"]');
			});

			it(`${name}: the second receiver is turned away, the first goes on`, async () => {
				const session = server.session();

				assert.equal(await session.poll(name), 'o');
				const first = await session.attach(name);

				for (const other of polling)
					assert.equal(await session.poll(other), BUSY);
				await session.send('x');
				await first.assertFrame('a["x"]');
				await first.assertOver();
				await session.send('y');
				assert.equal(await session.poll(name), 'a["y"]');
			});

			it(`${name}: an application's close is told again and again`, async () => {
				const session = server.session('/close');
				const gone = 'c[3000,"Go away!"]';

				assert.equal(await session.poll(name), 'o');
				for (let i = 0; i < 3; i++)
					assert.equal(await session.poll(name), gone);
			});
		}

		it('a poll on a connection that is kept alive', async () => {
			const session = server.session();
			const connection = await server.connect();

			for (const expected of ['o\n', 'a["1"]\n', 'a["2"]\n']) {
				const answer = await connection.ask(session.url('xhr'), {
					method: 'POST',
				});

				assert.equal(answer.text, expected);
				assert.equal(
					(
						await connection.ask(session.url('xhr_send'), {
							method: 'POST',
							body:
								expected === 'o\n'
									? '["1"]'
									: '["2"]',
						})
					).status,
					204,
				);
			}
		});

		it('sessions do not hear each other', async () => {
			const one = await server.session().open();
			const other = await server.session().open();
			const receiver = await other.receive('xhr');

			await one.send('for one');
			await other.send('for the other');
			await receiver.assertFrame('a["for the other"]');
			assert.equal(await one.poll(), 'a["for one"]');
		});

		it('nothing is lost, doubled or moved when many poll and send at once', async () => {
			const one = async (index) => {
				const session = await server.session().open();
				const expected = [];
				const sent = (async () => {
					for (let i = 0; i < ROUNDS; i++) {
						const batch = Array.from(
							{ length: 1 + ((i + index) % 3) },
							(_, k) => `${index} ${i} ${k}`,
						);

						expected.push(...batch);
						await session.send(...batch);
					}
				})();
				const heard = [];

				const heardAll = (async () => {
					for (;;) {
						heard.push(...messagesIn(await session.poll()));
						if (
							heard
								.at(-1)
								.startsWith(
									`${index} ${ROUNDS - 1} `,
								)
						)
							break;
					}
				})();

				await Promise.all([sent, heardAll]);
				while (heard.length < expected.length)
					heard.push(...messagesIn(await session.poll()));
				assert.deepEqual(heard, expected);
			};

			await Promise.all(
				Array.from({ length: SESSIONS }, (_, index) => one(index)),
			);
		});
	});
}

describe('SockJS callback parameter', () => {
	let server;

	before(async () => {
		server = await TestServer.start();
	});
	after(() => server?.stop());

	const ask = (name, query) =>
		server.open(server.session().url(name) + query).then(async (answer) => {
			const text = await answer.chunk();

			answer.connection.drop();
			return { answer, text };
		});

	for (const name of ['jsonp', 'htmlfile']) {
		it(`${name}: it may be percent-encoded, and be called by either name`, async () => {
			for (const query of [
				'?c=%63allback',
				'?x=1&c=callback',
				'?callback=callback',
			]) {
				const { answer, text } = await ask(name, query);

				assert.equal(answer.status, 200, query);
				assert.match(text, /\bcallback\b/);
			}
			assert.equal((await ask(name, '?c=_jp.a-Z0_9')).answer.status, 200);
		});

		it(`${name}: without it there is no session`, async () => {
			for (const query of ['', '?', '?t=1', '?C=x']) {
				const { answer, text } = await ask(name, query);

				assert.equal(answer.status, 500, query);
				assert.match(text, /"callback" parameter required/);
			}
			assert.equal((await ask(name, '?c=')).answer.status, 500);
		});

		it(`${name}: it is a plain name`, async () => {
			for (const query of [
				'?c=%20',
				'?c=*',
				'?c=abc(',
				'?c=abc%28',
				'?c=a%3Cscript%3E',
				'?c=a%3Bb',
				"?c=a'",
				'?c=%EA%B0%80',
			]) {
				const { answer, text } = await ask(name, query);

				assert.equal(answer.status, 500, query);
				assert.match(text, /invalid "callback" parameter/);
			}
		});
	}

	it('neither control characters nor half an escape get into the script', async () => {
		for (const query of ['?c=a%0Ab', '?c=a%00b', '?c=a%0Db', '?c=a%', '?c=a%2']) {
			const connection = await server.connect();

			connection.request(server.session().url('jsonp') + query);
			const text = await connection.read(() => {
				const all = connection.data.toString();

				if (connection.over || /\r\n\r\n[^]/.test(all)) return all;
			}, 'an answer or the end');

			assert.match(text, /^$|^HTTP\/1\.[01] [45]|\/\*\*\/\w+\("o"\);\r\n/);
			connection.drop();
		}
	});

	it('blind spot: jsonp takes 32 characters, not more', async () => {
		assert.equal((await ask('jsonp', `?c=${'c'.repeat(32)}`)).answer.status, 200);
		const { answer, text } = await ask('jsonp', `?c=${'c'.repeat(33)}`);

		assert.equal(answer.status, 500);
		assert.match(text, /invalid "callback" parameter/);
	});

	it('blind spot: jsonp is not to be taken for anything but a script', async () => {
		const { answer } = await ask('jsonp', '?c=cb');

		assert.equal(answer.header('x-content-type-options'), 'nosniff');
	});
});
