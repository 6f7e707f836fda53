/* Queues: those who send and take, and what holds wherever they are. */
import assert from 'node:assert/strict';
import { before, it } from 'node:test';

import { until } from './wait.mjs';

/* How a node is started that has queues; the patterns are there to reach none. */
export const flags = ['--queues-prefix=/queue', '--subscribe-patterns=/sub'];

let names = 0;

export function name() {
	return `/queue/q${++names}`;
}

export async function send(client, destination, first, last = first, headers = {}) {
	for (let i = first; i <= last; i++)
		await client.ask('SEND', { destination, ...headers }, `${i}`);
}

export async function expect(client, first, last = first) {
	const taken = [];

	for (let i = first; i <= last; i++) {
		taken.push(await client.message());
		assert.equal(taken.at(-1).body, `${i}`);
	}
	return taken;
}

/* Nothing is on its way to the client: it gets an answer, and no message before it. */
export async function assertQuiet(client) {
	await client.ask('BEGIN', { transaction: `quiet-${++names}` });
	assert.deepEqual(
		client.frames.map((f) => f.body),
		[],
	);
}

export function ack(client, message) {
	return client.ask('ACK', { id: message.headers.ack });
}

export function nack(client, message) {
	return client.ask('NACK', { id: message.headers.ack });
}

export function bodies(client) {
	return client.frames.filter((f) => f.command === 'MESSAGE').map((f) => f.body);
}

export async function assertRefused(broker, about, command, headers, body) {
	const client = await broker.connect();

	client.send(command, { receipt: 'r', ...headers }, body);
	await client.refused(about, { receipt: 'r' });
}

