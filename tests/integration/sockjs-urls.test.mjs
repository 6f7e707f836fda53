/* SockJS: the URLs, what stands in every answer, and the pages without a session. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { NO_CACHE, ORIGIN, receivers, streaming, TestServer, upgrade } from './lib/sockjs.mjs';

const A_YEAR = 'public, max-age=31536000';
const IFRAMES = [
	'iframe.html',
	'iframe-a.html',
	'iframe-.html',
	'iframe-0.1.2-2abc.dirty.2144.html',
];
const TRANSPORTS = Object.keys(receivers);

let server;

function assertNoCache(answer) {
	assert.equal(answer.header('cache-control'), NO_CACHE);
	assert.equal(answer.header('expires'), undefined);
	assert.equal(answer.header('last-modified'), undefined);
}

function assertOpenTo(answer, origin) {
	assert.equal(answer.header('access-control-allow-origin'), origin);
	assert.equal(answer.header('access-control-allow-credentials'), 'true');
	assert.match(answer.header('vary') ?? '', /\bOrigin\b/i);
}

function assertLasts(answer) {
	const days = (Date.parse(answer.header('expires')) - Date.now()) / 86_400_000;

	assert.equal(answer.header('cache-control'), A_YEAR);
	assert.ok(days > 360 && days < 370, answer.header('expires'));
}

before(async () => {
	server = await TestServer.start(['--threads=2', '--sockjs-url=/lib/sockjs.js?a=1&b=2']);
});
after(() => server?.stop());

describe('SockJS greeting', () => {
	for (const target of ['/echo', '/echo/', '/echo?t=1', '/echo/?t=1']) {
		it(target, async () => {
			const answer = await server.ask(target);

			assert.equal(answer.status, 200);
			assert.equal(answer.header('content-type'), 'text/plain; charset=UTF-8');
			assert.equal(answer.header('set-cookie'), undefined);
			assert.equal(answer.text, 'Welcome to SockJS!\n');
		});
	}

	for (const target of ['a', 'a.html', 'a/a', 'a/a/', 'INFO', 'info/a', './info/a'])
		it(`404 for /echo/${target}`, async () => {
			const answer = await server.ask(`/echo/${target}`);

			assert.equal(answer.status, 404);
			assert.equal(answer.header('set-cookie'), undefined);
		});
});

describe('SockJS info', () => {
	it('says what the server can do', async () => {
		for (const [target, websocket, cookie] of [
			['/echo/info', true, false],
			['/echo/info?t=123', true, false],
			['/disabled_websocket_echo/info', false, false],
			['/cookie_needed_echo/info', true, true],
		]) {
			const answer = await server.ask(target, { headers: { Origin: ORIGIN } });
			const info = JSON.parse(answer.text);

			assert.equal(answer.status, 200);
			assert.equal(
				answer.header('content-type'),
				'application/json; charset=UTF-8',
			);
			assert.equal(answer.header('set-cookie'), undefined);
			assertNoCache(answer);
			assertOpenTo(answer, ORIGIN);
			assert.equal(info.websocket, websocket);
			assert.equal(info.cookie_needed, cookie);
			assert.deepEqual(info.origins, ['*:*']);
		}
	});

	it('blind spot: entropy is a number of 32 bits, never negative, always another', async () => {
		const connection = await server.connect();
		const seen = new Set();

		for (let i = 0; i < 40; i++) {
			const { entropy } = JSON.parse((await connection.ask('/echo/info')).text);

			assert.ok(
				Number.isInteger(entropy) && entropy >= 0 && entropy < 2 ** 32,
				entropy,
			);
			seen.add(entropy);
		}
		assert.ok(seen.size >= 39, 'the same numbers');
		/* One of 40 lies in the upper half, but for one run in 10^12. */
		assert.ok(
			[...seen].some((entropy) => entropy >= 2 ** 31),
			'only small numbers',
		);
	});
});

