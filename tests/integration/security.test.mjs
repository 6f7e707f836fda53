/*
 * Holes of Spring's simple broker, each seen there: what an attacker did, and that it does no
 * harm here, on the node it is connected to and on another. Everything that can be opened is
 * open: clients may publish to broker prefixes and to users, and subscribe to patterns.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { jwtFlags, tokenFor } from './lib/jwt.mjs';
import { Redis } from './lib/redis.mjs';
import { Socket } from './lib/sockjs.mjs';
import { frame } from './lib/stomp.mjs';
import { until } from './lib/wait.mjs';

const open = [
	'--prefixes-broker=/sub,/queue,/topic',
	'--allow-client-publish=true',
	'--allow-user-send=true',
	'--prefixes-temp=/temp-queue',
	'--subscribe-patterns=/sub,/topic,/user,/temp-queue',
	'--access-rules=allow subscribe /sub/secret/** role=BOSS,deny subscribe /sub/secret/**',
	...jwtFlags,
	'--auth-token=header ticket',
];

const as = (name, claims) => ({
	connect: { ticket: tokenFor(name, claims) },
});

let redis;
let near;
let far;
let paths = 0;

const path = () => `hole-${++paths}`;

before(async () => {
	redis = await Redis.start();
	near = await Broker.start([`--redis-url=${redis.url}`, ...open]);
	far = await Broker.start([`--redis-url=${redis.url}`, ...open]);
});
after(async () => {
	try {
		await near?.stop();
		await far?.stop();
	} finally {
		await redis?.end();
	}
});

/* One receiver on each node. */
async function receivers(destination, options) {
	const both = [await near.connect(options), await far.connect(options)];

	for (const one of both) await one.subscribe(destination);
	return both;
}

/* The next thing that they hear is what `sender` says now: nothing came before it. */
async function assertQuiet(listeners, sender, destination) {
	await sender.ask('SEND', { destination }, 'fence');
	for (const one of listeners) {
		const got = await one.next('MESSAGE');

		assert.equal(got.body, 'fence', `${got.headers.destination} was heard`);
	}
}

describe('(a) private queues are read by pattern', () => {
	for (const pattern of [
		'/queue/**',
		'/queue/*',
		'/queue/{who}',
		'/queue/me-user?',
		'/**',
		'/*/me*',
	])
		it(`SUBSCRIBE ${pattern} is refused, not answered with the messages of others`, async () => {
			const spy = await near.connect(as('lee'));

			spy.send('SUBSCRIBE', { id: '0', destination: pattern, receipt: 'r' });
			await spy.refused(/pattern|prefixes/i, { receipt: 'r' });
		});
});

