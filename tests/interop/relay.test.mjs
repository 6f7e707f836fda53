/* The application with enableStompBrokerRelay: its broker is stompbox, over TCP. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Broker } from '../integration/lib/broker.mjs';
import { freePort } from '../integration/lib/child.mjs';
import { until } from '../integration/lib/wait.mjs';
import { configure } from './lib/document.mjs';
import { Page } from './lib/page.mjs';
import { accessToken, Spring } from './lib/spring.mjs';

const JSON_TYPE = 'application/json';
const MANY = 2000;
const AHEAD = 200;

describe('a Spring server with stompbox as its broker', () => {
	let spring;
	let tcpPort;
	let folder;
	let flags;
	let stompbox;
	let kim; /* on Spring */
	let lee; /* straight on stompbox */

	before(async () => {
		tcpPort = await freePort();

		folder = await mkdtemp(path.join(os.tmpdir(), 'stompbox-relay-'));
		flags = [
			await configure('/etc/stompbox-relay.json', folder, {
				'10.0.0.21:8080': `127.0.0.1:${await freePort()}`,
				'10.0.0.21:61613': `127.0.0.1:${tcpPort}`,
			}),
		];
		stompbox = await Broker.start(flags);
		spring = await Spring.start([
			'--spring.profiles.active=relay',
			`--interop.relay.port=${tcpPort}`,
			`--interop.relay.token=${accessToken('spring')}`,
		]);
		kim = await Page.open(spring.origin, 'kim@example.com');
		lee = await Page.open(stompbox.origin, 'lee@example.com', { transports: null });
	});
	after(async () => {
		await Page.endAll();
		await spring?.kill();
		try {
			await stompbox?.stop();
		} finally {
			await stompbox?.kill();
			await rm(folder, { recursive: true, force: true });
		}
	});

	/* The relay passes receipts on, so that a subscription is known to be live. */
	async function both(destination) {
		const listeners = [kim.listen(destination), lee.listen(destination)];

		for (const { live, page } of listeners)
			await until(() => live.length > 0, `the receipt of ${page.name}`);
		return listeners;
	}

	it('the page on Spring is known to stompbox by its own token', () => {
		assert.equal(kim.connected['user-name'], 'kim@example.com');
	});

	it('chat goes through the controller to pages on both', async () => {
		const listeners = await both('/sub/contents/1/chat');

		kim.send('/pub/contents/1/chat', { content: '안녕 😀' });
		for (const listener of listeners) {
			const { body, type, destination } = await listener.next();

			assert.deepEqual(JSON.parse(body), {
				sender: {
					userId: 'id-of-kim@example.com',
					name: 'kim@example.com',
				},
				content: '안녕 😀',
			});
			assert.equal(type, JSON_TYPE);
			assert.equal(destination, '/sub/contents/1/chat');
		}
		lee.send('/pub/contents/1/chat', { content: 'from stompbox' });
		for (const listener of listeners)
			assert.equal((await listener.next()).body, '{"content":"from stompbox"}');
	});

	it('texts stay texts', async () => {
		const listeners = await both('/sub/contents/1/notice');

		kim.send('/pub/contents/1/notice', '한글 "text"');
		for (const listener of listeners) {
			const { body, type } = await listener.next();

			assert.equal(body, '한글 "text"');
			assert.equal(type, 'text/plain;charset=UTF-8');
		}
	});

	it('JOIN and LEAVE of a page on Spring', async () => {
		const listener = lee.listen('/sub/contents/2/watch');

		await until(() => listener.live.length > 0, 'a live subscription');
		const watcher = await Page.open(spring.origin, 'park@example.com');

		watcher.listen('/sub/contents/2/watch');
		assert.equal(JSON.parse((await listener.next()).body).type, 'JOIN');
		await watcher.end();
		assert.equal(JSON.parse((await listener.next()).body).type, 'LEAVE');
	});

	it("a user's own queue", async () => {
		const own = kim.listen('/user/queue/me');
		const other = await Page.open(spring.origin, 'park@example.com');
		const others = other.listen('/user/queue/me');

		await until(() => own.live.length > 0 && others.live.length > 0, 'receipts');
		kim.send('/pub/whoami', '');
		const { body, destination } = await own.next();

		assert.equal(JSON.parse(body).name, 'kim@example.com');
		assert.equal(destination, '/user/queue/me');
		/* What the other page gets first is its own. */
		other.send('/pub/whoami', '');
		assert.equal(JSON.parse((await others.next()).body).name, 'park@example.com');
		assert.equal(own.heard.length, 1);
		await other.end();
	});

	it('a page cannot publish past the controllers', async () => {
		const listeners = await both('/sub/contents/5/chat');

		for (const { origin } of [spring, stompbox]) {
			const mallory = await Page.open(origin, 'mallory@example.com');

			mallory.send('/sub/contents/5/chat', { sender: { name: 'kim' } });
			await until(
				() => mallory.errors.length > 0 && mallory.closes.length > 0,
				`an ERROR and a close at ${origin}`,
			);
			/* Spring may tell of the lost connection before it tells why. */
			assert.match(
				mallory.errors[0],
				origin === spring.origin ? /not allowed|closed/ : /not allowed/,
			);
			await mallory.end();
		}
		kim.send('/pub/contents/5/chat', { content: 'fence' });
		for (const listener of listeners)
			assert.equal(JSON.parse((await listener.next()).body).content, 'fence');
	});

	it(`${MANY} messages through the relay, none lost, none twice`, async () => {
		const listeners = await both('/sub/contents/3/chat');

		for (let i = 0; i < MANY; i++) {
			kim.send('/pub/contents/3/chat', { content: String(i) });
			if (i % 50 === 0)
				await until(
					() =>
						listeners.every(
							({ heard }) => heard.length >= i - AHEAD,
						),
					() => `the others to keep up with ${i}`,
					30_000,
				);
		}
		for (const listener of listeners) {
			await listener.untilCount(MANY, 30_000);
			const contents = listener.bodies.map((body) => JSON.parse(body).content);

			assert.equal(contents.length, MANY);
			assert.equal(new Set(contents).size, MANY);
		}
	});

	it('stompbox goes away and comes back', async () => {
		const page = await Page.open(spring.origin, 'choi@example.com', {
			reconnects: true,
		});
		const listener = page.listen('/sub/contents/4/chat');

		await until(() => listener.live.length > 0, 'a live subscription');
		await stompbox.stop();
		await until(() => page.closes.length > 0, 'a close');
		stompbox = await Broker.start(flags);
		await until(
			() => listener.live.includes(page.connections) && page.connections === 2,
			() => `a live subscription again; errors: ${page.errors}`,
			30_000,
		);
		page.send('/pub/contents/4/chat', { content: 'back' });
		assert.equal(JSON.parse((await listener.next()).body).content, 'back');
	});
});