/* One node, or two; what holds for both. `from` and `to`: where senders and consumers connect. */
export function describeQueues(nodes) {
	let from;
	let to;

	before(() => {
		({ from, to } = nodes());
	});

	it('what is sent waits for a consumer, in order', async () => {
		const sender = await from.connect();
		const reader = await to.connect();
		const queue = name();

		await send(sender, queue, 1, 50);
		await reader.subscribe(queue);
		for (const message of await expect(reader, 1, 50)) {
			assert.equal(message.headers.destination, queue);
			assert.equal(message.headers.redelivered, undefined);
			assert.equal(message.headers.ack, undefined);
		}
	});

	it('each message goes to one of the consumers, to each its share', async () => {
		const sender = await from.connect();
		const readers = [await from.connect(), await to.connect(), await to.connect()];
		const queue = name();

		for (const reader of readers) await reader.subscribe(queue);
		/* Attached: each of them has had something. */
		let sent = 0;

		await until(async () => {
			await send(sender, queue, sent, sent);
			sent++;
			return readers.every((r) => r.frames.length > 0);
		}, 'something for everyone');
		await send(sender, queue, sent, sent + 299);
		sent += 300;
		await until(
			() => readers.reduce((n, r) => n + bodies(r).length, 0) >= sent,
			'all messages',
		);
		const all = readers.flatMap(bodies).map(Number);

		assert.deepEqual(
			all.toSorted((a, b) => a - b),
			Array.from({ length: sent }, (_, i) => i),
		);
		for (const reader of readers) {
			const own = bodies(reader).map(Number);

			assert.ok(own.length >= 90, `only ${own.length} of ${sent}`);
			assert.deepEqual(own, own.toSorted((a, b) => a - b));
		}
	});

	it('carries headers and bytes', async () => {
		const sender = await from.connect();
		const reader = await to.connect();
		const queue = name();

		sender.binary(
			Buffer.concat([
				Buffer.from(
					`SEND\ndestination:${queue}\nfoo:b\\car\nredelivered:true\n` +
						'content-type:application/x\ncontent-length:3\nreceipt:r\n\n',
				),
				Buffer.from([0, 255, 10, 0]),
			]),
		);
		await sender.receipt('r');
		await sender.ask('SEND', { destination: queue }, '{"a":1}');
		await reader.subscribe(queue);
		const [bytes, json] = [await reader.message(), await reader.message()];

		assert.deepEqual([...bytes.bytes], [0, 255, 10]);
		assert.equal(bytes.headers.foo, 'b:ar');
		assert.equal(bytes.headers['content-type'], 'application/x');
		assert.equal(bytes.headers.redelivered, undefined);
		assert.equal(json.headers['content-type'], 'application/json');
		assert.notEqual(json.headers['message-id'], bytes.headers['message-id']);
	});

	it('NACK gives a message back to its place, marked', async () => {
		const sender = await from.connect();
		const reader = await to.connect();
		const queue = name();

		await reader.subscribe(queue, '0', { ack: 'client-individual' });
		await send(sender, queue, 1, 3);
		const [one, two, three] = await expect(reader, 1, 3);

		await ack(reader, one);
		await nack(reader, three);
		const again = await reader.message();

		assert.equal(again.body, '3');
		assert.equal(again.headers.redelivered, 'true');
		assert.equal(again.headers['message-id'], three.headers['message-id']);
		await nack(reader, two);
		const [second] = await expect(reader, 2);

		await ack(reader, second);
		await ack(reader, again);
		await assertQuiet(reader);
	});

	it('ack:client settles all before it', async () => {
		const sender = await from.connect();
		const reader = await to.connect();
		const next = await to.connect();
		const queue = name();

		await reader.subscribe(queue, '0', { ack: 'client' });
		await send(sender, queue, 1, 10);
		const taken = await expect(reader, 1, 10);

		await ack(reader, taken[6]);
		await reader.ask('UNSUBSCRIBE', { id: '0' });
		await next.subscribe(queue);
		for (const message of await expect(next, 8, 10))
			assert.equal(message.headers.redelivered, 'true');
		/* It has been given back, and may still be named. */
		await ack(reader, taken[8]);
		await assertQuiet(next);
	});

	for (const [how, leave] of [
		['goes without a word', (client) => client.drop()],
		['says DISCONNECT', (client) => client.ask('DISCONNECT')],
		['is refused a frame', (client) => client.send('COMMIT', { transaction: 'none' })],
		[
			'is refused a frame and does not listen',
			(client) => {
				client.pause();
				client.send('COMMIT', { transaction: 'none' });
			},
		],
	])
		it(`a consumer that ${how} leaves its messages to others, in order`, async () => {
			const sender = await from.connect();
			const reader = await to.connect();
			const next = await from.connect();
			const queue = name();

			await reader.subscribe(queue, '0', { ack: 'client-individual' });
			await send(sender, queue, 1, 5);
			const [, two] = await expect(reader, 1, 5);

			await ack(reader, two);
			await leave(reader);
			await next.subscribe(queue, '0', { ack: 'client-individual' });
			for (const body of ['1', '3', '4', '5']) {
				/* Well before limits.linger. */
				const message = await next.message(3000);

				assert.equal(message.body, body);
				assert.equal(message.headers.redelivered, 'true');
				await ack(next, message);
			}
			await assertQuiet(next);
			reader.drop();
		});

	it('COMMIT hands over SENDs and ACKs together, ABORT none', async () => {
		const sender = await from.connect();
		const reader = await to.connect();
		const next = await to.connect();
		const queue = name();
		const other = name();

		await reader.subscribe(queue, '0', { ack: 'client-individual' });
		await send(sender, queue, 1, 2);
		const [one, two] = await expect(reader, 1, 2);

		await reader.ask('BEGIN', { transaction: 'no' });
		await reader.ask('SEND', { destination: other, transaction: 'no' }, 'no');
		await reader.ask('ACK', { id: two.headers.ack, transaction: 'no' });
		await reader.ask('ABORT', { transaction: 'no' });
		await reader.ask('BEGIN', { transaction: 'yes' });
		await reader.ask('ACK', { id: one.headers.ack, transaction: 'yes' });
		await send(reader, other, 1, 3, { transaction: 'yes' });
		await next.subscribe(other, 'other');
		await assertQuiet(next);
		await reader.ask('COMMIT', { transaction: 'yes' });
		await expect(next, 1, 3);
		reader.drop();
		await next.subscribe(queue, 'queue');
		await expect(next, 2);
		await assertQuiet(next);
	});

	it('a client without ACK that does not read does not swallow the queue', async () => {
		const sender = await from.connect();
		const lazy = await to.connect();
		const reader = await to.connect();
		const queue = name();
		const body = 'x'.repeat(50_000);

		await lazy.subscribe(queue);
		await sender.ask('SEND', { destination: queue }, 'first');
		await lazy.message();
		lazy.pause();
		for (let i = 0; i < 100; i++)
			await sender.ask('SEND', { destination: queue }, body);
		await reader.subscribe(queue);
		await until(() => bodies(reader).length >= 40, 'most of it');
		lazy.drop();
	});

	it('receipts keep the order of their frames', async () => {
		const queue = name();

		/* Whoever owns it, it is somebody else's for one of the two. */
		await send(await to.connect(), queue, 0);
		for (const node of [from, to]) {
			const client = await node.connect();

			for (let i = 0; i < 40; i++)
				client.send('SEND', {
					destination: i % 2 ? '/pub/x' : queue,
					receipt: `o${i}`,
				});
			for (let i = 0; i < 40; i++)
				assert.equal((await client.next('RECEIPT')).headers['receipt-id'], `o${i}`);
		}
	});

	it('a name with the characters of a pattern is refused', async () => {
		for (const [command, headers] of [
			['SUBSCRIBE', { id: '0' }],
			['SEND', {}],
		])
			for (const destination of ['/queue/*', '/queue/a/**', '/queue/{x}']) {
				const client = await from.connect();

				client.send(command, { destination, receipt: 'r', ...headers });
				await client.refused(/not a queue/i, { receipt: 'r' });
			}
		const client = await from.connect();

		client.send('SEND', { destination: `/queue/${'x'.repeat(300)}`, receipt: 'r' });
		await client.refused(/too long/i, { receipt: 'r' });
	});

	it('a pattern reaches no queue', async () => {
		const client = await to.connect();
		const sender = await from.connect();

		await client.subscribe('/sub/**', 'pattern');
		await send(sender, name(), 1);
		await assertQuiet(client);
	});
}
