/* Destinations of one user or one session: who hears what, and who never does. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { Broker, run } from './lib/broker.mjs';
import { jwtFlags, tokenFor } from './lib/jwt.mjs';
import { Redis } from './lib/redis.mjs';
import { until } from './lib/wait.mjs';

const connected = (broker, name) =>
	broker.connect({ connect: name ? { Authorization: `Bearer ${tokenFor(name)}` } : {} });

/* A client, its CONNECTED, and its subscription "u". */
async function listener(broker, name, destination = '/user/queue/x') {
	const client = await broker.open();

	client.send('CONNECT', {
		'accept-version': '1.2',
		host: 'x',
		...(name ? { Authorization: `Bearer ${tokenFor(name)}` } : {}),
	});
	client.session = (await client.next('CONNECTED')).headers.session;
	await client.subscribe(destination, 'u');
	return client;
}

/* What a client hears up to the end of a message that everybody gets. */
async function heard(sender, clients) {
	const all = [];

	for (const client of clients) await client.subscribe('/sub/end', 'end');
	await sender.ask('SEND', { destination: '/pub/end' }, 'end');
	for (const client of clients) {
		const bodies = [];

		for (let m; (m = await client.message()).body !== 'end';) bodies.push(m.body);
		all.push(bodies);
		await client.ask('UNSUBSCRIBE', { id: 'end' });
	}
	return all;
}