describe('SockJS cross-origin headers', () => {
	const urls = [
		['GET', 'info'],
		['POST', '000/ID/xhr'],
		['POST', '000/ID/xhr_send'],
		['POST', '000/ID/xhr_streaming'],
		['GET', '000/ID/eventsource'],
	];

	for (const [method, url] of urls) {
		/* The head of the answer; a fresh session for each, as xhr_send needs one. */
		const ask = async (headers) => {
			const session = server.session();
			const target = `/echo/${url.replace('ID', session.id)}`;

			if (url.endsWith('xhr_send')) await session.open();
			const answer = await server.open(target, {
				method,
				headers,
				body: url.endsWith('xhr_send') ? '["x"]' : undefined,
			});

			answer.connection.drop();
			assert.ok([200, 204].includes(answer.status), answer.status);
			return answer;
		};

		it(`blind spot: ${url} answers its Origin, and Vary: Origin`, async () => {
			for (const origin of [ORIGIN, 'test', 'null', 'https://a.b:8443'])
				assertOpenTo(await ask({ Origin: origin }), origin);
		});

		it(`${url} without an Origin is open to all, without credentials`, async () => {
			const answer = await ask({});

			assert.equal(answer.header('access-control-allow-origin'), '*');
			assert.equal(answer.header('access-control-allow-credentials'), undefined);
			assert.match(answer.header('vary') ?? '', /\bOrigin\b/i);
		});

		it(`${url} gives back the headers that were asked for`, async () => {
			for (const list of ['X-a, x-B', 'content-type']) {
				const answer = await ask({
					Origin: ORIGIN,
					'Access-Control-Request-Headers': list,
				});

				assert.equal(answer.header('access-control-allow-headers'), list);
			}
			for (const headers of [{}, { 'Access-Control-Request-Headers': '' }]) {
				const answer = await ask({ Origin: ORIGIN, ...headers });

				assert.equal(
					answer.header('access-control-allow-headers'),
					undefined,
				);
			}
		});

		it(`${url} is not to be kept`, async () => {
			assertNoCache(await ask({}));
		});
	}

	for (const [url, method] of [
		['info', 'GET'],
		['000/ID/xhr', 'POST'],
		['000/ID/xhr_send', 'POST'],
		['000/ID/xhr_streaming', 'POST'],
	])
		it(`preflight of ${url}`, async () => {
			const answer = await server.ask(`/echo/${url}`, {
				method: 'OPTIONS',
				headers: {
					Origin: ORIGIN,
					'Access-Control-Request-Method': method,
					'Access-Control-Request-Headers': 'a, b, c',
				},
			});

			assert.ok([200, 204].includes(answer.status), answer.status);
			assert.equal(answer.text, '');
			assertOpenTo(answer, ORIGIN);
			assert.equal(
				answer.header('access-control-allow-methods'),
				`OPTIONS, ${method}`,
			);
			assert.equal(answer.header('access-control-allow-headers'), 'a, b, c');
			assert.equal(answer.header('access-control-max-age'), '31536000');
			assertLasts(answer);
		});

	it('nothing of a request gets into other headers', async () => {
		const answer = await server.ask('/echo/info', {
			headers: {
				Origin: 'http://a\tb',
				'Access-Control-Request-Headers': 'a\tb',
			},
		});

		/* Answer reads headers strictly; a refusal is as good. */
		assert.ok([200, 400, 403].includes(answer.status), answer.status);
	});
});

