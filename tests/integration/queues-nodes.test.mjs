/* Queues of several nodes: one owns each, and any of them may go, or Redis. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import {
	ack,
	assertRefused,
	bodies,
	describeQueues,
	expect,
	flags,
	name,
	send,
} from './lib/queues.mjs';
import { Redis } from './lib/redis.mjs';
import { until } from './lib/wait.mjs';

describe('queues of two nodes', () => {
	let redis;
	const nodes = [];

	before(async () => {
		redis = await Redis.start();
		for (let i = 0; i < 2; i++)
			nodes.push(
				await Broker.start([...flags, `--redis-url=${redis.url}`]),
			);
	});
	after(async () => {
		for (const node of nodes) await node.stop();
		await redis?.end();
	});

	describe('from the first to the second', () =>
		describeQueues(() => ({ from: nodes[0], to: nodes[1] })));
	describe('from the second to the first', () =>
		describeQueues(() => ({ from: nodes[1], to: nodes[0] })));
});

describe('queues when nodes or Redis go', () => {
	let redis;
	let nodes = [];

	async function start(...more) {
		const node = await Broker.start([...flags, `--redis-url=${redis.url}`, ...more]);

		nodes.push(node);
		return node;
	}

	before(async () => {
		redis = await Redis.start();
	});
	after(async () => {
		for (const node of nodes) await node.stop();
		await redis?.end();
	});

	async function kill(node) {
		nodes = nodes.filter((other) => other !== node);
		await node.kill();
	}

	function owner(queue) {
		return redis.command('GET', `websocket-events:owner:queue:${queue}`).then(String);
	}

	async function nodeName(node) {
		return JSON.parse((await node.http('/health')).body).node;
	}

	it('the owner is killed: its consumers go on at another node', async () => {
		const [first, second, third] = [await start(), await start(), await start()];
		const sender = await third.connect();
		const reader = await second.connect();
		const queue = name();

		await send(await first.connect(), queue, 0);
		await reader.subscribe(queue, '0', { ack: 'client-individual' });
		const [old] = await expect(reader, 0);

		assert.equal(await owner(queue), await nodeName(first));
		await kill(first);
		await send(sender, queue, 1, 20);
		await expect(reader, 1, 20);
		assert.notEqual(await owner(queue), await nodeName(first).catch(() => ''));
		assert.deepEqual(bodies(reader), []);
		/* What the dead owner gave is not what its follower gave. */
		await ack(reader, old);
		reader.drop();
		const next = await second.connect();

		await next.subscribe(queue);
		await expect(next, 1, 20);
	});

	it('a receipt does not say more than is known', async () => {
		const first = await start('--queues-messages=3');
		const second = await start();
		const queue = name();
		const client = await second.connect();

		await send(await first.connect(), queue, 1, 3);
		await client.ask('SEND', { destination: '/pub/x' });
		/* The bus answers sooner than the queue's owner. */
		client.send('SEND', { destination: queue, receipt: 'full' });
		for (let i = 0; i < 5; i++)
			client.send('SEND', { destination: '/pub/x', receipt: `later ${i}` });
		const answer = await client.next();

		assert.equal(answer.command, 'ERROR');
		assert.equal(answer.headers['receipt-id'], 'full');
		assert.match(answer.headers.message, /queue is full/);
	});

	it('a message on its way to an owner that dies is not lost', async () => {
		const first = await start();
		const second = await start();
		const sender = await second.connect();
		const queue = name();

		await send(await first.connect(), queue, 0);
		await send(sender, queue, 1);
		first.child.signal('SIGSTOP');
		const answer = sender.ask('SEND', { destination: queue }, '2');

		await kill(first);
		await answer;
		const reader = await second.connect();

		await reader.subscribe(queue);
		const [message] = await expect(reader, 2);

		/* The owner may have given it to somebody. */
		assert.equal(message.headers.redelivered, 'true');
	});

	it('an owner that does not answer: ERROR, not silence', async () => {
		const first = await start();
		const second = await start();
		const queue = name();

		await send(await first.connect(), queue, 0);
		await send(await second.connect(), queue, 1);
		first.child.signal('SIGSTOP');
		try {
			await assertRefused(second, /does not answer/, 'SEND', {
				destination: queue,
			});
		} finally {
			first.child.signal('SIGCONT');
		}
	});

	it('who sends to an owner that does not answer holds up nobody else for long', async () => {
		const first = await start();
		const second = await start('--threads=1');
		const other = await second.connect();
		const [queue, further] = [name(), name()];
		const refused = (destination) =>
			assertRefused(second, /does not answer/, 'SEND', { destination });

		await send(await first.connect(), queue, 0);
		await send(await first.connect(), further, 0);
		first.child.signal('SIGSTOP');
		try {
			await refused(queue);
			const since = performance.now();

			for (const destination of [queue, further, queue]) {
				const answer = refused(destination);

				await other.ask('SEND', { destination: '/pub/x' });
				await answer;
			}
			assert.ok(performance.now() - since < 4000, 'receipts waited');
		} finally {
			first.child.signal('SIGCONT');
		}
		await until(async () => {
			const client = await second.connect();

			client.send('SEND', { destination: queue, receipt: 'r' });
			return (await client.next()).command === 'RECEIPT';
		}, 'the owner to be heard');
	});

	it("a consumer's node is killed: its messages come back", async () => {
		const first = await start();
		const second = await start();
		const sender = await first.connect();
		const reader = await second.connect();
		const next = await first.connect();
		const queue = name();

		await send(sender, queue, 1, 3);
		await reader.subscribe(queue, '0', { ack: 'client-individual' });
		await expect(reader, 1, 3);
		await kill(second);
		await next.subscribe(queue);
		/* With the first that the dead node does not hear, its messages come back. */
		await send(sender, queue, 4, 30);
		await until(() => bodies(next).length >= 30, 'all messages');
		assert.deepEqual(new Set(bodies(next)).size, 30);
		assert.deepEqual(
			next.frames
				.filter((f) => Number(f.body) <= 3)
				.map((f) => [f.body, f.headers.redelivered]),
			[
				['1', 'true'],
				['2', 'true'],
				['3', 'true'],
			],
		);
	});

	it('many consumers at once, and more bytes than may be under way: nothing comes twice', async () => {
		const first = await start('--redis-outbox=256k');
		const second = await start();
		const queue = name();
		const count = 40;
		const sender = await first.connect();

		for (let i = 0; i < count; i++)
			await sender.ask(
				'SEND',
				{ destination: queue, number: `${i}` },
				'x'.repeat(50_000),
			);
		const readers = await Promise.all(
			Array.from({ length: 20 }, () => second.connect()),
		);
		const numbers = () =>
			readers.flatMap((r) => r.frames).map((f) => f.headers.number);

		for (const reader of readers)
			reader.send('SUBSCRIBE', {
				id: '0',
				destination: queue,
				ack: 'client-individual',
			});
		await until(() => new Set(numbers()).size === count, 'all messages');
		assert.equal(numbers().length, count);
		assert.equal((await first.counters()).queue_returned, 0);
	});

	it('clients come and go: each message is taken, twice only when marked', async () => {
		const pair = [await start(), await start()];
		const queue = name();
		const sender = await pair[0].connect();
		const count = 2000;
		const seen = new Map(); /* body to how often it came */
		const acked = new Set();
		let stop = false;

		async function work(i) {
			while (!stop) {
				const client = await pair[i % 2].connect();
				const few = 20 + ((i * 37 + acked.size) % 80);

				client.send('SUBSCRIBE', {
					id: '0',
					destination: queue,
					ack: 'client-individual',
				});
				for (let n = 0; n < few && !stop; n++) {
					const m = await client.message(500).catch(() => null);

					if (!m) break;
					const before = seen.get(m.body) ?? 0;

					assert.ok(
						before === 0 || m.headers.redelivered === 'true',
						`${m.body} came twice, not marked`,
					);
					assert.ok(!acked.has(m.body), `${m.body} came after its ACK`);
					seen.set(m.body, before + 1);
					if (n % 10 === 9) continue; /* left to others */
					await client.ask('ACK', { id: m.headers.ack });
					acked.add(m.body);
				}
				client.drop();
			}
		}
		const workers = Promise.all([0, 1, 2, 3].map(work));

		await send(sender, queue, 1, count);
		await Promise.race([
			workers,
			until(
				() => acked.size === count,
				() => `${count} messages taken; ${acked.size} were`,
				40_000,
			),
		]);
		stop = true;
		await workers;
	});

	it('a note that takes bytes for text harms no client', async () => {
		const node = await start();
		const reader = await node.connect();
		const queue = name();
		const length = (bytes) => Buffer.from(Uint32Array.of(bytes.length).buffer);
		const spans = [queue, 'id', 'text/plain', '\xff']; /* and what it says of the last */
		const note = Buffer.concat([
			Buffer.from(['Q'.charCodeAt(), 1, 0, 8]),
			Buffer.alloc(32),
			Buffer.from('other'.padEnd(16, '\0')),
			...spans.flatMap((s) => [length(s), Buffer.from(s, 'latin1')]),
		]);

		await reader.subscribe(queue);
		await redis.publish(note, `websocket-events:node:${await nodeName(node)}`);
		const message = await reader.message();

		assert.deepEqual([...message.bytes], [255]);
		assert.equal(message.isBinary, true);
	});

	it('an envelope of a Spring server is taken by one node', async () => {
		const [first, second] = [await start(), await start()];
		const queue = name();
		const readers = [await first.connect(), await second.connect()];

		/* To a queue that nobody knows yet, and then to one that somebody has. */
		for (let i = 0; i < 20; i++) {
			await redis.publish(JSON.stringify({ destination: queue, content: { i } }));
			if (i === 9)
				for (const reader of readers) await reader.subscribe(queue);
		}
		await until(
			() => readers.flatMap(bodies).length >= 20,
			() => `20 messages; ${readers.flatMap(bodies)}`,
		);
		await assertRefused(first, /unknown transaction/i, 'COMMIT', { transaction: 'x' });
		assert.deepEqual(
			readers.flatMap(bodies).toSorted(),
			Array.from({ length: 20 }, (_, i) => `{"i":${i}}`).toSorted(),
		);
	});

	it('Redis goes and comes back: what each node has kept is one queue again', async () => {
		const [first, second] = [await start(), await start()];
		const [one, two] = [await first.connect(), await second.connect()];
		const reader = await second.connect();
		const queue = name();

		await send(one, queue, 1, 2);
		await send(two, queue, 3);
		await redis.stop();
		await first.untilStatus('/ready', 503);
		await second.untilStatus('/ready', 503);
		/* redis.on_down is local: each has a queue of its own. */
		await send(one, queue, 4);
		await send(two, queue, 5);
		await reader.subscribe(queue, '0', { ack: 'client-individual' });
		await expect(reader, 5);
		await redis.startAgain();
		await first.untilStatus('/ready', 200);
		await second.untilStatus('/ready', 200);
		/* 5 comes once more when the first node is the owner, and 2 hands over to it. */
		const got = [];

		await until(
			() => {
				got.push(...reader.frames.splice(0).map((f) => f.body));
				return got.length >= 4 && got.includes('4');
			},
			() => `what the first node has kept; ${got} came`,
		);
		assert.deepEqual(
			got.filter((body) => body !== '5'),
			['1', '2', '3', '4'],
		);
	});

	it('what a node hands over is marked when a client may have seen it', async () => {
		const first = await start();
		const second = await start('--limits-unacked=2');
		const [queue, other] = [name(), name()];
		const reader = await first.connect();
		const busy = await second.connect();
		const sender = await second.connect();

		await send(await first.connect(), queue, 0);
		await reader.subscribe(queue);
		await expect(reader, 0);
		await redis.stop();
		await first.untilStatus('/ready', 503);
		await second.untilStatus('/ready', 503);
		/* The client's window is used up, so what it is given next waits for it. */
		await busy.subscribe(other, '0', { ack: 'client-individual' });
		await send(sender, other, 1, 2);
		await expect(busy, 1, 2);
		await busy.subscribe(queue, '1', { ack: 'client-individual' });
		await send(sender, queue, 1, 3);
		second.child.signal('SIGSTOP');
		await redis.startAgain();
		await first.untilStatus('/ready', 200);
		second.child.signal('SIGCONT');
		await until(() => reader.frames.length > 0, 'what the second node has kept');
		const [message] = await expect(reader, 1);

		assert.equal(message.headers.redelivered, 'true');
	});

	it('Redis is away and redis.on_down is refuse: ERROR', async () => {
		const node = await start('--redis-on-down=refuse');
		const queue = name();
		const reader = await node.connect();

		await reader.subscribe(queue);
		await redis.stop();
		await node.untilStatus('/ready', 503);
		await assertRefused(node, /bus is down/, 'SEND', { destination: queue });
		await assertRefused(node, /bus is down/, 'SEND', { destination: name() });
		await redis.startAgain();
		await node.untilStatus('/ready', 200);
		await send(await node.connect(), queue, 1);
		await expect(reader, 1);
	});
});
