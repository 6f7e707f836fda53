/* The bus between nodes, on a real redis-server, as Spring servers see and use it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { freePort } from './lib/child.mjs';
import { Redis } from './lib/redis.mjs';
import { Room } from './lib/room.mjs';
import { frame } from './lib/stomp.mjs';
import { until } from './lib/wait.mjs';

const BACK_MS = 2500; /* from Redis' first answer to the first delivery between nodes */

const vectors = new URL('../data/redis_payloads.json', import.meta.url);

function envelope(destination, content) {
	return JSON.stringify({ destination, content });
}

/* Both directions between the nodes work, and have for the clients that are there. */
async function untilJoined(a, b) {
	for (const node of [a, b]) await node.untilStatus('/ready', 200);
	for (const [from, to] of [
		[a, b],
		[b, a],
	]) {
		const room = await Room.open(from, { receiverNode: to });
		let sent = 0;

		await until(() => {
			if (sent++ % 10 === 0)
				room.sender.send('SEND', { destination: room.to }, 'joined?');
			return room.receiver.frames.length > 0;
		}, 'the nodes to hear each other');
	}
}

describe('two nodes and Redis', () => {
	let redis;
	let a;
	let b;

	before(async () => {
		redis = await Redis.start();
		a = await Broker.start([`--redis-url=${redis.url}`]);
		b = await Broker.start([`--redis-url=${redis.url}`]);
	});
	after(async () => {
		try {
			await a?.stop();
			await b?.stop();
		} finally {
			await redis?.end();
		}
	});

	it('the log says that the bus is ready, and /ready that the node is', async () => {
		assert.equal((await a.untilEvent('bus.up')).level, 'info');
		assert.equal((await a.http('/ready')).status, 200);
	});

	it('a SEND reaches the subscribers of both nodes once', async () => {
		const room = await Room.open(a);
		const far = await b.connect();

		await far.subscribe(room.from);
		for (let i = 0; i < 100; i++)
			room.sender.send('SEND', { destination: room.to }, `안녕 😀 ${i}`);
		for (let i = 0; i < 100; i++) {
			assert.equal((await room.receiver.next('MESSAGE')).body, `안녕 😀 ${i}`);
			assert.equal((await far.next('MESSAGE')).body, `안녕 😀 ${i}`);
		}
	});

	it('what a SEND publishes is the envelope, and nothing more', async () => {
		const spy = redis.client();
		const client = await a.connect();
		const bodies = [
			['{"a":1,"b":[1.50, "x"]}', '{"a":1,"b":[1.50, "x"]}'],
			['안녕 "you"\\', JSON.stringify('안녕 "you"\\')],
			['12345678901234567890', '12345678901234567890'],
			['', '""'],
		];

		spy.socket.unref();
		spy.command('SUBSCRIBE', 'websocket-events').catch(() => {});
		await until(async () => {
			const [, count] = await redis.command(
				'PUBSUB',
				'NUMSUB',
				'websocket-events',
			);

			return count >= 3;
		}, 'three subscribers');
		for (const [body, content] of bodies) {
			await client.ask('SEND', { destination: '/pub/envelope' }, body);
			assert.equal(
				(await spy.payload()).toString(),
				`{"destination":"/sub/envelope","content":${content}}`,
			);
		}
		/* With headers of its own, a Spring reader still sees just that. */
		await client.ask('SEND', { destination: '/pub/envelope', foo: 'bar' }, '{"a":1}');
		const payload = (await spy.payload()).toString();

		assert.equal(payload.trim(), '{"destination":"/sub/envelope","content":{"a":1}}');
	});

	it('an envelope that a Spring server publishes is heard', async () => {
		const room = await Room.open(a);
		const far = await b.connect();

		await far.subscribe(room.from);
		await redis.publish(
			envelope(room.from, { sender: { name: '테스트' }, content: 'hi 😀' }),
		);
		await redis.publish(envelope(room.from, 'just a "text"\n'));
		for (const client of [room.receiver, far]) {
			const object = await client.next('MESSAGE');
			const text = await client.next('MESSAGE');

			assert.equal(object.body, '{"sender":{"name":"테스트"},"content":"hi 😀"}');
			assert.equal(object.headers['content-type'], 'application/json');
			assert.equal(text.body, 'just a "text"\n');
			assert.equal(text.headers['content-type'], 'text/plain;charset=UTF-8');
			assert.equal(text.headers.destination, room.from);
		}
	});

	it('content is forwarded byte for byte', async () => {
		const room = await Room.open(a);
		const contents = [
			'{"n":9007199254740993,"u":"\\u0000\\ud55c","f":1.0e2, "k" : [ ] }',
			'[1,2,3]',
			'null',
			'true',
			'-0.0',
		];

		for (const content of contents) {
			await redis.publish(`{"destination":"${room.from}","content":${content}}`);
			assert.equal((await room.receiver.next('MESSAGE')).body, content);
		}
	});

	it('envelopes in other spellings are understood', async () => {
		const room = await Room.open(a);
		const to = JSON.stringify(room.from);
		const payloads = [
			` { "content" : "x" ,\n "destination" : ${to} } `,
			`{"@class":"a.b.C","destination":${to},"content":"x"}`,
			`{"more":{"destination":"/sub/no"},"destination":${to},"content":"x","id":[1,2]}`,
			JSON.stringify(envelope(room.from, 'x')),
			`{"destination":${to},"payload":"x"}`,
			`{"destination":"${room.from.replaceAll('/', '\\/')}","content":"x"}`,
		];

		for (const payload of payloads) {
			await redis.publish(payload);
			assert.equal((await room.receiver.next('MESSAGE')).body, 'x', payload);
		}
	});

	it('the payloads of real applications are read, or passed over, and never fatal', async () => {
		const client = await a.connect();
		const samples = JSON.parse(await readFile(vectors, 'utf8'));
		const chat = '/sub/contents/ccf6489c-aac2-4081-a6ca-067dec2287e0/chat';
		let readable = 0;

		await client.subscribe(chat);
		for (const sample of samples) {
			const payload = sample.payload ?? Buffer.from(sample.payload_b64, 'base64');
			const isEnvelope = sample.payload?.includes('"destination":"/sub/');

			await redis.publish(payload);
			if (isEnvelope) {
				readable++;
				assert.equal(
					JSON.parse((await client.next('MESSAGE')).body).content,
					'hi',
				);
			}
			await redis.publish(envelope(chat, 'fence'));
			assert.equal((await client.next('MESSAGE')).body, 'fence', sample.payload);
		}
		assert.ok(readable >= 4, `${readable} were readable`);
	});

	it('a flood of what cannot be read does not flood the log', async () => {
		const room = await Room.open(a);
		const before = a.stderr.length;

		for (let i = 0; i < 500; i++) await redis.publish(`rubbish ${i}`);
		await redis.publish(envelope(room.from, 'fence'));
		assert.equal((await room.receiver.next('MESSAGE')).body, 'fence');
		assert.ok(
			a.stderr.length - before < 20_000,
			`${a.stderr.length - before} bytes of log`,
		);
		await until(
			async () =>
				JSON.parse((await a.http('/health')).body).bus_counters.unreadable >= 500,
			'the count of them in /health',
		);
	});

	it('headers and content-type cross nodes', async () => {
		const room = await Room.open(a, { receiverNode: b });
		const message = await room.pass(
			{ 'content-type': 'text/html;charset=UTF-8', foo: 'a\\cb', 키: '값' },
			'<b>hi</b>',
		);

		assert.equal(message.headers['content-type'], 'text/html;charset=UTF-8');
		assert.equal(message.headers.foo, 'a:b');
		assert.equal(message.headers['키'], '값');
		assert.equal(message.body, '<b>hi</b>');
		/* It went over two channels; it must have come once. */
		assert.equal((await room.pass({}, 'next')).body, 'next');
	});

	it('any body crosses nodes unharmed', async () => {
		const room = await Room.open(a, { receiverNode: b });
		const all = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256));
		const texts = [
			'',
			'"a string"',
			'""',
			'"data:application/octet-stream;base64,aGk="',
			'data:application/octet-stream;base64,aGk=',
			'{"a":',
			'{"a":1} ',
			' [1]',
			'nul',
			'\0',
			'\n',
			'"\\ud800"',
			'1e999',
			'\u2028</script>\u007f',
			'{"destination":"/sub/x","content":"y"}',
		];

		for (const text of texts) {
			const length = Buffer.byteLength(text);
			const message = await room.pass({ 'content-length': length }, text);

			assert.equal(message.body, text);
			assert.equal(message.isBinary, false);
		}
		for (const type of [undefined, 'application/octet-stream', 'image/png']) {
			const head =
				`SEND\ndestination:${room.to}\ncontent-length:${all.length}\n` +
				`${type ? `content-type:${type}\n` : ''}\n`;

			room.sender.binary(
				Buffer.concat([Buffer.from(head), all, Buffer.from([0])]),
			);
			const message = await room.receiver.next('MESSAGE');

			assert.deepEqual(message.bytes, all);
			assert.equal(message.isBinary, true);
			if (type) assert.equal(message.headers['content-type'], type);
		}
	});

	it('Redis kills the subscription: it comes back, and no client reconnects', async () => {
		const clients = [await a.connect(), await b.connect()];

		assert.ok((await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')) >= 2);
		const start = performance.now();

		await untilJoined(a, b);
		const took = Math.round(performance.now() - start);

		console.log(`both nodes heard each other again after ${took} ms`);
		assert.ok(took < BACK_MS, `${took} ms`);
		for (const client of clients) assert.equal(client.end, undefined);
	});

	it('Redis goes: each node serves its own. Redis comes: the nodes are joined again', async () => {
		const room = await Room.open(a);
		const far = await b.connect();
		const gone = performance.now();
		let count = 0;

		await far.subscribe(room.from);
		await redis.stop();
		const down = await a.untilStatus('/ready', 503);

		assert.equal(JSON.parse(down.body).status, 'not ready');
		assert.ok(JSON.parse(down.body).reason);
		await b.untilStatus('/ready', 503);
		assert.equal((await a.http('/health')).status, 200);
		/* Long enough for the longest pause between attempts to be reached. */
		while (performance.now() - gone < 4000) {
			await room.sender.ask('SEND', { destination: room.to }, `down ${count}`);
			assert.equal((await room.receiver.next('MESSAGE')).body, `down ${count++}`);
		}
		assert.ok(a.stderr.split('\n').length < 300, 'a line for each SEND in the log');

		await redis.startAgain();
		const start = performance.now();
		let number = 0;

		await until(
			() => {
				room.sender.send(
					'SEND',
					{ destination: room.to },
					`up ${number++}`,
				);
				return far.frames.some((f) => f.body.startsWith('up '));
			},
			'a delivery between the nodes',
			undefined,
			20,
		);
		const took = Math.round(performance.now() - start);

		console.log(
			`deliveries between nodes came back ${took} ms after Redis, ` +
				`${count} messages were served while it was away`,
		);
		assert.ok(took < BACK_MS, `${took} ms`);
		await untilJoined(a, b);
		/* On the sender's own node nothing was lost or doubled on the way. */
		for (let i = 0; i < number; i++)
			assert.equal((await room.receiver.next('MESSAGE')).body, `up ${i}`);
		for (const client of [room.sender, room.receiver, far])
			assert.equal(client.end, undefined);
	});
});