describe('(a) private queues are read by those who guess their names', () => {
	/* What kim's private queue could be called, by one who knows kim's session as well. */
	const guesses = (session) => [
		...[
			'/user/kim/queue/bank',
			'/user/kim/queue/*',
			'/user/kim/**',
			'/user/**',
			'/user/*/**',
		],
		...['/user/*/queue/bank', '/user/{who}/queue/bank', '/user/ki?/queue/bank', '/**'],
		...[
			'/*/kim/queue/bank',
			'/**/bank',
			'/sub/**',
			'/topic/**',
			'/queue/bank',
			'/USER/kim/queue/bank',
		],
		...[
			'/user//kim/queue/bank',
			'/user/../kim/queue/bank',
			'/user/lee/../kim/queue/bank',
		],
		...['/user/kim%2Fqueue/bank', '/user/%6bim/queue/bank', '/user/./kim/queue/bank'],
		...[
			`/queue/bank-user${session}`,
			`/queue/bank-user*`,
			`/user/${session}/queue/bank`,
		],
		...[
			`/sub/bank-user${session}`,
			`/user/queue/bank-user${session}`,
			'/user/queue/../bank',
		],
		...[`/temp-queue/${session}/bank`, '/temp-queue/bank', '/temp-queue/**'],
	];
	const spies = { lee: as('lee'), 'kim/queue': as('kim/queue'), '**': as('**'), nobody: {} };

	/* Everything that could be meant for kim alone. */
	async function tell(sender, session) {
		const all = [
			'/user/kim/queue/bank',
			`/user/${session}/queue/bank`,
			`/temp-queue/${session}/bank`,
		];

		for (const destination of all) {
			await sender.ask('SEND', { destination }, 'secret');
			await redis.publish(JSON.stringify({ destination, content: 'secret' }));
		}
	}

	for (const [name, options] of Object.entries(spies))
		it(`${name} hears nothing of kim's, whatever is subscribed to`, async () => {
			const victim = await near.open();

			victim.send('CONNECT', { 'accept-version': '1.2', ...as('kim').connect });
			const { session } = (await victim.next('CONNECTED')).headers;

			await victim.subscribe('/user/queue/bank', 'user');
			await victim.subscribe('/temp-queue/bank', 'temp');
			const listeners = [];

			for (const [i, destination] of guesses(session).entries()) {
				const spy = await [near, far][i % 2].connect(options);

				spy.send('SUBSCRIBE', { id: '0', destination, receipt: 'r' });
				const { command } = await spy.next();

				if (command === 'RECEIPT') listeners.push([destination, spy]);
				else assert.equal(command, 'ERROR', destination);
			}
			assert.ok(
				listeners.length > 10,
				'nothing was accepted, so nothing is shown',
			);
			await tell(await near.connect(as('bank')), session);
			const fence = `/topic/${path()}`;

			for (const [, spy] of listeners) await spy.subscribe(fence, 'fence');
			await (await near.connect()).ask('SEND', { destination: fence }, 'fence');
			for (const [destination, spy] of listeners) {
				const { body, headers } = await spy.message();

				assert.equal(
					body,
					'fence',
					`${destination} brought ${headers.destination}`,
				);
			}
			/* Each of the three from a client and from Redis. */
			const heard = [];

			await until(
				() =>
					victim.frames.filter((f) => f.command === 'MESSAGE')
						.length === 6,
				() => victim.frames.map((f) => f.headers.destination).join(),
			);
			for (const { headers, body } of victim.frames) {
				assert.equal(body, 'secret');
				heard.push(headers.destination);
			}
			assert.deepEqual([...new Set(heard)].sort(), [
				'/temp-queue/bank',
				'/user/queue/bank',
			]);
		});

	it('the session that is named to a client is not the one that a SockJS client chooses', async () => {
		const names = new Set();

		for (let i = 0; i < 2; i++) {
			const chosen = 'chosen-by-the-client';
			const socket = await Socket.open(`${near.url}/000/${chosen}/websocket`);

			await socket.assertFrame('o');
			socket.send(
				JSON.stringify([frame('CONNECT', { 'accept-version': '1.2' })]),
			);
			const [connected] = await socket.messages(1);
			const [, session] = /\nsession:([^\n]*)\n/.exec(connected);

			assert.match(session, /^[a-z0-9]{26}$/);
			names.add(session);
			socket.drop();
		}
		assert.equal(names.size, 2);
	});

	it('clients that may not send to users cannot put anything into their queues', async () => {
		const broker = await Broker.start(['--prefixes-broker=/sub,/queue', ...jwtFlags]);

		try {
			const victim = await broker.connect(as('kim', {}));

			await victim.subscribe('/user/queue/bank');
			for (const destination of ['/user/kim/queue/bank', '/queue/bank-userkim']) {
				const attacker = await broker.connect();

				attacker.send('SEND', { destination }, 'forged');
				await attacker.refused(/not allowed/i);
			}
			await victim.ask('UNSUBSCRIBE', { id: '0' });
			assert.deepEqual(victim.frames, []);
		} finally {
			await broker.stop();
		}
	});
});

describe('(b) a pattern gets round a refused destination', () => {
	for (const pattern of ['/sub/**', '/sub/*/*', '/sub/{what}/plan', '/sub/secre?/plan'])
		it(`${pattern} brings nothing from /sub/secret/plan`, async () => {
			const boss = await near.connect(as('kim', { roles: ['BOSS'] }));
			const spies = await receivers(pattern, as('lee'));

			await boss.subscribe('/sub/secret/plan');
			await boss.ask('SEND', { destination: '/sub/secret/plan' }, 'the plan');
			assert.equal((await boss.message()).body, 'the plan');
			for (const spy of spies) await spy.subscribe('/sub/fence/plan', 'fence');
			await assertQuiet(spies, boss, '/sub/fence/plan');
		});

	it('the destination itself is refused', async () => {
		const spy = await near.connect(as('lee'));

		spy.send('SUBSCRIBE', { id: '0', destination: '/sub/secret/plan' });
		await spy.refused(/denied|refused/i);
	});
});

describe('(c) what the server says is taken from a client', () => {
	const frames = {
		MESSAGE: { subscription: '0', 'message-id': '1' },
		RECEIPT: { 'receipt-id': '1' },
		ERROR: { message: 'x' },
		CONNECTED: { version: '1.2' },
	};

	for (const [command, headers] of Object.entries(frames))
		it(`${command} is refused, and nobody hears it`, async () => {
			const to = `/sub/${path()}`;
			const listeners = await receivers(to);
			const attacker = await near.connect();

			attacker.send(command, { destination: to, ...headers });
			await attacker.refused(/not supported/);
			await assertQuiet(listeners, await near.connect(), to);
		});
});

describe('(d) a header forges the destination that receivers see', () => {
	const names = [
		'simpOrigDestination',
		'SimpOrigDestination',
		'simpDestination',
		'destination',
	];

	for (const name of names)
		for (const prefix of ['/pub', '/sub'])
			it(`a second ${name}, sent to ${prefix}`, async () => {
				const room = path();
				const listeners = await receivers(`/sub/${room}`);
				const attacker = await near.connect();

				await attacker.ask(
					'SEND',
					[
						['destination', `${prefix}/${room}`],
						[name, '/user/queue/bank'],
					],
					'pay',
				);
				for (const one of listeners) {
					const got = await one.next('MESSAGE');

					assert.equal(got.headers.destination, `/sub/${room}`);
					assert.ok(
						!got.raw.includes('/user/queue/bank'),
						got.raw.toString(),
					);
				}
			});
});