describe('user destinations', () => {
	let redis;
	let nodes;

	before(async () => {
		redis = await Redis.start();
		const flags = [
			`--redis-url=${redis.url}`,
			'--allow-user-send=true',
			'--allow-client-publish=true',
			'--subscribe-patterns=/sub,/user',
			...jwtFlags,
		];

		nodes = [await Broker.start(flags), await Broker.start(flags)];
	});
	afterEach(() => nodes.forEach((node) => node.dropClients()));
	after(async () => {
		for (const node of nodes ?? []) await node.stop();
		await redis?.end();
	});

	it('reach all sessions of the user on all nodes, and nobody else', async () => {
		const own = [
			await listener(nodes[0], 'kim'),
			await listener(nodes[0], 'kim'),
			await listener(nodes[1], 'kim'),
		];
		const others = [
			await listener(nodes[0], 'lee'),
			await listener(nodes[1]),
			await listener(nodes[1], 'kim', '/user/queue/y'),
		];
		const sender = await connected(nodes[1], 'park');

		await sender.ask('SEND', { destination: '/user/kim/queue/x', foo: '1' }, 'hi');
		for (const client of own) {
			const message = await client.message();

			assert.equal(message.body, 'hi');
			assert.equal(message.headers.destination, '/user/queue/x');
			assert.equal(message.headers.subscription, 'u');
			assert.equal(message.headers.foo, '1');
			assert.doesNotMatch(message.raw.toString(), /kim/);
		}
		assert.deepEqual(await heard(sender, [...own, ...others]), [[], [], [], [], [], []]);
	});

	it('reach one session by its name, on whichever node', async () => {
		for (const name of ['kim', undefined]) {
			const one = await listener(nodes[0], name);
			const same = await listener(nodes[0], name);
			const sender = await connected(nodes[1], 'park');

			await sender.ask('SEND', { destination: `/user/${one.session}/queue/x` }, 'hi');
			assert.deepEqual(await heard(sender, [one, same]), [['hi'], []]);
		}
	});

	it('a session is reached at the destination that it subscribed to alone', async () => {
		const one = await listener(nodes[0], 'kim');
		const sender = await connected(nodes[0], 'park');

		await one.subscribe('/user/queue/x', 'twice');
		for (const rest of ['/queue', '/queue/xy', '/queue/x/y', '/', '//queue/x'])
			await sender.ask('SEND', { destination: `/user/${one.session}${rest}x` }, rest);
		await sender.ask('SEND', { destination: `/user/${one.session}/queue/x` }, 'hi');
		assert.deepEqual(await heard(sender, [one]), [['hi', 'hi']]);
	});

	it('what a session sends to its own user comes back to that session alone', async () => {
		const one = await listener(nodes[0], 'kim');
		const other = await listener(nodes[1], 'kim');

		await one.ask('SEND', { destination: '/user/kim/queue/x' }, 'own');
		assert.deepEqual(await heard(one, [one, other]), [['own'], []]);
	});

	it('take messages of Spring servers from the bus', async () => {
		const clients = [await listener(nodes[0], 'a/b'), await listener(nodes[1], 'a%2Fb')];
		const sender = await connected(nodes[0], 'park');

		for (const [destination, content] of [
			['/user/a%2Fb/queue/x', { a: 1 }],
			['/user/a%2fb/queue/x', 'text'],
			['/user/a%252Fb/queue/x', 'the other one'],
			['/user', 'x'],
			['/user/', 'x'],
			['/user/a', 'x'],
			['/user//queue/x', 'x'],
		])
			await redis.command(
				'PUBLISH',
				'websocket-events',
				JSON.stringify({ destination, content }),
			);
		const [a] = await Promise.all(clients.map((client) => client.message()));

		assert.equal(a.body, '{"a":1}');
		assert.equal(a.headers['content-type'], 'application/json');
		assert.equal(a.headers.destination, '/user/queue/x');
		assert.deepEqual(await heard(sender, clients), [['text'], []]);
	});

	it('go out on the bus as Spring names them', async () => {
		const spy = redis.client();
		const sender = await connected(nodes[0], 'park');

		spy.socket.unref();
		spy.command('SUBSCRIBE', 'websocket-events').catch(() => {});
		await until(
			async () =>
				(await redis.command('PUBSUB', 'NUMSUB', 'websocket-events'))[1] >= 3,
			'three subscribers',
		);

		await sender.ask('SEND', { destination: '/user/a%2Fb/queue/x' }, 'hi');
		assert.deepEqual(JSON.parse(await spy.payload()), {
			destination: '/user/a%2Fb/queue/x',
			content: 'hi',
		});
	});

	it('names with the characters of patterns are names', async () => {
		const star = await listener(nodes[0], '*');
		const kim = await listener(nodes[0], 'kim');
		const sender = await connected(nodes[1], 'park');

		await sender.ask('SEND', { destination: '/user/kim/queue/x' }, 'for kim');
		await sender.ask('SEND', { destination: '/user/*/queue/x' }, 'for the star');
		assert.deepEqual(await heard(sender, [star, kim]), [['for the star'], ['for kim']]);
	});

	it("another user's are reached by no SUBSCRIBE", async () => {
		const spies = [];

		for (const destination of [
			'/user/kim/queue/x',
			'/user/../kim/queue/x',
			'/user//kim/queue/x',
			'/user/%2Fkim/queue/x',
			'/sub/../user/kim/queue/x',
			'/sub//user/kim/queue/x',
		])
			spies.push(await listener(nodes[0], 'lee', destination));
		const everything = await connected(nodes[0], 'lee');
		const kim = await listener(nodes[0], 'kim');
		const sender = await connected(nodes[1], 'park');

		await everything.subscribe('/sub/**', 'p');
		await sender.ask('SEND', { destination: '/user/kim/queue/x' }, 'secret');
		assert.equal((await kim.message()).body, 'secret');
		assert.deepEqual(await heard(sender, spies), spies.map(() => []));
		assert.equal((await everything.message()).body, 'end');
		for (const destination of ['/user/**', '/user/*/queue/x', '/user/kim/queue/?']) {
			const client = await connected(nodes[0], 'lee');

			client.send('SUBSCRIBE', { id: 'p', destination, receipt: 'r' });
			await client.refused(/pattern/i, { receipt: 'r' });
		}
		for (const destination of ['/queue/x', '/queue/**', '/**', `/queue/x-user${kim.session}`]) {
			const client = await connected(nodes[0], 'lee');

			client.send('SUBSCRIBE', { id: 'p', destination, receipt: 'r' });
			await client.refused(/destination/i, { receipt: 'r' });
		}
	});

	it('UNSUBSCRIBE ends them, by id and by destination', async () => {
		const clients = [await listener(nodes[0], 'kim'), await listener(nodes[0], 'kim')];
		const old = await nodes[0].connect({
			version: '1.0',
			connect: { Authorization: `Bearer ${tokenFor('kim')}` },
		});
		const sender = await connected(nodes[1], 'park');

		await old.ask('SUBSCRIBE', { destination: '/user/queue/x' });
		await old.ask('UNSUBSCRIBE', { destination: '/user/queue/x' });
		await clients[0].ask('UNSUBSCRIBE', { id: 'u' });
		await sender.ask('SEND', { destination: '/user/kim/queue/x' }, 'hi');
		assert.deepEqual(await heard(sender, clients), [[], ['hi']]);
		assert.deepEqual(
			old.frames.map((frame) => frame.command),
			[],
		);
	});

	it('a session that has gone is not found any more', async () => {
		const gone = await listener(nodes[0], 'kim');
		const sender = await connected(nodes[1], 'park');

		gone.drop();
		await sender.ask('SEND', { destination: `/user/${gone.session}/queue/x` }, 'hi');
		await sender.ask('SEND', { destination: '/user/kim/queue/x' }, 'hi');
	});

	it('keep the order of a sender', async () => {
		const kim = await listener(nodes[0], 'kim');
		const sender = await connected(nodes[1], 'park');

		for (let i = 0; i < 500; i++)
			sender.send('SEND', { destination: '/user/kim/queue/x' }, String(i));
		for (let i = 0; i < 500; i++) assert.equal((await kim.message()).body, String(i));
	});

	it('each session has a name that cannot be guessed', async () => {
		const names = new Set();

		for (let i = 0; i < 20; i++) names.add((await listener(nodes[0])).session);
		assert.equal(names.size, 20);
		for (const name of names) assert.match(name, /^[a-z0-9]{26}$/);
	});

	it('of a form that none has are refused', async () => {
		for (const destination of ['/user/kim', '/user/kim/', '/user//x']) {
			const client = await connected(nodes[0], 'lee');

			client.send('SEND', { destination, receipt: 'r' });
			await client.refused(/destination/i, { receipt: 'r' });
		}
	});
});

