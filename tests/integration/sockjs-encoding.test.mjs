/* SockJS: every character through every transport. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { polling, streaming, TestServer } from './lib/sockjs.mjs';

const awkward = [
	'',
	'\0',
	'a\0b',
	'"\\/\b\f\n\r\t',
	'%',
	'%00%25%E0%A4%A',
	'100% \r\n data: x\n\n',
	'\u2028\u2029',
	'\u007f\u0080\u009f\u00ad\ufeff\ufffe\uffff\ufff0',
	'안녕하세요',
	'😀👩‍👩‍👧 \u{10000}\u{10ffff}',
	'</script><script>alert(1)</script>',
	"<!--<script> ]]> &lt; '",
	'a["x"]',
	'c[3000,"Go away!"]',
	'\\u0041 \\n',
	' leading and trailing ',
	'\u200b\u200c\u200d\u200e\u200f',
];
const lone = [
	'\ud800',
	'\udfff',
	'a\ud83d',
	'\ude00b',
	'\ude00\ud83d',
	'\ud83d\ud83d\ude00',
	'\udbff\udbff',
];

/* What has to be written as \uXXXX to get through every browser and proxy. */
const escaped = [
	[0x00, 0x1f],
	[0x200c, 0x200f],
	[0x2028, 0x202f],
	[0x2060, 0x206f],
	[0xfff0, 0xffff],
	[0xd800, 0xd801],
	[0xdbfe, 0xdc01],
	[0xdffe, 0xdfff],
];

/* As escape.js of the stock client writes texts, and as little as JSON allows. */
const hex = (unit) => `\\u${unit.toString(16).padStart(4, '0')}`;
const asClient = (text) =>
	JSON.stringify(text).replace(/[\u0300-\uffff]/g, (c) => hex(c.charCodeAt(0)));
const writers = { 'as the stock client': asClient, plain: JSON.stringify };