describe('(e) an id is forged', () => {
	for (const name of ['message-id', 'subscription', 'ack', 'simpMessageId'])
		it(`${name} of the sender reaches nobody`, async () => {
			const room = path();
			const listeners = await receivers(`/sub/${room}`);
			const attacker = await near.connect();

			await attacker.ask(
				'SEND',
				{ destination: `/sub/${room}`, [name]: 'forged' },
				'x',
			);
			for (const one of listeners) {
				const got = await one.next('MESSAGE');

				assert.equal(got.headers.subscription, '0');
				assert.ok(got.headers['message-id']);
				assert.ok(!got.raw.includes('forged'), got.raw.toString());
			}
		});

	it('no two messages have the same id, and none names a session', async () => {
		const room = path();
		const [listener] = await receivers(`/sub/${room}`);
		const sender = await near.connect();
		const ids = new Set();

		for (let i = 0; i < 20; i++) {
			await sender.ask('SEND', { destination: `/pub/${room}` }, 'x');
			ids.add((await listener.next('MESSAGE')).headers['message-id']);
		}
		assert.equal(ids.size, 20);
	});
});

describe('(f) credentials of the sender are handed on', () => {
	const secrets = [
		...['authorization', 'Authorization', 'AUTHORIZATION', 'x-authorization'],
		...['proxy-authorization', 'login', 'passcode', 'cookie', 'token'],
		...['access_token', 'X-CSRF-TOKEN', 'receipt', 'transaction', 'ticket'],
	];

	for (const prefix of ['/pub', '/sub'])
		it(`neither subscribers nor Redis get them from a SEND to ${prefix}`, async () => {
			const room = path();
			const listeners = await receivers(`/sub/${room}`);
			const sender = await near.connect();
			const spy = redis.client();

			await spy.command('SUBSCRIBE', 'websocket-events');
			await spy.command('SUBSCRIBE', 'websocket-events:stompbox');
			await sender.ask('BEGIN', { transaction: 'hidden' });
			sender.send(
				'SEND',
				[
					['destination', `${prefix}/${room}`],
					['harmless', 'seen'],
					['transaction', 'hidden'],
					...secrets.map((name) => [name, 'hidden']),
				],
				'x',
			);
			await sender.ask('COMMIT', { transaction: 'hidden' });
			for (const one of listeners) {
				const got = await one.next('MESSAGE');

				assert.equal(got.headers.harmless, 'seen');
				assert.ok(!got.raw.includes('hidden'), got.raw.toString());
			}
			/* The plain record and the extended one. */
			await until(() => spy.payloads.length === 2, 'two records');
			for (const payload of spy.payloads)
				assert.ok(!payload.includes('hidden'), payload.toString());
			spy.close();
		});
});

describe('(g) a prefix is got round', () => {
	const beside = [
		'/subway/x',
		'/sub-way/x',
		'/sub.x',
		'/SUB/x',
		'//sub/x',
		'/pub/../sub/x',
		'sub/x',
	];

	for (const destination of beside)
		it(`SUBSCRIBE and SEND to ${destination} are refused, as under no prefix`, async () => {
			for (const command of ['SUBSCRIBE', 'SEND']) {
				/* What is under /pub is a SEND like any other. */
				if (command === 'SEND' && destination.startsWith('/pub/')) continue;
				const client = await near.connect();

				client.send(command, { id: '0', destination, receipt: 'r' });
				await client.refused(/prefixes/, { receipt: 'r' });
			}
		});

	it('/publicity is no application prefix', async () => {
		const client = await near.connect();

		client.send('SEND', { destination: '/publicity/x' });
		await client.refused(/prefixes/);
	});

	it('/pub/../sub/x is a name like any other, and not /sub/x', async () => {
		const listeners = await receivers('/sub/dots');
		const attacker = await near.connect();

		await attacker.ask('SEND', { destination: '/pub/../sub/dots' }, 'x');
		await assertQuiet(listeners, attacker, '/sub/dots');
	});

	it('a record in Redis for a neighbour of the prefix is heard by nobody', async () => {
		const listeners = await receivers('/sub/**');
		const sender = await near.connect();

		for (const destination of ['/subway/x', '/suburb'])
			await redis.publish(JSON.stringify({ destination, content: 'x' }));
		await assertQuiet(listeners, sender, `/sub/${path()}`);
	});

	it('without allow_client_publish a SEND past the application prefix is refused', async () => {
		const broker = await Broker.start();

		try {
			const client = await broker.connect();

			client.send('SEND', { destination: '/sub/x' }, 'x');
			await client.refused(/allow_client_publish/);
		} finally {
			await broker.stop();
		}
	});
});