describe('user destinations and rules for SEND', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			...jwtFlags,
			'--allow-user-send=true',
			'--access-rules=deny send /user/a%2Fb/**,deny send /user/100%/**',
		]);
	});
	after(() => broker?.stop());

	for (const [name, about] of [
		['a%2Fb', /not allowed/i],
		['a%2fb', /unknown destination/i],
		['100%', /not allowed/i],
		['100%25', /unknown destination/i],
	])
		it(`what a rule denies is not reached as ${name}`, async () => {
			const client = await connected(broker, 'lee');

			client.send('SEND', { destination: `/user/${name}/queue/x`, receipt: 'r' });
			await client.refused(about, { receipt: 'r' });
		});
});

describe('user destinations by default', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			...jwtFlags,
			'--access-rules=deny subscribe /user/queue/closed,deny send /pub/closed',
		]);
	});
	after(() => broker?.stop());

	it('take nothing from clients', async () => {
		const client = await connected(broker, 'lee');

		client.send('SEND', { destination: '/user/kim/queue/x', receipt: 'r' });
		await client.refused(/allow_user_send/, { receipt: 'r' });
	});

	it('are named in rules as the client names them', async () => {
		const client = await connected(broker, 'lee');

		await client.subscribe('/user/queue/open', 'u');
		client.send('SUBSCRIBE', { id: 'c', destination: '/user/queue/closed', receipt: 'r' });
		await client.refused(/denied|not allowed/i, { receipt: 'r' });
	});

	it('have no temporary queues', async () => {
		const client = await connected(broker, 'lee');

		await client.subscribe('/sub/x', 's');
		await client.ask('SEND', { destination: '/pub/x', 'reply-to': '/temp-queue/a' });
		assert.equal((await client.message()).headers['reply-to'], '/temp-queue/a');
		client.send('SUBSCRIBE', { id: 't', destination: '/temp-queue/a', receipt: 'r' });
		await client.refused(/destination/i, { receipt: 'r' });
	});

	for (const flags of [
		['--prefixes-user=/sub'],
		['--prefixes-user=/sub/user'],
		['--prefixes-broker=/user/x'],
		['--prefixes-app=/user'],
		['--prefixes-temp=/user'],
		['--prefixes-temp=/pub'],
		['--prefixes-user=user'],
		['--prefixes-temp=/temp/'],
	])
		it(`${flags} is refused at the start`, async () => {
			const { code, stderr } = await run(['--listen=127.0.0.1:1', ...flags]);

			assert.notEqual(code, 0);
			assert.match(stderr, /prefixes\.(user|temp)/);
		});

	it('may be switched off', async () => {
		const off = await Broker.start(['--prefixes-user=', '--prefixes-broker=/sub,/user']);

		try {
			const client = await off.connect();

			await client.subscribe('/user/x', 's');
			client.send('SEND', { destination: '/user/x', receipt: 'r' });
			await client.refused(/allow_client_publish/, { receipt: 'r' });
		} finally {
			await off.stop();
		}
	});
});