describe('SockJS cookies', () => {
	const ask = async (name, cookie, prefix = '/cookie_needed_echo') => {
		const session = server.session(prefix);
		const sends = name.endsWith('_send');
		const { method = 'POST', query = '' } = receivers[name] ?? {};

		if (sends) await session.open();
		const answer = await server.open(session.url(name) + query, {
			method,
			headers: cookie ? { Cookie: cookie } : {},
			body: sends ? '["x"]' : undefined,
		});

		answer.connection.drop();
		assert.ok([200, 204].includes(answer.status), answer.status);
		return answer.header('set-cookie');
	};

	for (const name of [...TRANSPORTS, 'xhr_send', 'jsonp_send']) {
		it(`blind spot: JSESSIONID comes with ${name}, and only where it is wanted`, async () => {
			for (const [cookie, value] of [
				[undefined, 'dummy'],
				['JSESSIONID=abcdef', 'abcdef'],
				['a=b; JSESSIONID=abcdef; c=d', 'abcdef'],
				['XJSESSIONID=no', 'dummy'],
			]) {
				const [first, second] = (await ask(name, cookie)).split(/;\s*/);

				assert.equal(first, `JSESSIONID=${value}`);
				assert.equal(second.toLowerCase(), 'path=/');
			}
			assert.equal(await ask(name, 'JSESSIONID=abcdef', '/echo'), undefined);
		});
	}
});

describe('SockJS methods and segments', () => {
	const wrong = [
		['info', ['POST', 'PUT', 'DELETE'], ['GET', 'OPTIONS']],
		['000/s/xhr', ['GET', 'PUT'], ['POST', 'OPTIONS']],
		['000/s/xhr_send', ['GET', 'DELETE'], ['POST', 'OPTIONS']],
		['000/s/xhr_streaming', ['GET'], ['POST', 'OPTIONS']],
		['000/s/eventsource', ['POST'], ['GET']],
		['000/s/htmlfile?c=cb', ['POST'], ['GET']],
		['000/s/jsonp?c=cb', ['POST'], ['GET']],
		['000/s/jsonp_send', ['GET'], ['POST']],
		['000/s/websocket', ['POST', 'PUT'], ['GET']],
		['iframe.html', ['POST'], ['GET']],
		['', ['POST'], ['GET']],
	];

	for (const [url, methods, allowed] of wrong) {
		it(`405 for ${methods.join(' and ')} ${url}`, async () => {
			for (const method of methods) {
				const answer = await server.ask(`/echo/${url}`, {
					method,
					body: '',
				});
				const allow = (answer.header('allow') ?? '').split(/,\s*/);

				assert.equal(answer.status, 405, method);
				assert.equal(answer.header('content-type'), undefined);
				assert.equal(answer.text, '');
				for (const name of allowed)
					assert.ok(allow.includes(name), allow.join());
				assert.ok(!allow.includes(method), allow.join());
			}
		});
	}

	it('405 for POST on a WebSocket, though it asks for the upgrade', async () => {
		const answer = await server.ask('/echo/000/s/websocket', {
			method: 'POST',
			headers: upgrade,
		});

		assert.equal(answer.status, 405);
		assert.match(answer.header('allow'), /\bGET\b/);
	});

	it('HEAD never has a body', async () => {
		for (const target of [
			'/echo',
			'/echo/info',
			'/echo/iframe.html',
			'/echo/no',
			'/no',
		]) {
			const connection = await server.connect();

			connection.request(target, { method: 'HEAD' });
			const answer = await connection.wholeAnswer();

			assert.ok(
				[200, 404, 405].includes(answer.status),
				`${target} ${answer.status}`,
			);
			/* A body would stand in the way of the next answer. */
			if (!/close/i.test(answer.header('connection') ?? ''))
				assert.equal(
					(await connection.ask('/echo')).text,
					'Welcome to SockJS!\n',
				);
			else await connection.untilEnded();
		}
	});

	for (const path of [
		'a/a',
		'_/_',
		'1/1',
		'-/-',
		'abcdefgh_i-j%20/abcdefg_i-j%20',
		'~/!',
		'a:b/c,d',
	])
		it(`a session at ${path}`, async () => {
			for (const end of ['', '/', '?t=1', '/?t=1']) {
				const at = `/echo/${path}-${end.length}`;
				const opened = await server.ask(`${at}/xhr${end}`, {
					method: 'POST',
				});
				const sent = await server.ask(`${at}/xhr_send${end}`, {
					method: 'POST',
					body: '["x"]',
				});

				assert.equal(opened.text, 'o\n');
				assert.equal(sent.status, 204);
			}
		});

	for (const path of ['/', 'a./a', 'a/a.', './a', 'a/.', '../a', 'a/..', '/a', 'a/'])
		it(`no session at ${path}`, async () => {
			const answer = await server.ask(`/echo/${path}/xhr`, { method: 'POST' });

			assert.equal(answer.status, 404);
		});

	it('no session at names that nobody knows', async () => {
		for (const name of ['unknown', 'XHR', 'xhr_', 'xhr.', 'xhr/x', 'xhr;x=1'])
			assert.equal(
				(await server.ask(`/echo/a/b/${name}`, { method: 'POST' })).status,
				404,
				name,
			);
	});

	it(
		'two slashes are not one',
		{ todo: 'libwebsockets makes one of them before anybody sees the URL' },
		async () => {
			for (const [method, path] of [
				['GET', '/echo//'],
				['GET', '/echo///'],
				['GET', '/echo//info'],
				['POST', '/echo//s/s/xhr'],
				['POST', '/echo/s/s/xhr//'],
			])
				assert.equal(
					(await server.ask(path, { method })).status,
					404,
					path,
				);
		},
	);
});