describe('redis.on_down=refuse', () => {
	it('a SEND is refused while Redis is away', async () => {
		const redis = await Redis.start();
		let broker;

		try {
			broker = await Broker.start([
				`--redis-url=${redis.url}`,
				'--redis-on-down=refuse',
			]);
			const room = await Room.open(broker);

			assert.equal((await room.pass({}, 'hi')).body, 'hi');
			await redis.stop();
			await broker.untilStatus('/ready', 503);
			room.sender.send('SEND', { destination: room.to, receipt: 'r' }, 'unheard');
			await room.sender.refused(/Redis/, { receipt: 'r' });
			await redis.startAgain();
			await broker.untilStatus('/ready', 200);
			await room.assertQuiet();
			await broker.stop();
		} finally {
			await broker?.kill();
			await redis.end();
		}
	});
});

describe('redis.on_down=refuse, without Redis', () => {
	it('a refused SEND gets no receipt, though DISCONNECT stands right behind it', async () => {
		const broker = await Broker.start(
			[`--redis-url=redis://127.0.0.1:${await freePort()}`, '--redis-on-down=refuse'],
			{ ready: false },
		);

		try {
			/* Enough of them for every event loop. */
			const clients = await Promise.all(Array.from({ length: 12 }, () => broker.connect()));

			for (const client of clients)
				client.text(
					frame('SEND', { destination: '/pub/a', receipt: 'r' }, 'x') +
						frame('DISCONNECT', { receipt: 'bye' }),
				);
			await Promise.all(clients.map((client) => client.refused(/Redis/, { receipt: 'r' })));
			for (const client of clients)
				assert.deepEqual(
					client.frames.filter((f) => f.command === 'RECEIPT'),
					[],
				);
			await broker.stop();
		} finally {
			await broker.kill();
		}
	});
});

