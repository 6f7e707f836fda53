/* Rows A1 to A11 and M4: messages that clients acknowledge. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client as StompJs } from '@stomp/stompjs';
import WebSocket from 'ws';

import { Broker } from './lib/broker.mjs';
import { promised, within } from './lib/wait.mjs';

const WINDOW = 4;
const MODES = ['client', 'client-individual'];

/* How a version names the message that is answered. */
const names = {
	1.2: (m) => ({ id: m.headers.ack }),
	1.1: (m) => ({
		'message-id': m.headers['message-id'],
		subscription: m.headers.subscription,
	}),
	'1.0': (m) => ({ 'message-id': m.headers['message-id'] }),
};

let rooms = 0;

/* One who acknowledges and one who sends; `ack` false: the subscription is left out. */
async function open(broker, { version = '1.2', ack = 'client-individual', id = '0' } = {}) {
	const path = `acks-${++rooms}`;
	const client = await broker.connect({ version });
	const sender = await broker.connect();

	await client.ask('SUBSCRIBE', { id, destination: `/sub/${path}`, ack });
	return {
		client,
		from: `/sub/${path}`,
		name: names[version],
		/* The messages first ... last, as numbers. */
		async send(first, last = first) {
			for (let i = first; i <= last; i++)
				await sender.ask('SEND', { destination: `/pub/${path}` }, `${i}`);
		},
		async take(first, last = first) {
			const taken = [];

			for (let i = first; i <= last; i++) {
				taken.push(await client.message());
				assert.equal(taken.at(-1).body, `${i}`);
			}
			return taken;
		},
		/* Nothing is on its way: an answer comes, and no message before it. */
		async assertQuiet() {
			await client.ask('BEGIN', { transaction: `quiet-${++rooms}` });
			assert.deepEqual(
				client.frames.map((f) => f.body),
				[],
			);
		},
	};
}

