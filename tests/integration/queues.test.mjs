/* Queues of one node: each message goes to one of the subscribers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import {
	ack,
	assertQuiet,
	assertRefused,
	describeQueues,
	expect,
	flags,
	nack,
	name,
	send,
} from './lib/queues.mjs';
import { until } from './lib/wait.mjs';

for (const threads of [1, 2])
	describe(`queues of one node with ${threads} threads`, () => {
		let broker;

		before(async () => {
			broker = await Broker.start([...flags, `--threads=${threads}`]);
		});
		after(() => broker?.stop());
		describeQueues(() => ({ from: broker, to: broker }));

		const ends = {
			UNSUBSCRIBE: (client, id) => client.ask('UNSUBSCRIBE', { id }),
			DISCONNECT: (client) => client.ask('DISCONNECT'),
			'a lost connection': (client) => client.drop(),
		};

		for (const version of ['1.0', '1.1', '1.2'])
			for (const [how, end] of Object.entries(ends))
				it(`A9 in ${version} ${how} gives what is not acknowledged to another client`, async () => {
					const sender = await broker.connect();
					const first = await broker.connect({ version });
					const second = await broker.connect({ version });
					const queue = name();

					await first.subscribe(queue, '0', { ack: 'client' });
					await send(sender, queue, 1, 2);
					for (const message of await expect(first, 1, 2))
						assert.equal(message.headers.redelivered, undefined);
					await second.subscribe(queue, '0');
					await end(first, '0');
					for (const message of await expect(second, 1, 2))
						assert.equal(message.headers.redelivered, 'true');
				});
	});

describe('limits of queues', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			...flags,
			'--queues-messages=10',
			'--queues-bytes=64k',
			'--queues-message-time=2s',
			'--queues-idle-time=1s',
			'--queues-redeliveries=2',
			'--limits-unacked=5',
			'--access-rules=deny send /queue/secret/**,deny subscribe /queue/closed/**',
		]);
	});
	after(() => broker?.stop());

	async function rise(counter, by, since) {
		await until(
			async () => (await broker.counters())[counter] >= since[counter] + by,
			async () => `${counter}: ${JSON.stringify(await broker.counters())}`,
		);
	}

	it('a full queue refuses a SEND, and keeps the others', async () => {
		const sender = await broker.connect();
		const reader = await broker.connect();
		const queue = name();

		await send(sender, queue, 1, 10);
		await assertRefused(broker, /queues\.messages is 10/, 'SEND', {
			destination: queue,
		});
		await reader.subscribe(queue);
		await expect(reader, 1, 10);
	});

	it('all queues together are bounded in bytes', async () => {
		const sender = await broker.connect();
		const reader = await broker.connect();
		const [one, two] = [name(), name()];

		await sender.ask('SEND', { destination: one }, 'x'.repeat(40_000));
		await assertRefused(
			broker,
			/queue is full/,
			'SEND',
			{ destination: two },
			'x'.repeat(30_000),
		);
		await sender.ask('SEND', { destination: two }, 'x'.repeat(10_000));
		await reader.subscribe(one, '1');
		await reader.subscribe(two, '2');
		await reader.message();
		await reader.message();
	});

	it('a message that has waited for too long is dropped', async () => {
		const sender = await broker.connect();
		const reader = await broker.connect();
		const queue = name();
		const since = await broker.counters();

		await send(sender, queue, 1, 2);
		await rise('queue_expired', 2, since);
		await reader.subscribe(queue);
		await send(sender, queue, 3);
		await expect(reader, 3);
	});

	it('there are only so many queues; idle ones make way', async () => {
		const small = await Broker.start([
			...flags,
			'--queues-most=3',
			'--queues-idle-time=1h',
		]);

		try {
			const reader = await small.connect();

			for (let i = 0; i < 3; i++) await reader.subscribe(name(), `${i}`);
			await assertRefused(small, /queues\.most is 3/, 'SUBSCRIBE', {
				id: '0',
				destination: name(),
			});
			await assertRefused(small, /queues\.most is 3/, 'SEND', {
				destination: name(),
			});
			await reader.ask('UNSUBSCRIBE', { id: '1' });
			await until(async () => {
				const client = await small.connect();

				client.send('SEND', { destination: name(), receipt: 'r' });
				return (await client.next()).command === 'RECEIPT';
			}, 'place for a queue');
		} finally {
			await small.stop();
		}
	});

	it('a message that comes back too often is dropped', async () => {
		const sender = await broker.connect();
		const reader = await broker.connect();
		const queue = name();
		const since = await broker.counters();

		await reader.subscribe(queue, '0', { ack: 'client-individual' });
		await send(sender, queue, 1);
		for (let i = 0; i < 3; i++) await nack(reader, (await expect(reader, 1))[0]);
		await rise('queue_rejected', 1, since);
		await assertQuiet(reader);
	});

	it('of a client that goes, the oldest message alone counts as tried', async () => {
		const sender = await broker.connect();
		const queue = name();
		const since = await broker.counters();

		await send(sender, queue, 1, 3);
		for (let i = 0; i < 3; i++) {
			const reader = await broker.connect();

			await reader.subscribe(queue, '0', { ack: 'client' });
			await expect(reader, 1, 3);
			reader.drop();
		}
		await rise('queue_rejected', 1, since);
		const last = await broker.connect();

		await last.subscribe(queue);
		await expect(last, 2, 3);
	});

	it('L8 a consumer has at most limits.unacked messages', async () => {
		const sender = await broker.connect();
		const reader = await broker.connect();
		const queue = name();

		await reader.subscribe(queue, '0', { ack: 'client-individual' });
		await send(sender, queue, 1, 8);
		const taken = await expect(reader, 1, 5);

		await assertQuiet(reader);
		await ack(reader, taken[2]);
		await expect(reader, 6);
		await assertQuiet(reader);
	});

	it('two queues share the window of a client', async () => {
		const sender = await broker.connect();
		const reader = await broker.connect();
		const [one, two] = [name(), name()];

		await reader.subscribe(one, '1', { ack: 'client-individual' });
		await send(sender, one, 1, 5);
		const taken = await expect(reader, 1, 5);

		await reader.subscribe(two, '2', { ack: 'client-individual' });
		await send(sender, two, 1);
		await assertQuiet(reader);
		await ack(reader, taken[0]);
		assert.equal((await reader.message()).headers.destination, two);
	});

	it('access rules hold', async () => {
		await assertRefused(broker, /not allowed/i, 'SEND', {
			destination: '/queue/secret/1',
		});
		await assertRefused(broker, /not allowed/i, 'SUBSCRIBE', {
			id: '0',
			destination: '/queue/closed/1',
		});
	});
});

it('without queues.prefix a queue is a destination like any other', async () => {
	const broker = await Broker.start(['--prefixes-broker=/sub,/queue']);

	try {
		const client = await broker.connect();

		await client.subscribe('/queue/x');
		await assertRefused(broker, /not allowed to send/i, 'SEND', {
			destination: '/queue/x',
		});
	} finally {
		await broker.stop();
	}
});