describe('SockJS iframe', () => {
	it('is the same page for every version of the client, on every node', async () => {
		const other = await TestServer.start(['--sockjs-url=/lib/sockjs.js?a=1&b=2']);
		const tags = new Set();

		try {
			for (const name of [...IFRAMES, 'iframe.html?t=1']) {
				const answer = await (tags.size ? other : server).ask(
					`/echo/${name}`,
				);

				assert.equal(answer.status, 200, name);
				assert.equal(
					answer.header('content-type'),
					'text/html; charset=UTF-8',
				);
				assert.match(answer.text, /^<!doctype html>\n/i);
				assert.match(
					answer.text,
					/<script src="\/lib\/sockjs\.js\?a=1&(amp;)?b=2"><\/script>/,
				);
				assert.match(answer.text, /SockJS\.bootstrap_iframe\(\)/);
				assertLasts(answer);
				assert.match(answer.header('etag'), /^"[^"]+"$/);
				assert.equal(answer.header('last-modified'), undefined);
				assert.equal(answer.header('set-cookie'), undefined);
				tags.add(answer.header('etag'));
			}
			assert.equal(tags.size, 1);
		} finally {
			await other.stop();
		}
	});

	it('is not sent again to those who have it', async () => {
		const tag = (await server.ask('/echo/iframe.html')).header('etag');
		const connection = await server.connect();
		const known = await connection.ask('/echo/iframe.html', {
			headers: { 'If-None-Match': tag },
		});
		const old = await connection.ask('/echo/iframe.html', {
			headers: { 'If-None-Match': '"0123456789abcdef0123456789abcdef"' },
		});

		assert.equal(known.status, 304);
		assert.equal(known.header('content-type'), undefined);
		assert.equal(known.text, '');
		assert.equal(old.status, 200);
	});

	for (const name of [
		'iframe.htm',
		'iframe',
		'IFRAME.HTML',
		'iframe.HTML',
		'iframe.xml',
		'iframe-/.html',
		'xiframe.html',
		'iframeX.html',
	])
		it(`404 for ${name}`, async () => {
			assert.equal((await server.ask(`/echo/${name}`)).status, 404);
		});
});

describe('SockJS and nginx', () => {
	for (const name of streaming)
		it(`${name} asks it to hold nothing back`, async () => {
			const receiver = await server.session().receive(name);

			assert.equal(receiver.answer.header('x-accel-buffering'), 'no');
			receiver.drop();
		});
});
