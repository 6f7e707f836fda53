/* SockJS: xhr_send and jsonp_send. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { NO_CACHE, ORIGIN, TestServer } from './lib/sockjs.mjs';

const FORM = 'application/x-www-form-urlencoded';
const PAYLOAD_EXPECTED = /Payload expected\./;
const BROKEN_JSON = /Broken JSON encoding\./;

const nothing = ['', '{}', '{"a":"b"}', '1', 'null', 'true'];
const broken = [
	'["x',
	'["x"',
	'[',
	'x',
	"['x']",
	'["x",]',
	'["x"]]',
	'["x"]["y"]',
	'["\\x"]',
	'["\\u12g4"]',
	'["\\u12"]',
	'["a\nb"]',
	'["a\tb"]',
	'["a\0b"]',
	'[,]',
];

for (const threads of [1, 4]) {
	describe(`SockJS sending, ${threads} event loops`, () => {
		let server;
		let session;

		before(async () => {
			server = await TestServer.start([`--threads=${threads}`]);
		});
		after(() => server?.stop());

		/* The session is still of use, and has got nothing but what it should. */
		async function assertUsable(...heard) {
			await session.send('fence');
			assert.deepEqual(await session.messages(heard.length + 1), [
				...heard,
				'fence',
			]);
		}

		async function xhrSend(body, headers = {}) {
			return session.ask('xhr_send', { body, headers });
		}

		async function jsonpSend(body, type = FORM) {
			return session.ask('jsonp_send', {
				body,
				headers: { 'Content-Type': type },
			});
		}

		it('xhr_send: an empty answer in plain text', async () => {
			session = await server.session().open();
			const answer = await session.ask('xhr_send', {
				body: '["a","b"]',
				headers: { Origin: ORIGIN },
			});

			assert.equal(answer.status, 204);
			assert.equal(answer.header('content-type'), 'text/plain; charset=UTF-8');
			assert.equal(answer.header('cache-control'), NO_CACHE);
			assert.equal(answer.header('access-control-allow-origin'), ORIGIN);
			assert.equal(answer.header('access-control-allow-credentials'), 'true');
			await assertUsable('a', 'b');
		});

		it('xhr_send: an empty array is fine, and so is white space', async () => {
			session = await server.session().open();
			assert.equal((await xhrSend('[]')).status, 204);
			assert.equal((await xhrSend(' [ "a" ,\t"" ]\r\n')).status, 204);
			await assertUsable('a', '');
		});

		it('xhr_send: whatever the content type says', async () => {
			session = await server.session().open();
			for (const [i, type] of [
				'text/plain',
				'T',
				'application/json',
				'application/xml',
				'',
				'text/xml',
				'text/plain; charset=utf-8',
				'application/json;charset=UTF-8',
				'text/xml; charset=utf-8',
			].entries()) {
				const answer = await xhrSend(`["${i}"]`, { 'Content-Type': type });

				assert.equal(answer.status, 204, type);
				assert.equal(
					answer.header('content-type'),
					'text/plain; charset=UTF-8',
				);
			}
			await assertUsable('0', '1', '2', '3', '4', '5', '6', '7', '8');
		});

		it('blind spot: xhr_send: a body that is no array is no payload', async () => {
			session = await server.session().open();
			for (const body of nothing) {
				const answer = await xhrSend(body);

				assert.equal(answer.status, 500, body);
				assert.match(answer.text, PAYLOAD_EXPECTED, body);
			}
			await assertUsable();
		});

		it('blind spot: xhr_send: a bare string is no payload either', async () => {
			session = await server.session().open();
			const answer = await xhrSend('"x"');

			assert.equal(answer.status, 500);
			assert.match(answer.text, PAYLOAD_EXPECTED);
			await assertUsable();
		});

		it('xhr_send: broken JSON does no harm', async () => {
			session = await server.session().open();
			for (const body of broken) {
				const answer = await xhrSend(body);

				assert.equal(answer.status, 500, body);
				assert.match(answer.text, BROKEN_JSON, body);
			}
			await assertUsable();
		});

		it('xhr_send: what is not UTF-8 is not echoed', async () => {
			session = await server.session().open();
			for (const hex of ['ff', 'c080', 'eda080', 'f4908080', 'e28c', '80']) {
				const answer = await xhrSend(
					Buffer.concat([
						Buffer.from('["'),
						Buffer.from(hex, 'hex'),
						Buffer.from('"]'),
					]),
				);

				assert.ok(
					[400, 500].includes(answer.status),
					`${hex} ${answer.status}`,
				);
			}
			await assertUsable();
		});

		it('xhr_send: elements that are no strings never reach the application as such', async () => {
			for (const body of [
				'[1]',
				'["a",null]',
				'[{"a":"b"}]',
				'[["a"]]',
				'[true]',
			]) {
				session = await server.session().open();
				const answer = await xhrSend(body);

				/* sockjs-node makes texts of them, Spring refuses some. */
				assert.ok(
					[204, 500].includes(answer.status),
					`${body} ${answer.status}`,
				);
			}
		});

		it('xhr_send: deep nesting and a crowd of elements', async () => {
			session = await server.session().open();
			const deep = await xhrSend('['.repeat(100_000));
			const many = await xhrSend(`[${'"",'.repeat(20_000)}""]`);

			assert.equal(deep.status, 500);
			assert.equal(many.status, 204);
			await assertUsable(...Array.from({ length: 20_001 }, () => ''));
		});

		it('404 for a session that nobody has opened', async () => {
			session = server.session();
			assert.equal((await xhrSend('["x"]')).status, 404);
			assert.equal((await jsonpSend('d=["x"]')).status, 404);
			assert.equal(await session.poll(), 'o');
		});

		it('errors of the payload come before those of the session', async () => {
			session = server.session();
			assert.match((await xhrSend('')).text, PAYLOAD_EXPECTED);
			assert.match((await xhrSend('[')).text, BROKEN_JSON);
		});

		it('jsonp_send: the answer is ok', async () => {
			session = await server.session().open();
			const answer = await jsonpSend('d=%5B%22x%22%5D');

			assert.equal(answer.status, 200);
			assert.equal(answer.text, 'ok');
			assert.equal(answer.header('content-type'), 'text/plain; charset=UTF-8');
			assert.equal(answer.header('cache-control'), NO_CACHE);
			await assertUsable('x');
		});

		it('jsonp_send: a form is decoded, plain text is not', async () => {
			session = await server.session().open();
			for (const [body, type] of [
				['d=["a"]', FORM],
				['d=%5B%22b+%2B%20%25%22%5D', FORM],
				['x=1&d=%5B%22%EC%95%88%22%5D&y=2', FORM],
				['d=%5B%22c%22%5D', `${FORM}; charset=UTF-8`],
				['["%61+"]', 'text/plain'],
				['["d=e"]', 'text/plain; charset=UTF-8'],
			])
				assert.equal((await jsonpSend(body, type)).text, 'ok', body);
			await assertUsable('a', 'b + %', '안', 'c', '%61+', 'd=e');
		});

		it('jsonp_send: no payload, broken payload', async () => {
			session = await server.session().open();
			for (const [body, type, about] of [
				['', FORM, PAYLOAD_EXPECTED],
				['d=', FORM, PAYLOAD_EXPECTED],
				['p=p', FORM, PAYLOAD_EXPECTED],
				['dd=["x"]', FORM, PAYLOAD_EXPECTED],
				['d={}', FORM, PAYLOAD_EXPECTED],
				['', 'text/plain', PAYLOAD_EXPECTED],
				['d=%5B%22x', FORM, BROKEN_JSON],
				['["x', 'text/plain', BROKEN_JSON],
			]) {
				const answer = await jsonpSend(body, type);

				assert.equal(answer.status, 500, body);
				assert.match(answer.text, about, body);
			}
			await assertUsable();
		});

		it('jsonp_send: 405, 500, 404: each is told from the others', async () => {
			session = server.session();
			assert.equal(
				(await session.ask('jsonp_send', { method: 'GET' })).status,
				405,
			);
			assert.equal((await jsonpSend('d=')).status, 500);
			assert.equal((await jsonpSend('d=[]')).status, 404);
		});
	});
}
