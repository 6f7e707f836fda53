/* A fleet of a Spring server and a node of stompbox, and pages on both. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { until } from '../integration/lib/wait.mjs';
import { Fleet } from './lib/fleet.mjs';
import { MARK, Page } from './lib/page.mjs';

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain;charset=UTF-8';
const WORDS = '안녕하세요 😀👩‍👩‍👧 "따옴표" \\ a:b\tc\n줄';
const MANY = 10_000; /* in each direction */
const AHEAD = 500; /* so many may be on their way */
const MANY_MS = 90_000;

let rooms = 0;

/* Nobody has been there. */
function newRoom() {
	return `/contents/room-${++rooms}`;
}

describe('a Spring server and stompbox on one Redis', () => {
	let fleet;
	let kim; /* on Spring */
	let lee; /* on stompbox */

	before(async () => {
		fleet = await Fleet.start(['--allow-user-send', '--queues-prefix=/queue']);
		kim = await Page.open(fleet.spring.origin, 'kim@example.com');
		lee = await Page.open(fleet.stompbox.origin, 'lee@example.com');
	});
	after(() => fleet?.end());

	/* Both listen there. */
	async function both(destination) {
		const listeners = [kim.listen(destination), lee.listen(destination)];

		await fleet.untilLive(...listeners);
		return listeners;
	}

	async function heardBy(listeners) {
		return Promise.all(listeners.map((listener) => listener.next()));
	}

	it('both take the same token, and neither takes another', async () => {
		assert.equal(kim.connected['user-name'], 'kim@example.com');
		assert.equal(lee.connected['user-name'], 'lee@example.com');
		for (const { origin } of [fleet.spring, fleet.stompbox]) {
			const open = (claims) =>
				Page.open(origin, 'mallory@example.com', { claims });

			await assert.rejects(open({ type: 'refresh' }), /token|claim/);
			await assert.rejects(open({ exp: 1 }), /token|expired/);
		}
	});

	it('chat goes both ways, as JSON', async () => {
		const room = newRoom();
		const listeners = await both(`/sub${room}/chat`);
		const fromKim = {
			sender: { userId: 'id-of-kim@example.com', name: 'kim@example.com' },
			content: WORDS,
		};
		const fromLee = { ...fromKim, sender: { userId: 'lee', name: '이' } };

		/* The application's controller says who it was; stompbox passes on what was sent. */
		kim.send(`/pub${room}/chat`, { content: WORDS });
		for (const { body, type } of await heardBy(listeners)) {
			assert.deepEqual(JSON.parse(body), fromKim);
			assert.equal(type, JSON_TYPE);
		}
		lee.send(`/pub${room}/chat`, fromLee);
		for (const { body, type } of await heardBy(listeners)) {
			assert.deepEqual(JSON.parse(body), fromLee);
			assert.equal(type, JSON_TYPE);
		}
		/* The one on stompbox got it as it was sent; Spring's has written it anew. */
		assert.equal(listeners[1].bodies.at(-1), JSON.stringify(fromLee));
	});

	it('texts go both ways, without quotes, as text/plain', async () => {
		const room = newRoom();
		const listeners = await both(`/sub${room}/notice`);

		for (const sender of [kim, lee]) {
			sender.send(`/pub${room}/notice`, WORDS, { 'content-type': 'text/plain' });
			for (const { body, type } of await heardBy(listeners)) {
				assert.equal(body, WORDS);
				assert.match(type, /^text\/plain/);
			}
		}
		await fleet.publish(`/sub${room}/notice`, WORDS);
		for (const { body, type } of await heardBy(listeners)) {
			assert.equal(body, WORDS);
			assert.equal(type, TEXT_TYPE);
		}
	});

	for (const body of [
		'[1,[2],{"a":[]}]',
		'42',
		'-1.5',
		'true',
		'{}',
		'{"b":1,"a":{"c":null}}',
	])
		it(`${body} is the same on both`, async () => {
			const room = newRoom();
			const listeners = await both(`/sub${room}/any`);

			lee.send(`/pub${room}/any`, body);
			for (const heard of await heardBy(listeners))
				assert.deepEqual([heard.body, heard.type], [body, JSON_TYPE]);
		});

	/* As docs/spring-migration.md says of them. */
	const changed = {
		'1E2': '100.0',
		'1e400': '"Infinity"',
		'{ "a": "\\u00e9" }': '{"a":"é"}',
		null: undefined,
	};

	for (const [body, expected] of Object.entries(changed))
		it(`${body} is ${expected} on Spring`, async () => {
			const room = newRoom();
			const [onSpring, onStompbox] = await both(`/sub${room}/any`);

			lee.send(`/pub${room}/any`, body);
			assert.equal((await onStompbox.next()).body, body);
			/* What does not come is told by what comes instead; else nothing may overtake it. */
			if (expected === undefined) lee.send(`/pub${room}/any`, '"fence"');
			assert.equal((await onSpring.next()).body, expected ?? '"fence"');
		});

	it('bytes are a data URL on Spring', async () => {
		const room = newRoom();
		const [onSpring] = await both(`/sub${room}/any`);
		const sender = await Page.open(fleet.stompbox.origin, 'park@example.com', {
			transports: null,
		});
		const listener = sender.listen(`/sub${room}/any`);
		const bytes = new Uint8Array([0xff, 0, 0x80, 0xc3]);

		await until(() => listener.live.length > 0, 'a live subscription');
		sender.client.publish({ destination: `/pub${room}/any`, binaryBody: bytes });
		assert.deepEqual(new Uint8Array((await listener.next()).bytes), bytes);
		assert.equal(
			(await onSpring.next()).body,
			`data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`,
		);
		await sender.end();
	});

	it('JOIN and LEAVE of a watcher on Spring are heard on both', async () => {
		const room = newRoom();
		const listener = lee.listen(`/sub${room}/watch`);

		await fleet.untilLive(listener);
		const watcher = await Page.open(fleet.spring.origin, 'park@example.com');
		const own = watcher.listen(`/sub${room}/watch`);
		const join = await listener.next();

		assert.equal(join.type, JSON_TYPE);
		const { type, watchingSession, watcherCount } = JSON.parse(join.body);

		assert.equal(type, 'JOIN');
		assert.equal(watcherCount, 1);
		assert.equal(watchingSession.watcher.name, 'park@example.com');
		assert.match(watchingSession.createdAt, /^\d{4}-\d\d-\d\dT/);
		await fleet.untilLive(own);
		await fleet.untilLive(listener);
		watcher.leave(own);
		const leave = await listener.next();

		assert.deepEqual(JSON.parse(leave.body), {
			type: 'LEAVE',
			watchingSession,
			watcherCount: 0,
		});
		/* The same when the page just goes. */
		watcher.listen(`/sub${room}/watch`);
		assert.equal(JSON.parse((await listener.next()).body).type, 'JOIN');
		await watcher.end();
		assert.equal(JSON.parse((await listener.next()).body).type, 'LEAVE');
	});

	it('JOIN and LEAVE of a page on stompbox are heard on both', async () => {
		const room = newRoom();
		const listeners = await both(`/sub${room}/watch`);
		const id = '663c345e-9553-4e81-a14a-a9859b9a0e2d';
		const watchingSession = {
			id,
			createdAt: '2026-01-02T03:04:05Z',
			watcher: { userId: 'lee', name: '이' },
			content: { id: room },
		};

		for (const [type, watcherCount] of [
			['JOIN', 1],
			['LEAVE', 0],
		]) {
			const change = { type, watchingSession, watcherCount };

			lee.send(`/pub${room}/watch`, change);
			/* Spring has told of its own watcher before, sooner or later. */
			for (const listener of listeners) {
				const { body } = await listener.find(
					(heard) => JSON.parse(heard.body).watchingSession.id === id,
				);

				assert.deepEqual(JSON.parse(body), change);
			}
		}
	});

	it("a user's own queue, wherever its pages are", async () => {
		const other = await Page.open(fleet.stompbox.origin, 'park@example.com');
		const others = other.listen('/user/queue/whispers');
		/* Two pages of kim, one of them on each server. */
		const second = await Page.open(fleet.stompbox.origin, 'kim@example.com');
		const own = [kim, second].map((page) => page.listen('/user/queue/whispers'));
		const address = '/user/kim@example.com/queue/whispers';

		await until(() => others.live.length > 0, 'a live subscription');
		for (const listener of own)
			await until(
				async () => {
					await fleet.publish(address, MARK);
					return listener.marks > 0;
				},
				() => `a live subscription of ${listener.page.origin}`,
			);
		/* Published by any server, sent by a controller of Spring's, and by a page of stompbox. */
		await fleet.publish(address, { content: '1' });
		kim.send('/pub/whispers/park@example.com', { content: '2' });
		lee.send(address, { content: '3' });
		for (const listener of own) {
			/* Spring lets one overtake the other. */
			const both = [await listener.next(), await listener.next()];

			assert.deepEqual(
				both.map(({ body }) => JSON.parse(body).content).sort(),
				['1', '3'],
			);
			for (const { destination, type } of both) {
				assert.equal(destination, '/user/queue/whispers');
				assert.equal(type, JSON_TYPE);
			}
		}
		assert.equal(JSON.parse((await others.next()).body).content, '2');
		assert.equal(others.heard.length, 1);
		await second.end();
		await other.end();
	});

	it('a queue is a queue on stompbox, and a topic on Spring', async () => {
		const other = await Page.open(fleet.stompbox.origin, 'park@example.com');
		const listeners = [kim, lee, other].map((page) => page.listen('/queue/jobs'));
		const [all, ...some] = listeners;
		const jobs = Array.from({ length: 20 }, (_, i) => String(i));

		for (const { live } of some)
			await until(() => live.length > 0, 'a live subscription');
		await until(async () => {
			await fleet.publish('/queue/jobs', MARK);
			return all.marks > 0;
		}, 'a live subscription');
		for (const job of jobs) await fleet.publish('/queue/jobs', job);
		await all.untilCount(jobs.length);
		await until(
			() => some[0].heard.length + some[1].heard.length === jobs.length,
			'all jobs',
		);
		await fleet.quiet(listeners);
		const inOrder = (bodies) => bodies.sort((a, b) => a - b);

		assert.deepEqual(inOrder(all.bodies), jobs);
		assert.deepEqual(inOrder(some.flatMap(({ bodies }) => bodies)), jobs);
		assert.ok(some.every(({ heard }) => heard.length > 0));
		await other.end();
	});

	it(`${MANY} messages each way, none lost, none twice`, async (t) => {
		const room = newRoom();
		const listeners = await both(`/sub${room}/chat`);
		const senders = { kim, lee };

		for (let i = 0; i < MANY; i++) {
			for (const [name, page] of Object.entries(senders))
				page.send(`/pub${room}/chat`, { content: `${name} ${i}` });
			if (i % 50 === 0)
				await until(
					() =>
						listeners.every(
							({ heard }) =>
								heard.length >= 2 * (i - AHEAD),
						),
					() => `the others to keep up with ${i}`,
					MANY_MS,
				);
		}
		for (const listener of listeners) await listener.untilCount(2 * MANY, MANY_MS);
		await fleet.quiet(listeners);
		const count = {};

		for (const listener of listeners) {
			const contents = listener.bodies.map((body) => JSON.parse(body).content);

			assert.equal(contents.length, 2 * MANY);
			assert.equal(new Set(contents).size, 2 * MANY);
			for (const name of Object.keys(senders)) {
				const numbers = contents
					.filter((content) => content.startsWith(name))
					.map((content) => Number(content.split(' ')[1]));

				count[`${name} to ${listener.page === kim ? 'kim' : 'lee'}`] =
					numbers.filter(
						(number, i) => number < numbers[i - 1],
					).length;
			}
		}
		t.diagnostic(`messages that came behind a later one: ${JSON.stringify(count)}`);
		assert.equal(count['lee to lee'], 0);
	});
});