describe('ACK and NACK', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			`--limits-unacked=${WINDOW}`,
			'--limits-queue-age=1m',
			'--limits-transactions=1000',
		]);
	});
	after(() => broker?.stop());

	it('A1 ack:auto has no ack header and no window', async () => {
		const room = await open(broker, { ack: 'auto' });

		await room.send(1, 3 * WINDOW);
		for (const message of await room.take(1, 3 * WINDOW))
			assert.equal(message.headers.ack, undefined);
	});

	it('A1 a message of ack:auto cannot be acknowledged', async () => {
		const room = await open(broker, { ack: 'auto', version: '1.1' });

		await room.send(1);
		const [message] = await room.take(1);

		room.client.send('ACK', { ...room.name(message), receipt: 'r' });
		await room.client.refused(/unknown message/i, { receipt: 'r' });
	});

	for (const version of ['1.0', '1.1', '1.2'])
		it(`A2 client acknowledges all before it, in ${version}`, async () => {
			const room = await open(broker, { version, ack: 'client' });

			await room.send(1, 2 * WINDOW);
			const [, , third] = await room.take(1, WINDOW);

			await room.assertQuiet();
			await room.client.ask('ACK', room.name(third));
			await room.take(WINDOW + 1, WINDOW + 3);
			await room.assertQuiet();
		});

	it('A2 client acknowledges on its own subscription only', async () => {
		const room = await open(broker, { ack: 'client' });

		await room.client.subscribe(`${room.from}/other`, 'other', { ack: 'client' });
		await room.client.ask('SEND', {
			destination: `${room.from.replace('sub', 'pub')}/other`,
		});
		const other = await room.client.message();

		await room.send(1, WINDOW + 1);
		const taken = await room.take(1, WINDOW - 1);

		await room.client.ask('ACK', room.name(taken.at(-1)));
		await room.take(WINDOW, WINDOW + 1);
		await room.client.ask('ACK', room.name(other));
	});

	for (const version of ['1.1', '1.2'])
		it(`A3 client-individual never touches others, in ${version}`, async () => {
			const room = await open(broker, { version });

			await room.send(1, 2 * WINDOW);
			const [first, , third] = await room.take(1, WINDOW);

			await room.client.ask('ACK', room.name(third));
			await room.take(WINDOW + 1);
			await room.assertQuiet();
			await room.client.ask('ACK', room.name(first));
			await room.take(WINDOW + 2);
			await room.assertQuiet();
		});

	it('A3 client-individual is not known in 1.0', async () => {
		const client = await broker.connect({ version: '1.0' });

		client.send('SUBSCRIBE', { destination: '/sub/x', ack: 'client-individual' });
		await client.refused(/ack/);
	});

	for (const ack of MODES)
		it(`A4 M4 MESSAGE has an ack header of its own with ${ack} in 1.2`, async () => {
			const room = await open(broker, { ack });

			await room.client.subscribe(room.from, 'same', { ack });
			await room.send(1);
			const ids = [await room.client.message(), await room.client.message()].map(
				(m) => m.headers.ack,
			);

			assert.ok(ids[0] && ids[1]);
			assert.notEqual(ids[0], ids[1]);
		});

	it('A4 MESSAGE has no ack header before 1.2', async () => {
		for (const version of ['1.0', '1.1']) {
			const room = await open(broker, { version, ack: 'client' });

			await room.send(1);
			assert.equal((await room.take(1))[0].headers.ack, undefined);
		}
	});

	for (const command of ['ACK', 'NACK'])
		for (const [version, headers, about] of [
			['1.2', { 'message-id': '1', subscription: '0' }, /\bid\b/],
			['1.1', { id: '1', subscription: '0' }, /message-id/],
			['1.1', { id: '1', 'message-id': '1' }, /subscription/],
		])
			it(`A5 ${command} in ${version} needs ${about.source}`, async () => {
				const client = await broker.connect({ version });

				client.send(command, { ...headers, receipt: 'r' });
				await client.refused(about, { receipt: 'r' });
			});

	it('A5 ACK in 1.0 needs a message-id', async () => {
		const client = await broker.connect({ version: '1.0' });

		client.send('ACK', { id: '1', receipt: 'r' });
		await client.refused(/message-id/, { receipt: 'r' });
	});

	for (const command of ['ACK', 'NACK'])
		it(`A5u ${command} of an unknown id is refused`, async () => {
			for (const id of ['', '0', '2', '01', '-1', 'x']) {
				const room = await open(broker);

				await room.send(1);
				const [message] = await room.take(1);

				assert.equal(message.headers.ack, '1');
				room.client.send(command, { id, receipt: 'r' });
				await room.client.refused(/unknown message/i, { receipt: 'r' });
			}
		});

	it('A5u a second ACK is refused', async () => {
		const room = await open(broker);

		await room.send(1);
		const [message] = await room.take(1);

		await room.client.ask('ACK', room.name(message));
		room.client.send('ACK', { ...room.name(message), receipt: 'again' });
		await room.client.refused(/unknown message/i, { receipt: 'again' });
	});

	it('A5u a message that has not been sent yet cannot be acknowledged', async () => {
		const room = await open(broker);

		await room.send(1, WINDOW + 1);
		await room.take(1, WINDOW);
		room.client.send('ACK', { id: `${WINDOW + 1}`, receipt: 'r' });
		await room.client.refused(/unknown message/i, { receipt: 'r' });
	});

	it('A6 in 1.1 the subscription must be the one of the message', async () => {
		const room = await open(broker, { version: '1.1' });

		await room.client.subscribe(`${room.from}/other`, 'other', { ack: 'client' });
		await room.send(1);
		const [message] = await room.take(1);

		room.client.send('ACK', {
			...room.name(message),
			subscription: 'other',
			receipt: 'r',
		});
		await room.client.refused(/unknown message/i, { receipt: 'r' });
	});

	it('A7 in 1.0 message-id is enough, with and without a subscription id', async () => {
		const client = await broker.connect({ version: '1.0' });

		await client.ask('SUBSCRIBE', { destination: '/sub/a7', ack: 'client' });
		await client.ask('SUBSCRIBE', { destination: '/sub/a7', ack: 'client', id: 'b' });
		await client.ask('SEND', { destination: '/pub/a7' }, 'x');
		const one = await client.message();
		const two = await client.message();

		assert.equal(one.headers['message-id'], two.headers['message-id']);
		await client.ask('ACK', { 'message-id': one.headers['message-id'] });
		await client.ask('ACK', { 'message-id': one.headers['message-id'] });
		client.send('ACK', { 'message-id': one.headers['message-id'], receipt: 'r' });
		await client.refused(/unknown message/i, { receipt: 'r' });
	});

	it('A8 1.0 has no NACK', async () => {
		const room = await open(broker, { version: '1.0', ack: 'client' });

		await room.send(1);
		const [message] = await room.take(1);

		room.client.send('NACK', { ...room.name(message), receipt: 'r' });
		await room.client.refused(/not supported/i, { receipt: 'r' });
	});

	it('A9 NACK on a topic is counted, makes room, and brings nothing back', async () => {
		const before = await broker.counters();
		const room = await open(broker);

		await room.send(1, WINDOW + 1);
		const [first] = await room.take(1, WINDOW);

		await room.client.ask('NACK', room.name(first));
		await room.take(WINDOW + 1);
		await room.assertQuiet();
		const now = await broker.counters();

		assert.equal(now.messages_nacked - before.messages_nacked, 1);
		assert.equal(now.messages_acked, before.messages_acked);
	});

	it('A10 ACK in a transaction counts at COMMIT', async () => {
		const room = await open(broker, { ack: 'client' });

		await room.send(1, WINDOW + 1);
		const taken = await room.take(1, WINDOW);

		await room.client.ask('BEGIN', { transaction: 't' });
		await room.client.ask('ACK', { ...room.name(taken[0]), transaction: 't' });
		await room.assertQuiet();
		await room.client.ask('COMMIT', { transaction: 't' });
		await room.take(WINDOW + 1);
	});

	it('A10 ACK in a transaction that is aborted has not been', async () => {
		const room = await open(broker);

		await room.send(1, WINDOW + 1);
		const [first] = await room.take(1, WINDOW);

		await room.client.ask('BEGIN', { transaction: 't' });
		await room.client.ask('NACK', { ...room.name(first), transaction: 't' });
		await room.client.ask('ABORT', { transaction: 't' });
		await room.assertQuiet();
		await room.client.ask('ACK', room.name(first));
		await room.take(WINDOW + 1);
	});

	it('A10 an unknown id is refused in a transaction as well', async () => {
		const room = await open(broker);

		await room.client.ask('BEGIN', { transaction: 't' });
		room.client.send('ACK', { id: '1', transaction: 't', receipt: 'r' });
		await room.client.refused(/unknown message/i, { receipt: 'r' });
	});

	it('A10 what was answered before the COMMIT stays answered', async () => {
		const before = await broker.counters();
		const room = await open(broker);

		await room.send(1);
		const [message] = await room.take(1);

		await room.client.ask('BEGIN', { transaction: 't' });
		await room.client.ask('NACK', { ...room.name(message), transaction: 't' });
		await room.client.ask('ACK', room.name(message));
		await room.client.ask('COMMIT', { transaction: 't' });
		const now = await broker.counters();

		assert.equal(now.messages_nacked, before.messages_nacked);
		assert.equal(now.messages_acked - before.messages_acked, 1);
	});

	it("A11 nobody can answer another connection's message", async () => {
		const room = await open(broker, { version: '1.1' });
		const thief = await open(broker, { version: '1.1' });

		await room.send(1);
		const [message] = await room.take(1);

		thief.client.send('ACK', { ...room.name(message), receipt: 'r' });
		await thief.client.refused(/unknown message/i, { receipt: 'r' });
		await room.client.ask('ACK', room.name(message));
	});

	it('the window is for all subscriptions; ack:auto passes it', async () => {
		const room = await open(broker);

		await room.client.subscribe(`${room.from}/auto`, 'auto');
		await room.send(1, WINDOW + 1);
		await room.take(1, WINDOW);
		await room.client.ask(
			'SEND',
			{ destination: `${room.from.replace('sub', 'pub')}/auto` },
			'passes',
		);
		assert.equal((await room.client.message()).body, 'passes');
		await room.assertQuiet();
	});

	it('N3 UNSUBSCRIBE drops what waits, and what was sent may still be answered', async () => {
		const room = await open(broker, { id: 'goes' });

		await room.client.subscribe(`${room.from}/stays`, 'stays', { ack: 'client' });
		await room.send(1, WINDOW + 2);
		const taken = await room.take(1, WINDOW);

		await room.client.ask(
			'SEND',
			{ destination: `${room.from.replace('sub', 'pub')}/stays` },
			'waited',
		);
		await room.client.ask('UNSUBSCRIBE', { id: 'goes' });
		assert.equal((await room.client.message()).body, 'waited');
		await room.client.ask('ACK', room.name(taken.at(-1)));
		await room.assertQuiet();
	});

	it('@stomp/stompjs: ack() and nack()', async () => {
		const before = await broker.counters();
		const sender = await broker.connect();
		const subscribed = promised();
		const done = promised();
		const count = 5 * WINDOW;
		const bodies = [];
		const client = new StompJs({
			webSocketFactory: () => new WebSocket(broker.url),
			reconnectDelay: 0,
			onStompError: (frame) => done.reject(new Error(frame.headers.message)),
			onWebSocketError: (event) => done.reject(event.error),
		});

		client.onConnect = () => {
			client.watchForReceipt('live', subscribed.resolve);
			client.subscribe(
				'/sub/stompjs-acks',
				(message) => {
					bodies.push(Number(message.body));
					if (bodies.length % 2) message.ack({ receipt: 'a' });
					else message.nack();
					if (bodies.length === count) done.resolve();
				},
				{ ack: 'client-individual', receipt: 'live' },
			);
		};
		client.activate();
		await within(Promise.race([subscribed.promise, done.promise]), 'a subscription');
		for (let i = 0; i < count; i++)
			sender.send('SEND', { destination: '/pub/stompjs-acks' }, `${i}`);
		await within(done.promise, 'all messages');
		await client.deactivate();
		assert.deepEqual(
			bodies,
			Array.from({ length: count }, (_, i) => i),
		);
		const now = await broker.counters();

		assert.equal(now.messages_acked - before.messages_acked, count / 2);
		assert.equal(now.messages_nacked - before.messages_nacked, count / 2);
	});
});

describe('a client that does not acknowledge', () => {
	it('is closed as a slow one, and costs the others nothing', async () => {
		const broker = await Broker.start([
			'--limits-unacked=2',
			'--limits-queue-age=500ms',
		]);

		try {
			const room = await open(broker, { ack: 'client' });
			const other = await broker.connect();

			await other.subscribe(room.from);
			await room.send(1, 2);
			await room.take(1, 2);
			await room.send(3);
			assert.equal((await room.client.untilClosed()).code, 4500);
			for (let i = 1; i <= 3; i++)
				assert.equal((await other.message()).body, `${i}`);
			const [event] = broker.events('session.slow');

			assert.equal(event.held_for_acks, '1');
			await broker.stop();
		} finally {
			await broker.kill();
		}
	});
});