describe('temporary queues', () => {
	let redis;
	let nodes;

	before(async () => {
		redis = await Redis.start();
		const flags = [
			`--redis-url=${redis.url}`,
			'--prefixes-temp=/temp-queue',
			'--subscribe-patterns=/sub,/temp-queue',
			'--limits-subscriptions=3',
			'--access-rules=deny subscribe /temp-queue/closed',
		];

		nodes = [await Broker.start(flags), await Broker.start(flags)];
	});
	afterEach(() => nodes.forEach((node) => node.dropClients()));
	after(async () => {
		for (const node of nodes ?? []) await node.stop();
		await redis?.end();
	});

	/* Answers what comes to /sub/questions. */
	async function server(node) {
		const client = await node.connect();

		await client.subscribe('/sub/questions', 'q');
		client.answer = async (body) => {
			const question = await client.message();

			await client.ask('SEND', { destination: question.headers['reply-to'] }, body);
			return question;
		};
		return client;
	}

	it('a request over two nodes gets its answer, without a SUBSCRIBE', async () => {
		const far = await server(nodes[1]);
		const client = await nodes[0].connect();
		const same = await nodes[0].connect();

		await same.subscribe('/temp-queue/a', 'mine');
		for (let i = 0; i < 2; i++) {
			client.send(
				'SEND',
				{ destination: '/pub/questions', 'reply-to': '/temp-queue/a' },
				`q${i}`,
			);
			const question = await far.answer(`a${i}`);
			const answer = await client.message();

			assert.equal(question.body, `q${i}`);
			assert.match(question.headers['reply-to'], /^\/temp-queue\/[a-z0-9]{26}\/a$/);
			assert.equal(answer.body, `a${i}`);
			assert.equal(answer.headers.destination, '/temp-queue/a');
			assert.equal(answer.headers.subscription, '/temp-queue/a');
		}
		assert.deepEqual(await heard(far, [client, same]), [[], []]);
	});

	it('a subscription of one\'s own takes the answer', async () => {
		const far = await server(nodes[1]);
		const client = await nodes[0].connect();

		await client.subscribe('/temp-queue/a', 'mine');
		await client.ask('SEND', {
			destination: '/pub/questions',
			'reply-to': '/temp-queue/a',
		});
		await far.answer('a');
		assert.equal((await client.message()).headers.subscription, 'mine');
		assert.deepEqual(await heard(far, [client]), [[]]);
	});

	it('an address may be handed on', async () => {
		const first = await server(nodes[0]);
		const second = await nodes[1].connect();
		const client = await nodes[0].connect();

		await second.subscribe('/sub/more', 'm');
		await client.ask('SEND', { destination: '/pub/questions', 'reply-to': '/temp-queue/a' });
		const { 'reply-to': address } = (await first.message()).headers;

		await first.ask('SEND', { destination: '/pub/more', 'reply-to': address });
		assert.equal((await second.message()).headers['reply-to'], address);
		await second.ask('SEND', { destination: address }, 'a');
		assert.equal((await client.message()).body, 'a');
	});

	it('one may send to a queue of one\'s own', async () => {
		const client = await nodes[0].connect();

		await client.subscribe('/temp-queue/a', 'mine');
		await client.ask('SEND', { destination: '/temp-queue/a' }, 'own');
		assert.equal((await client.message()).body, 'own');
	});

	it('nobody else can listen', async () => {
		const far = await server(nodes[1]);
		const client = await nodes[0].connect();

		await client.ask('SEND', { destination: '/pub/questions', 'reply-to': '/temp-queue/a' });
		const { 'reply-to': address } = (await far.message()).headers;

		for (const [destination, why] of [
			[address, /destination/i],
			['/temp-queue/**', /pattern/i],
			['/temp-queue/*/a', /pattern/i],
		]) {
			const spy = await nodes[0].connect();

			spy.send('SUBSCRIBE', { id: 's', destination, receipt: 'r' });
			await spy.refused(why, { receipt: 'r' });
		}
	});

	it('limits and rules of SUBSCRIBE hold for reply-to', async () => {
		const most = await nodes[0].connect();

		for (let i = 0; i < 3; i++) await most.subscribe(`/sub/${i}`, i);
		most.send('SEND', { destination: '/pub/x', 'reply-to': '/temp-queue/a', receipt: 'r' });
		await most.refused(/limits\.subscriptions/, { receipt: 'r' });
		const denied = await nodes[0].connect();

		denied.send('SEND', {
			destination: '/pub/x',
			'reply-to': '/temp-queue/closed',
			receipt: 'r',
		});
		await denied.refused(/denied/i, { receipt: 'r' });
	});
});
