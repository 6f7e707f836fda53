/*
 * docs/spring-migration.md, followed step by step: its files are taken from it, and every
 * command must stand in it, in this order.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Broker, run } from '../integration/lib/broker.mjs';
import { freePort } from '../integration/lib/child.mjs';
import { Redis } from '../integration/lib/redis.mjs';
import { until } from '../integration/lib/wait.mjs';
import { configure, file, replace, Steps } from './lib/document.mjs';
import { Haproxy } from './lib/haproxy.mjs';
import { Page } from './lib/page.mjs';
import { Spring } from './lib/spring.mjs';

const DESTINATION = '/sub/contents/1/chat';
const SEND_EVERY_MS = 2;
const TRANSPORTS = [['websocket'], ['xhr-streaming'], ['xhr-polling'], null];

describe('docs/spring-migration.md, "A running fleet"', () => {
	const steps = new Steps();
	let folder;
	let redis;
	let spring;
	let stompbox;
	let haproxy;
	let speaker; /* on stompbox, all the time */
	let speaking; /* a timer */
	let sent = 0;
	const pages = [];
	const listeners = [];

	before(async () => {
		folder = await mkdtemp(path.join(os.tmpdir(), 'stompbox-migration-'));
		redis = await Redis.start();
		spring = await Spring.start([
			`--spring.data.redis.port=${redis.port}`,
			`--${steps.next('server.shutdown=immediate')}`,
		]);
	});
	after(async () => {
		clearInterval(speaking);
		await Page.endAll();
		await haproxy?.end();
		await spring?.kill();
		try {
			await stompbox?.stop();
		} finally {
			await stompbox?.kill();
			await redis?.end();
			await rm(folder, { recursive: true, force: true });
		}
	});

	/* Those of stompbox. */
	async function connections() {
		return JSON.parse((await stompbox.http('/health')).body).sessions;
	}

	function speak() {
		speaking = setInterval(
			() => speaker.send('/pub/contents/1/chat', { content: sent++ }),
			SEND_EVERY_MS,
		);
	}

	function untilAllHave(number) {
		return until(
			() => listeners.every((listener) => numbersOf(listener).includes(number)),
			() => `message ${number} at every page`,
		);
	}

	async function pageOf(number, transports) {
		const page = await Page.open(haproxy.origin, `kim${number}@example.com`, {
			transports,
			reconnects: true,
		});
		const listener = page.listen(DESTINATION);

		pages.push(page);
		listeners.push(listener);
		return listener;
	}

	it('the configuration is taken', async () => {
		const flag = await configure('/etc/stompbox.json', folder, {
			'10.0.0.21:8080': `127.0.0.1:${await freePort()}`,
			'10.0.0.5:6379': `127.0.0.1:${redis.port}`,
		});

		steps.next('stompbox --config=/etc/stompbox.json --test');
		const { code, stderr } = await run([flag, '--test']);

		assert.equal(code, 0, stderr);
		steps.next('stompbox --config=/etc/stompbox.json');
		stompbox = await Broker.start([flag]);
	});

	it('a node without clients reads what the Spring servers publish', async () => {
		const page = await Page.open(spring.origin, 'lee@example.com');

		page.send('/pub/contents/1/chat', { content: 'hello' });
		steps.next('curl -s http://10.0.0.21:8080/health');
		const read = async () =>
			JSON.parse((await stompbox.http('/health')).body).bus_counters;

		await until(async () => (await read()).received > 0, 'a message from the bus');
		assert.equal((await read()).unreadable, 0);
		await page.end();
	});

	it('the proxy has both, and sends nobody to stompbox yet', async () => {
		haproxy = await Haproxy.start(({ port, socket }) =>
			replace(file('/etc/haproxy/haproxy.cfg'), {
				'*:80\n': `127.0.0.1:${port}\n`,
				'/run/haproxy.sock': socket,
				'10.0.0.11:8080': `127.0.0.1:${spring.port}`,
				'10.0.0.21:8080': `127.0.0.1:${stompbox.port}`,
			}),
		);
		for (const [i, transports] of TRANSPORTS.entries()) await pageOf(i, transports);
		assert.equal((await haproxy.server('stompbox1')).status, 'MAINT');
		speaker = await Page.open(stompbox.origin, 'speaker@example.com');
		speak();
		for (const listener of listeners) await listener.untilCount(10);
	});

	it('both servers side by side', async () => {
		await haproxy.command(steps.next('enable server chat/stompbox1'));
		await until(
			async () => (await haproxy.server('stompbox1')).status === 'UP',
			'stompbox1 to be up',
		);
		/* The one with the fewest connections comes first. */
		const before = await connections();
		const fresh = await pageOf(pages.length, ['websocket']);

		await fresh.untilCount(10);
		assert.equal(await connections(), before + 1);
	});

	it('the Spring server gets no new clients, and keeps those that it has', async () => {
		await haproxy.command(steps.next('set server chat/spring1 state drain'));
		for (const transports of TRANSPORTS) {
			const listener = await pageOf(pages.length, transports);

			await listener.untilCount(10);
		}
		for (const page of pages) assert.equal(page.connections, 1, page.name);
		/* Those that were on Spring still are. */
		assert.equal(await connections(), 1 + pages.length - TRANSPORTS.length);
		for (const listener of listeners)
			await listener.untilCount(listener.heard.length + 10);
	});

	it('the Spring server ends, its clients come to stompbox and miss nothing more', async (t) => {
		const old = listeners.slice(0, TRANSPORTS.length);

		/* All that is sent before has come to everybody. */
		clearInterval(speaking);
		await untilAllHave(sent - 1);
		const before = sent;

		speak();
		steps.next('systemctl stop chat-spring');
		await spring.stop();
		for (const { page, live } of old)
			await until(
				() => page.connections === 2 && live.includes(2),
				() =>
					`${page.name} to be back; closes: ${JSON.stringify(page.closes)}`,
				30_000,
			);
		await haproxy.command(steps.next('set server chat/spring1 state maint'));
		const behind = sent;

		await until(() => sent > behind + 200, 'some more messages');
		clearInterval(speaking);
		await speaker.ask('/pub/contents/1/chat', { content: sent++ });
		await untilAllHave(sent - 1);
		for (const [i, listener] of old.entries()) {
			const missed = missedBy(listener);

			t.diagnostic(
				`${TRANSPORTS[i] ?? 'WebSocket'}: ` +
					`closed with ${JSON.stringify(listener.page.closes)}, ` +
					`${missed.length} of ${sent} messages missed meanwhile`,
			);
			/* Only between the end of one connection and the SUBSCRIBE of the next. */
			assert.ok(missed.every((number) => number >= before));
		}
		for (const listener of listeners.slice(TRANSPORTS.length)) {
			assert.deepEqual(missedBy(listener), []);
			assert.equal(listener.page.connections, 1);
		}
	});

	it('chat among those that have moved', async () => {
		for (const { page } of listeners)
			page.send('/pub/contents/1/chat', { content: page.name });
		for (const listener of listeners)
			await until(
				() => {
					const contents = listener.bodies.map(
						(body) => JSON.parse(body).content,
					);

					return pages.every(({ name }) => contents.includes(name));
				},
				() => `everybody's words at ${listener.page.name}`,
			);
	});
});

function numbersOf({ heard }) {
	return heard
		.map(({ body }) => JSON.parse(body).content)
		.filter((content) => typeof content === 'number');
}

/* From the first to the last that came, and on each connection nothing twice. */
function missedBy(listener) {
	const numbers = numbersOf(listener);
	const heard = new Set(numbers);
	const first = Math.min(...numbers);
	const missed = [];

	assert.equal(heard.size, numbers.length, `${listener.page.name} heard something twice`);
	for (let number = first; number < numbers.at(-1); number++)
		if (!heard.has(number)) missed.push(number);
	/* Without a gap since the new subscription. */
	const since = listener.heard
		.filter(({ connection }) => connection === listener.page.connections)
		.map(({ body }) => JSON.parse(body).content)
		.filter((content) => typeof content === 'number');

	if (listener.page.connections > 1)
		assert.deepEqual(
			since,
			Array.from({ length: since.length }, (_, i) => since[0] + i),
		);
	return missed;
}
