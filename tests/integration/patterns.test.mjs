/* Subscriptions to patterns: what they reach, where they are allowed, and what they never reach. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { jwtFlags, tokenFor } from './lib/jwt.mjs';

async function assertRefused(client, destination, about) {
	client.send('SUBSCRIBE', { id: 'p', destination, receipt: 'r' });
	await client.refused(about, { receipt: 'r' });
}

describe('patterns', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--prefixes-broker=/sub,/queue',
			'--subscribe-patterns=/sub,/user',
			'--allow-client-publish=true',
			'--limits-patterns=3',
			'--limits-costly-patterns=2',
			'--threads=1',
		]);
	});
	after(() => broker?.stop());

	/* Pattern, destination, does it match: as recorded from Spring's broker. */
	const rows = [
		['/sub/*', '/sub/a', true],
		['/sub/*', '/sub/a/b', false],
		['/sub/**', '/sub/a/b', true],
		['/sub/{x}', '/sub/a', true],
		['/sub/a?', '/sub/ab', true],
		['/sub/a*c/d', '/sub/abc/d', true],
		['/sub/*.b', '/sub/a.b', true],
		['/sub/**/z', '/sub/z', true],
		['/sub/**/z', '/sub/a/b/z', true],
		['/sub/a', '/sub/*', false],
		['/sub/*', '/sub/*', true],
		['/sub/*', '/sub/a/', false],
		['/sub/**', '/sub/ a /b', true],
	];

	for (const [pattern, destination, matches] of rows) {
		it(`${pattern} ${matches ? 'matches' : 'does not match'} ${destination}`, async () => {
			const client = await broker.connect();

			await client.subscribe(pattern, 'p');
			await client.subscribe('/sub/fence', 'fence');
			await client.ask('SEND', { destination }, 'm');
			await client.ask('UNSUBSCRIBE', { id: 'p' });
			await client.ask('SEND', { destination }, 'unheard');
			await client.ask('SEND', { destination: '/sub/fence' }, 'fence');
			const message = await client.next('MESSAGE');

			assert.equal(message.body, matches ? 'm' : 'fence');
			if (!matches) return;
			assert.equal(message.headers.destination, destination);
			assert.equal(message.headers.subscription, 'p');
			assert.equal((await client.next('MESSAGE')).body, 'fence');
		});
	}

	it('each subscription that matches gets its own MESSAGE', async () => {
		const client = await broker.connect();
		const ids = ['exact', 'star', 'deep'];

		await client.subscribe('/sub/each/x', 'exact');
		await client.subscribe('/sub/each/*', 'star');
		await client.subscribe('/sub/each/**', 'deep');
		await client.ask('SEND', { destination: '/pub/each/x' }, 'hi');
		const got = [];

		for (let i = 0; i < ids.length; i++)
			got.push((await client.next('MESSAGE')).headers.subscription);
		assert.deepEqual(got.sort(), ids.sort());
	});

	it('messages of one sender keep their order over destinations', async () => {
		const client = await broker.connect();
		const sender = await broker.connect();

		await client.subscribe('/sub/order/**', 'p');
		for (let i = 0; i < 300; i++)
			sender.send('SEND', { destination: `/pub/order/${i % 7}` }, String(i));
		for (let i = 0; i < 300; i++)
			assert.equal((await client.next('MESSAGE')).body, String(i));
	});

	it('are refused where they are not allowed', async () => {
		for (const destination of ['/queue/**', '/queue/*', '/user/**', '/user/*/queue/x'])
			await assertRefused(await broker.connect(), destination, /pattern/i);
		await assertRefused(await broker.connect(), '/**', /destination/i);
		await assertRefused(await broker.connect(), '/*/x', /destination/i);
	});

	it('are refused when they are none', async () => {
		for (const destination of ['/sub/{x:[0-9]+}', '/sub/a**', '/sub/{x', '/sub/${user}'])
			await assertRefused(await broker.connect(), destination, /malformed/i);
	});

	it('limits.patterns bounds those of a client', async () => {
		const client = await broker.connect();

		for (let i = 0; i < 3; i++) await client.subscribe(`/sub/most/${i}/*`, `p${i}`);
		await client.ask('UNSUBSCRIBE', { id: 'p1' });
		await client.subscribe('/sub/most/1/*', 'again');
		await client.subscribe('/sub/most/exact', 'exact');
		await assertRefused(client, '/sub/most/4/*', /limits\.patterns/);
	});

	it('limits.patterns bounds what those of a client may cost', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/share/**/a', 'cheap');
		await assertRefused(client, '/sub/share/**/a/b/*', /limits\.patterns/);
	});

	it('limits.costly_patterns bounds those of an event loop', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/costly/*/*', 'a');
		await client.subscribe('/sub/costly/a*', 'b');
		await (await broker.connect()).subscribe('/sub/costly/a*', 'same');
		await assertRefused(await broker.connect(), '/sub/costly/b*', /costly/);
		await client.subscribe('/sub/costly/*', 'cheap');
	});
});

describe('patterns and access rules', () => {
	let broker;
	const rules = [
		'allow subscribe /sub/users/${user}/**',
		'deny subscribe /sub/users/**',
		'allow subscribe /sub/staff/** role=STAFF',
		'deny subscribe /sub/staff/**',
	];

	before(async () => {
		broker = await Broker.start([
			...jwtFlags,
			'--subscribe-patterns=/sub',
			`--access-rules=${rules.join(',')}`,
		]);
	});
	after(() => broker?.stop());

	const as = (name, claims) =>
		broker.connect({ connect: { Authorization: `Bearer ${tokenFor(name, claims)}` } });

	/* What a client that subscribed to the pattern hears of these destinations. */
	async function heard(client, pattern) {
		const sender = await as('sender');
		const got = [];

		await client.subscribe(pattern, 'p');
		for (const path of ['users/kim/x', 'users/lee/x', 'staff/x', 'free/x', 'end/x'])
			await sender.ask('SEND', { destination: `/pub/${path}` }, path);
		while (got.at(-1) !== 'end/x') got.push((await client.next('MESSAGE')).body);
		return got;
	}

	it('a pattern reaches only what its client may subscribe to', async () => {
		assert.deepEqual(await heard(await as('kim'), '/sub/**'), [
			'users/kim/x',
			'free/x',
			'end/x',
		]);
		assert.deepEqual(await heard(await broker.connect(), '/sub/*/**'), [
			'free/x',
			'end/x',
		]);
		assert.deepEqual(await heard(await as('*', { roles: ['STAFF'] }), '/sub/**/x'), [
			'staff/x',
			'free/x',
			'end/x',
		]);
	});

	it('a pattern that a rule names is refused at once', async () => {
		await assertRefused(await as('kim'), '/sub/users/**', /denied|not allowed|refused/i);
		await assertRefused(await as('kim'), '/sub/staff/*', /denied|not allowed|refused/i);
	});
});

describe('the separator of patterns', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--subscribe-patterns=/sub',
			'--subscribe-separator=dot',
		]);
	});
	after(() => broker?.stop());

	it('may be a dot', async () => {
		const client = await broker.connect();

		await client.subscribe('/sub/room.*', 'p');
		for (const path of ['room.a.b', 'room', 'room.a'])
			await client.ask('SEND', { destination: `/pub/${path}` }, path);
		assert.equal((await client.next('MESSAGE')).body, 'room.a');
	});
});
