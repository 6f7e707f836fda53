/* The stock SockJS client in a real browser, on each of its transports. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import { TestServer } from '../integration/lib/sockjs.mjs';
import { until } from '../integration/lib/wait.mjs';
import { launch } from './lib/chromium.mjs';
import { FileServer } from './lib/fileserver.mjs';
import { Front } from './lib/front.mjs';
import { SockPage } from './lib/sock.mjs';
import { texts } from './lib/texts.mjs';

const GONE_MS = 2000; /* from the end of a client to the end of its session */
const LIMIT = 4096; /* of the server's responses, in bytes */

/*
 * What the client asks for with each transport, beside /info: to receive, to
 * send, and a page to do both in. A streaming response ends at the limit, a
 * polling one with its first frame.
 */
const transports = {
	websocket: { receive: 'websocket' },
	'xhr-streaming': { receive: 'xhr_streaming', send: 'xhr_send', ends: 'limit' },
	eventsource: { receive: 'eventsource', send: 'xhr_send', ends: 'limit' },
	'iframe-eventsource': {
		receive: 'eventsource',
		send: 'xhr_send',
		within: 'iframe.html',
		ends: 'limit',
	},
	htmlfile: { receive: 'htmlfile', send: 'xhr_send', ends: 'limit', sameOriginOnly: true },
	'iframe-htmlfile': {
		receive: 'htmlfile',
		send: 'xhr_send',
		within: 'iframe.html',
		ends: 'limit',
	},
	'xhr-polling': { receive: 'xhr', send: 'xhr_send', ends: 'frame' },
	'iframe-xhr-polling': {
		receive: 'xhr',
		send: 'xhr_send',
		within: 'iframe.html',
		ends: 'frame',
	},
	'jsonp-polling': { receive: 'jsonp', send: 'jsonp_send', ends: 'frame' },
};

const places = ['same origin', 'cross origin'];

/* Calls back with each transport and place that the client offers. */
function eachWay(define) {
	for (const place of places) {
		for (const [name, transport] of Object.entries(transports)) {
			if (place === 'same origin' || !transport.sameOriginOnly)
				define(name, place, transport);
		}
	}
}

function numbered(count) {
	return Array.from({ length: count }, (_, i) => `${i} `.padEnd(300, 'abcdefghi '));
}

let browser;
let files;
let page;

before(async () => {
	files = await FileServer.start();
	browser = await launch();
});
after(async () => {
	await browser?.close();
	await files?.stop();
});

/* All of them, even when one of them does not end well. */
async function endAll(servers) {
	const ends = await Promise.allSettled(servers.map((server) => server?.stop()));

	for (const { reason } of ends) if (reason) throw reason;
}

function originOf(server) {
	return `http://127.0.0.1:${server.port}`;
}

/* What a page at the server itself shows does not matter; it has the right origin. */
async function openPage(origin, place = 'same origin') {
	page = await SockPage.open(
		browser,
		place === 'same origin' ? `${origin}/echo` : `${files.origin}/`,
		files.scriptUrl,
	);
}

async function endPage() {
	try {
		page?.assertContent();
	} finally {
		await page?.end();
		page = null;
	}
}

/* Opens a SockJS session with that transport, and no other. */
async function open(server, transport, endpoint = 'echo') {
	const url = `${originOf(server)}/${endpoint}`;

	assert.deepEqual(await page.open(url, { transports: transport }), { transport });
}

function assertReceivers(count, ends) {
	const frames = 15;
	const bytes = frames * 4 * 300;

	if (!ends) assert.equal(count, 1);
	else if (ends === 'frame') assert.ok(count > frames, `${count} polls`);
	else assert.ok(count > 3 && count <= bytes / LIMIT + 1, `${count} responses`);
}

function exchange(server, name, place, transport) {
	beforeEach(() => openPage(originOf(server()), place));
	afterEach(endPage);

	it('awkward texts come back as they are', async () => {
		const { receive, send, within } = transport;

		await open(server(), name);
		for (const text of Object.values(texts)) await page.assertEcho([text]);
		await page.assertEcho(Object.values(texts));
		assert.deepEqual(
			new Set(page.asked),
			new Set(['info', receive, send, within].filter(Boolean)),
		);
		await page.close();
	});

	it('60 messages stay in order over the response limit', async () => {
		const messages = numbered(60);

		await open(server(), name);
		for (let i = 0; i < 60; i += 4) await page.assertEcho(messages.slice(i, i + 4));
		assertReceivers(page.count(transport.receive), transport.ends);
		await page.assertEcho(messages);
		await page.close();
	});

	it('a message of 60 kB', async () => {
		await open(server(), name);
		await page.assertEcho([`${'0123456789'.repeat(6000)}끝`]);
		await page.close();
	});

	it('a close by the server', async () => {
		await open(server(), name, 'close');
		assert.deepEqual(await page.untilClosed(), {
			code: 3000,
			reason: 'Go away!',
			wasClean: true,
		});
	});
}

