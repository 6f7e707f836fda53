/* SockJS: xhr-streaming, eventsource and htmlfile, on one event loop and on four. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { messagesIn, NO_CACHE, receivers, streaming, TestServer } from './lib/sockjs.mjs';
import { until } from './lib/wait.mjs';

const LIMIT = 4096; /* response_limit of /echo */
const DEFAULT_LIMIT = 128 * 1024;
const BUSY = 'c[2010,"Another connection still open"]';
const PROGRESS_BYTES = 1024; /* so much an old browser holds back */

/* The receiver that takes the place of one whose response is full. */
async function receiveNext(session, name, last) {
	await last.assertOver();
	last.drop();
	return session.receive(name);
}

for (const threads of [1, 4]) {
	describe(`SockJS streaming, ${threads} event loops`, () => {
		let server;

		before(async () => {
			server = await TestServer.start([`--threads=${threads}`]);
		});
		after(() => server?.stop());

		for (const name of streaming) {
			it(`${name}: headers, the prelude, then each frame in its chunk`, async () => {
				const session = server.session();
				const receiver = await session.receive(name);
				const { answer } = receiver;

				assert.equal(answer.header('content-type'), receivers[name].type);
				assert.equal(answer.header('transfer-encoding'), 'chunked');
				assert.equal(answer.header('cache-control'), NO_CACHE);
				assert.equal(answer.header('expires'), undefined);
				await receiver.assertFrame('o');
				await session.send('x');
				await receiver.assertFrame('a["x"]');
				await session.send('y', 'z');
				assert.deepEqual(await receiver.messages(2), ['y', 'z']);
				receiver.drop();
			});

			it(`${name}: what waited comes at once`, async () => {
				const session = await server.session().open();

				await session.send('a');
				await session.send('b', '');
				const receiver = await session.receive(name);

				assert.deepEqual(await receiver.messages(3), ['a', 'b', '']);
				await session.send('d');
				await receiver.assertFrame('a["d"]');
				receiver.drop();
			});

			it(`${name}: blind spot: it ends with the frame that reaches the limit`, async () => {
				const session = server.session();
				let receiver = await session.receive(name);

				await receiver.assertFrame('o');
				for (let round = 0; round < 2; round++) {
					while (receiver.bytes < LIMIT) {
						const message = 'x'.repeat(
							100 + (receiver.bytes % 40),
						);

						await session.send(message);
						/* null here would be an end before its time. */
						await receiver.assertFrame(`a["${message}"]`);
					}
					receiver = await receiveNext(session, name, receiver);
				}
				receiver.drop();
			});

			it(`${name}: blind spot: and so it does where nobody has set one`, async () => {
				const session = server.session('/amplify');
				const message = 'x'.repeat(2 ** 13);
				const receiver = await session.receive(name);

				await receiver.assertFrame('o');
				while (receiver.bytes < DEFAULT_LIMIT) {
					await session.send('13');
					await receiver.assertFrame(`a["${message}"]`);
				}
				await receiver.assertOver();
				receiver.drop();
			});

			it(`${name}: 60 messages over several answers, in order`, async () => {
				const session = server.session();
				const sent = Array.from(
					{ length: 60 },
					(_, i) => `${i} ${'x'.repeat(300)}`,
				);
				const heard = [];
				let receiver = await session.receive(name);
				let answers = 1;

				await receiver.assertFrame('o');
				/* Never far ahead, or all would come in one frame. */
				const sending = (async () => {
					for (const [i, message] of sent.entries()) {
						await until(() => heard.length > i - 8, 'an echo');
						await session.send(message);
					}
				})();

				while (heard.length < sent.length) {
					const frame = await receiver.frame();

					if (frame !== null) {
						heard.push(...messagesIn(frame));
						continue;
					}
					receiver.drop();
					receiver = await session.receive(name);
					answers++;
				}
				await sending;
				receiver.drop();
				assert.deepEqual(heard, sent);
				assert.ok(answers >= 4, `${answers} answers`);
			});

			it(`${name}: the second receiver is turned away, the first goes on`, async () => {
				const session = server.session();
				const first = await session.receive(name);

				await first.assertFrame('o');
				for (const other of streaming) {
					const second = await session.receive(other);

					await second.assertFrame(BUSY);
					await second.assertOver();
				}
				assert.equal(await session.poll(), BUSY);
				await session.send('x');
				await first.assertFrame('a["x"]');
				first.drop();
			});

			it(`${name}: an application's close ends it, and is told again`, async () => {
				const session = server.session('/close');
				const first = await session.receive(name);

				await first.assertFrame('o');
				await first.assertFrame('c[3000,"Go away!"]');
				await first.assertOver();
				for (const other of streaming) {
					const later = await session.receive(other);

					await later.assertFrame('c[3000,"Go away!"]');
					await later.assertOver();
				}
			});

			it(`${name}: to HTTP/1.0 without chunks, up to the end of the connection`, async () => {
				const session = server.session();
				const { method, query = '' } = receivers[name];

				for (const connection of ['close', 'keep-alive']) {
					const answer = await server.open(
						session.url(name) + query,
						{
							method,
							version: '1.0',
							headers: { Connection: connection },
						},
					);
					let text = '';

					assert.equal(answer.size, 'close');
					if (connection === 'close')
						for (; !/\bo\b/.test(text.slice(-20));)
							text +=
								(await answer.chunk()) ??
								assert.fail('no open');
					await session.send('x'.repeat(LIMIT));
					while (!answer.over) text += (await answer.chunk()) ?? '';
					assert.ok(text.includes('xxx'));
				}
			});

			it(`${name}: a message much longer than the limit`, async () => {
				const session = server.session();
				const message = '한글 %25 </script> "\\'.repeat(3000);
				const receiver = await session.receive(name);

				await receiver.assertFrame('o');
				await session.send(message);
				assert.deepEqual(await receiver.messages(1), [message]);
				await receiver.assertOver();
			});
		}

		it('htmlfile: the page is long enough for browsers to show it at once', async () => {
			const { method, query } = receivers.htmlfile;
			const session = server.session();
			const answer = await server.open(session.url('htmlfile') + query, {
				method,
			});
			const page = await answer.chunk();

			assert.ok(page.length > PROGRESS_BYTES, `${page.length}`);
			assert.match(page, /var c = parent\.cb;/);
			assert.match(page, /c\.start\(\)/);
			assert.match(page, /c\.message\(/);
			assert.match(page, /c\.stop\(\)/);
			assert.match(page, / {100,}\r\n\r\n$/);
			answer.connection.drop();
		});

		it('one session may change from one receiver to another', async () => {
			const session = await server.session().open();

			for (const name of [...streaming, ...streaming]) {
				const receiver = await session.receive(name);

				await session.send(name.repeat(LIMIT));
				assert.deepEqual(await receiver.messages(1), [name.repeat(LIMIT)]);
				await receiver.assertOver();
				await session.send(name);
				assert.equal(await session.poll(), `a["${name}"]`);
			}
		});

		it('2^18 bytes at once, and more behind them', async () => {
			for (const name of streaming) {
				const session = server.session('/amplify');
				const receiver = await session.receive(name);

				await receiver.assertFrame('o');
				await session.send('1', '18', '2');
				const lengths = [];

				/* The default limit is below 2^18: the last may need the next answer. */
				for (let frame; (frame = await receiver.frame()) !== null;)
					lengths.push(...messagesIn(frame).map((m) => m.length));
				receiver.drop();
				if (lengths.length < 3)
					lengths.push(
						...(await session.messages(1)).map((m) => m.length),
					);
				assert.deepEqual(lengths, [2, 2 ** 18, 4]);
			}
		});

		it('a client that stops reading holds nobody else up', async () => {
			const slow = server.session('/amplify');
			const session = await server.session().open();
			const receiver = await slow.receive('xhr_streaming');

			await receiver.assertFrame('o');
			receiver.connection.socket.pause();
			for (let i = 0; i < 8; i++) await slow.send('18');
			await session.send('x');
			assert.equal(await session.poll(), 'a["x"]');
			receiver.connection.socket.resume();
			await until(() => receiver.connection.data.length > 2 ** 17, 'the rest');
			receiver.drop();
		});
	});
}