describe('SockJS encoding', () => {
	let server;

	before(async () => {
		server = await TestServer.start(['--threads=2']);
	});
	after(() => server?.stop());

	/* A session that is to hear `texts`. */
	async function sessionFor(texts, write = asClient) {
		const session = await server.session('/disabled_websocket_echo').open();
		const body = `[${texts.map(write).join(',')}]`;

		assert.equal((await session.ask('xhr_send', { body })).status, 204);
		return session;
	}

	/* The one frame in which `texts` come back. */
	async function frameOf(name, texts, write) {
		const session = await sessionFor(texts, write);
		const receiver = await session.receive(name);
		const frame = await receiver.frame();

		receiver.drop();
		return frame;
	}

	for (const name of [...polling, ...streaming]) {
		for (const [how, write] of Object.entries(writers))
			it(`${name}: awkward texts come back as they were, sent ${how}`, async () => {
				const frame = await frameOf(name, awkward, write);

				assert.deepEqual(JSON.parse(frame.slice(1)), awkward);
			});

		it(`${name}: lone surrogates come back as they were`, async () => {
			const frame = await frameOf(name, lone);

			assert.deepEqual(JSON.parse(frame.slice(1)), lone);
			assert.ok(
				frame.includes('"\\ud800"') && frame.includes('"a\\ud83d"'),
				frame,
			);
		});

		it(`${name}: every unit of 16 bits`, async () => {
			const texts = Array.from({ length: 256 }, (_, high) =>
				String.fromCharCode(
					...Array.from(
						{ length: 256 },
						(_, low) => high * 256 + low,
					),
				),
			);
			const session = await sessionFor(texts);

			assert.deepEqual(await session.messages(texts.length, name), texts);
		});

		it(`${name}: blind spot: what must be escaped is, in lower case`, async () => {
			for (const [first, last] of escaped) {
				for (let unit = first; unit <= last; unit++) {
					const frame = await frameOf(name, [
						String.fromCharCode(unit),
					]);
					const short = {
						8: '\\b',
						9: '\\t',
						10: '\\n',
						12: '\\f',
						13: '\\r',
					}[unit];

					assert.ok(
						frame === `a["${hex(unit)}"]` ||
							frame === `a["${short}"]`,
						`${hex(unit)}: ${frame}`,
					);
				}
			}
		});

		it(`${name}: blind spot: pairs of surrogates are escaped`, async () => {
			assert.equal(
				await frameOf(
					name,
					['😀', '\u{10000}', '\u{10ffff}'],
					JSON.stringify,
				),
				'a["\\ud83d\\ude00","\\ud800\\udc00","\\udbff\\udfff"]',
			);
		});

		it(`${name}: what need not be escaped is not made longer`, async () => {
			const text = "가 é \u007f\u0300 <>&/'";
			const frame = await frameOf(name, [text], JSON.stringify);

			assert.ok(frame.includes('가 é'), frame);
			assert.equal(JSON.parse(frame.slice(1))[0], text);
		});
	}

	it('eventsource: %, line ends and NUL are percent-encoded, and nothing else is', async () => {
		const session = await server.session().open();

		await session.send('%\r\n\0 %41 +:%');
		const receiver = await session.receive('eventsource');
		const chunk = await receiver.answer.chunk();

		receiver.drop();
		assert.equal(chunk, 'data: a["%25\\r\\n\\u0000 %2541 +:%25"]\r\n\r\n');
	});

	it('eventsource: every % is one that the client can take back', async () => {
		const frame = await frameOf('eventsource', [
			'%',
			'%%',
			'%2',
			'%25',
			'%zz',
			'%e0%a4%a',
		]);

		assert.deepEqual(JSON.parse(frame.slice(1)), [
			'%',
			'%%',
			'%2',
			'%25',
			'%zz',
			'%e0%a4%a',
		]);
	});

	it('htmlfile: nothing in a message ends the script', async () => {
		const session = await server.session().open();

		await session.send('</script>', '<!--', '<script>', ']]>', '\u2028');
		const receiver = await session.receive('htmlfile');
		const chunk = await receiver.answer.chunk();

		receiver.drop();
		assert.match(chunk, /^<script>\n[^]*<\/script>\r\n$/);
		assert.doesNotMatch(chunk.slice(8, -11), /<\/|<!--|<script|\u2028/i);
	});

	it('jsonp: what comes is JavaScript that calls with the frame', async () => {
		const session = await server.session().open();

		await session.send(...awkward);
		const answer = await session.ask('jsonp?c=cb', { method: 'GET' });
		const heard = [];

		new Function('cb', answer.text)((frame) => heard.push(frame));
		assert.equal(heard.length, 1);
		assert.deepEqual(JSON.parse(heard[0].slice(1)), awkward);
	});

	it('websocket: the same texts', async () => {
		for (const write of Object.values(writers)) {
			const socket = await server.webSocket('/echo/000/s/websocket');

			await socket.assertFrame('o');
			socket.send(`[${awkward.map(write).join(',')}]`);
			assert.deepEqual(await socket.messages(awkward.length), awkward);
			socket.drop();
		}
	});

	it('websocket: lone surrogates come back as escapes', async () => {
		const socket = await server.webSocket('/echo/000/s/websocket');

		await socket.assertFrame('o');
		socket.send(`[${lone.map(asClient).join(',')}]`);
		assert.deepEqual(await socket.messages(lone.length), lone);
	});

	it('websocket: what must be escaped is', async () => {
		const socket = await server.webSocket('/echo/000/s/websocket');

		await socket.assertFrame('o');
		for (const [first, last] of escaped) {
			for (let unit = first; unit <= last; unit++) {
				socket.send(`["${hex(unit)}"]`);
				const frame = await socket.frame();

				assert.match(frame, /^a\["\\(u[0-9a-f]{4}|[bfnrt])"\]$/);
				assert.equal(JSON.parse(frame.slice(1))[0].charCodeAt(0), unit);
			}
		}
	});

	it('raw websocket: text as it is', async () => {
		const socket = await server.webSocket('/echo/websocket');

		for (const text of [...awkward.slice(1), '["x"]', '"x"', '[]', 'o', 'h']) {
			socket.send(text);
			await socket.assertFrame(text);
		}
	});
});