/* Each is the end of a client that is waiting for messages. */
const ends = {
	'a close by the client': async () => {
		await page.close();
		assert.deepEqual(await page.untilClosed(), {
			code: 1000,
			reason: 'Normal closure',
			wasClean: true,
		});
	},
	'a page that leads elsewhere': () => page.page.goto('about:blank'),
	'a page that is closed': () => page.page.close(),
};

function ending(server, name, place, transport) {
	beforeEach(async () => {
		await server().untilIdle();
		await openPage(originOf(server()), place);
		await open(server(), name);
		await page.assertEcho(['x']);
		/* `o` and the echo have each ended a poll; the next one is on its way or there. */
		if (transport.ends === 'frame')
			await until(() => page.count(transport.receive) === 3, 'a third poll');
		await new Promise((resolve) => setTimeout(resolve, 100));
		assert.equal((await server().counters()).sessions, 1);
	});
	afterEach(endPage);

	for (const [what, end] of Object.entries(ends)) {
		it(`${what} ends the session at once`, async () => {
			await end();
			await server().untilIdle(GONE_MS);
		});
	}
}

for (const threads of [1, 2]) {
	describe(`the stock client, event loops: ${threads}`, () => {
		let usual;
		let quiet;
		let hasty;

		before(async () => {
			const args = [`--threads=${threads}`, `--sockjs-url=${files.scriptUrl}`];
			const soon = ['--heartbeat=1000', '--disconnect-delay=500'];

			usual = await TestServer.start(args);
			quiet = await TestServer.start(args);
			hasty = await TestServer.start([...args, ...soon]);
		});
		after(() => endAll([usual, quiet, hasty]));

		eachWay((name, place, transport) => {
			/* A script cannot be given up by its page; the next heart-beat ends it. */
			const lasts = name === 'jsonp-polling';

			describe(`${name}, ${place}`, () => {
				exchange(() => usual, name, place, transport);
			});
			describe(`the end of a client on ${name}, ${place}`, () => {
				ending(() => (lasts ? hasty : quiet), name, place, transport);
			});
		});
	});
}

describe('the choice of a transport', () => {
	let server;
	let front;

	before(async () => {
		server = await TestServer.start(['--threads=2', `--sockjs-url=${files.scriptUrl}`]);
	});
	after(() => server?.stop());
	afterEach(async () => {
		await page?.end();
		await front?.stop();
		page = null;
		front = null;
	});

	/* The client's own choice opens and works; returns the milliseconds to its opening. */
	async function choose(origin, endpoint, transport) {
		await openPage(origin);
		const since = performance.now();

		assert.deepEqual(await page.open(`${origin}/${endpoint}`), { transport });
		const took = performance.now() - since;

		await page.assertEcho(Object.values(texts));
		return took;
	}

	it('the first is websocket', async () => {
		await choose(originOf(server), 'echo', 'websocket');
		assert.deepEqual(page.asked, ['info', 'websocket']);
		page.assertContent();
	});

	it('where the server has none, xhr-streaming', async () => {
		await choose(originOf(server), 'disabled_websocket_echo', 'xhr-streaming');
		assert.equal(page.count('websocket'), 0);
		page.assertContent();
	});

	it('where a proxy refuses WebSockets, xhr-streaming', async () => {
		front = await Front.start(originOf(server), { upgrade: 'refuse' });
		assert.ok((await choose(front.origin, 'echo', 'xhr-streaming')) < 2000);
	});

	it('where a proxy never answers WebSockets, xhr-streaming', async () => {
		front = await Front.start(originOf(server), { upgrade: 'ignore' });
		assert.ok((await choose(front.origin, 'echo', 'xhr-streaming')) < 4000);
	});

	it('where a proxy keeps responses back as well, xhr-polling', async () => {
		front = await Front.start(originOf(server), { buffer: true });
		assert.ok((await choose(front.origin, 'echo', 'xhr-polling')) < 9000);
	});

	it('with a cookie, which the browser sends back', async () => {
		await openPage(originOf(server), 'cross origin');
		await open(server, 'xhr-streaming', 'cookie_needed_echo');
		await page.assertEcho(['x']);
		const [cookie] = await page.context.cookies(originOf(server));

		assert.equal(`${cookie.name}=${cookie.value}`, 'JSESSIONID=dummy');
		page.assertContent();
	});
});