describe('a node and its Redis', () => {
	async function withBroker(flags, check) {
		const broker = await Broker.start(flags, { ready: false });

		try {
			await check(broker);
			await broker.stop();
		} finally {
			await broker.kill();
		}
	}

	it('the node starts without Redis, and joins when it is there', async () => {
		const redis = await Redis.start();

		try {
			await redis.stop();
			await withBroker([`--redis-url=${redis.url}`], async (broker) => {
				assert.equal((await broker.http('/ready')).status, 503);
				const room = await Room.open(broker);

				assert.equal((await room.pass({}, 'alone')).body, 'alone');
				await redis.startAgain();
				await broker.untilStatus('/ready', 200);
				await redis.publish(envelope(room.from, 'joined'));
				assert.equal((await room.receiver.next('MESSAGE')).body, 'joined');
			});
		} finally {
			await redis.end();
		}
	});

	it('a password, a user, a database, a Unix socket and another channel', async () => {
		const redis = await Redis.start([
			'--requirepass',
			's3cr3t',
			'--unixsocket',
			'redis.sock',
		]);
		const socket = path.join(redis.folder, 'redis.sock');
		const at = `127.0.0.1:${redis.port}`;

		try {
			const admin = redis.client();

			await admin.command('AUTH', 's3cr3t');
			await admin.command(
				'ACL',
				'SETUSER',
				'kim',
				'on',
				'>k1m',
				'~*',
				'&*',
				'+@all',
			);
			await admin.command('CONFIG', 'SET', 'requirepass', 's3cr3t');
			for (const url of [`redis://:s3cr3t@${at}`, `redis://kim:k1m@${at}/3`]) {
				await withBroker(
					[`--redis-url=${url}`, '--redis-channel=other'],
					async (broker) => {
						await broker.untilStatus('/ready', 200);
						const room = await Room.open(broker);

						await admin.command(
							'PUBLISH',
							'websocket-events',
							envelope(room.from, 'unheard'),
						);
						await admin.command(
							'PUBLISH',
							'other',
							envelope(room.from, 'heard'),
						);
						assert.equal(
							(await room.receiver.next('MESSAGE')).body,
							'heard',
						);
						assert.doesNotMatch(broker.stderr, /s3cr3t|k1m/);
					},
				);
			}
			await withBroker([`--redis-url=redis://:wr0ng@${at}`], async (broker) => {
				const { body } = await broker.untilStatus('/ready', 503);

				assert.ok(JSON.parse(body).reason);
				assert.doesNotMatch(broker.stderr + body, /wr0ng/);
			});
			await admin.command('CONFIG', 'SET', 'requirepass', '');
			await withBroker([`--redis-url=unix://${socket}`], async (broker) => {
				await broker.untilStatus('/ready', 200);
			});
		} finally {
			await redis.end();
		}
	});

	it('a message that is too large for the bus is refused, and everybody stays', async () => {
		const redis = await Redis.start();

		try {
			await withBroker(
				[`--redis-url=${redis.url}`, '--redis-max-payload=4k'],
				async (broker) => {
					await broker.untilStatus('/ready', 200);
					const room = await Room.open(broker);

					room.sender.send(
						'SEND',
						{ destination: room.to, receipt: 'r' },
						'x'.repeat(5000),
					);
					await room.sender.refused(/redis\.max_payload/, {
						receipt: 'r',
					});
					await room.assertQuiet();
				},
			);
		} finally {
			await redis.end();
		}
	});
});
