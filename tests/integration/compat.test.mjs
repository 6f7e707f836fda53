/* The compat options, each alone: what it passes over, and that it passes over nothing else. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';

const options = {
	destination: '--compat-ignore-unknown-destination',
	unsubscribe: '--compat-ignore-unknown-unsubscribe',
	duplicate: '--compat-ignore-duplicate-subscription',
	ack: '--compat-ignore-ack',
	transactions: '--compat-ignore-transactions',
	heartbeat: '--compat-ignore-odd-heartbeat',
};

/* Sent by a client that has a subscription with the id "0". */
const frames = [
	['SEND without a destination', 'destination', 'SEND', {}],
	['SEND under no prefix', 'destination', 'SEND', { destination: '/foo/a' }],
	['SUBSCRIBE without a destination', 'destination', 'SUBSCRIBE', { id: '1' }],
	['SUBSCRIBE without an id', 'destination', 'SUBSCRIBE', { destination: '/sub/a' }],
	[
		'SUBSCRIBE under no prefix',
		'destination',
		'SUBSCRIBE',
		{ id: '1', destination: '/foo/a' },
	],
	['UNSUBSCRIBE without an id', 'unsubscribe', 'UNSUBSCRIBE', {}],
	['UNSUBSCRIBE with a destination as id', 'unsubscribe', 'UNSUBSCRIBE', { id: '/topic/1' }],
	[
		'SUBSCRIBE with an id in use',
		'duplicate',
		'SUBSCRIBE',
		{ id: '0', destination: '/sub/compat-b' },
	],
	['ACK of nothing', 'ack', 'ACK', { id: '1' }],
	['ACK without an id', 'ack', 'ACK', {}],
	['NACK of nothing', 'ack', 'NACK', { id: '1' }],
	['BEGIN without a name', 'transactions', 'BEGIN', {}],
	['COMMIT of nothing', 'transactions', 'COMMIT', { transaction: 't' }],
	['ABORT of nothing', 'transactions', 'ABORT', { transaction: 't' }],
	['SEND to a broker prefix', 'nothing', 'SEND', { destination: '/sub/a' }],
	['MESSAGE', 'nothing', 'MESSAGE', { destination: '/sub/a' }],
];

/* What these ask for holds already. */
const receipted = ['UNSUBSCRIBE', 'ACK', 'NACK', 'BEGIN', 'COMMIT'];

/* The client has its one subscription still, and no other. */
async function assertUntouched(client) {
	await client.ask('SEND', { destination: '/pub/compat-b' }, 'unheard');
	await client.ask('SEND', { destination: '/pub/compat-a' }, 'heard');
	const message = await client.next('MESSAGE');

	assert.equal(message.body, 'heard');
	assert.equal(message.headers.subscription, '0');
}

for (const [option, flag] of Object.entries(options)) {
	describe(flag, () => {
		let broker;

		before(async () => {
			broker = await Broker.start([flag]);
		});
		after(() => broker?.stop());

		for (const [name, passedOverBy, command, headers] of frames) {
			const ignored = passedOverBy === option;

			it(`${name}: ${ignored ? 'passed over' : 'ERROR'}`, async () => {
				const client = await broker.connect();
				const counted = (await broker.counters()).frames_ignored;

				await client.subscribe('/sub/compat-a');
				client.send(command, { ...headers, receipt: 'r' });
				if (!ignored) {
					await client.refused(/./, { receipt: 'r' });
					return;
				}
				if (receipted.includes(command)) await client.receipt('r');
				await assertUntouched(client);
				assert.ok(
					!client.frames.some((f) => f.headers['receipt-id'] === 'r'),
				);
				assert.equal((await broker.counters()).frames_ignored, counted + 1);
			});
		}
	});
}

/* A node with these flags, for one test. */
function withBroker(flags, run) {
	return async () => {
		const broker = await Broker.start(flags);

		try {
			await run(broker, await broker.connect());
		} finally {
			await broker.stop();
		}
	};
}

describe('compat.ignore_ack', () => {
	const few = ['--limits-unacked=3', '--limits-queue-age=500ms'];
	const messages = 10;

	async function hear(client, ack) {
		await client.subscribe('/sub/ack', '0', { ack });
		for (let i = 0; i < messages; i++)
			await client.ask('SEND', { destination: '/pub/ack' }, String(i));
	}

	it(
		'without it, who never acknowledges is closed with 4500',
		withBroker(few, async (broker, client) => {
			await hear(client, 'client');
			assert.equal((await client.untilClosed()).code, 4500);
		}),
	);

	for (const ack of ['client', 'client-individual', 'unheard of'])
		it(
			`with it, ack:${ack} brings every message, and none that wants an ACK`,
			withBroker([options.ack, ...few], async (broker, client) => {
				await hear(client, ack);
				for (let i = 0; i < messages; i++) {
					const message = await client.message();

					assert.equal(message.body, String(i));
					assert.equal(message.headers.ack, undefined);
					await client.ask('ACK', {
						id: message.headers['message-id'],
					});
				}
			}),
		);
});

describe('compat.ignore_ack and queues', () => {
	for (const [flags, expected] of [
		[[], 'given back'],
		[[options.ack], 'next'],
	])
		it(
			`${flags.length > 0 ? 'with' : 'without'} it, what a client leaves behind is ${expected}`,
			withBroker(['--queues-prefix=/queue', ...flags], async (broker, client) => {
				const other = await broker.connect();

				await client.subscribe('/queue/compat', '0', { ack: 'client' });
				await other.ask('SEND', { destination: '/queue/compat' }, 'given back');
				assert.equal((await client.message()).body, 'given back');
				await client.ask('DISCONNECT');
				await client.untilClosed();
				await other.ask('SEND', { destination: '/queue/compat' }, 'next');
				await other.subscribe('/queue/compat');
				assert.equal((await other.message()).body, expected);
			}),
		);
});

describe('compat.ignore_transactions', () => {
	it(
		'what names a transaction is sent at once, and ABORT takes nothing back',
		withBroker([options.transactions], async (broker, client) => {
			const send = (transaction, body) =>
				client.send('SEND', { destination: '/pub/t', transaction }, body);

			await client.subscribe('/sub/t');
			send('never begun', 'one');
			assert.equal((await client.message()).body, 'one');
			for (let i = 0; i < 20; i++)
				await client.ask('BEGIN', { transaction: 't' });
			send('t', 'two');
			assert.equal((await client.message()).body, 'two');
			client.send('ABORT', { transaction: 't', receipt: 'none' });
			send('t', 'three');
			await client.ask('COMMIT', { transaction: 't' });
			const last = await client.message();

			assert.equal(last.body, 'three');
			assert.equal(last.headers.transaction, undefined);
			assert.deepEqual(client.frames, [], 'ABORT has no receipt');
		}),
	);

	it(
		'an ACK in a transaction counts at once',
		withBroker([options.transactions, '--limits-unacked=1'], async (broker, client) => {
			await client.subscribe('/sub/t', '0', { ack: 'client' });
			for (const body of ['one', 'two'])
				client.send('SEND', { destination: '/pub/t' }, body);
			const { headers } = await client.message();

			await client.ask('ACK', { id: headers.ack, transaction: 'none' });
			assert.equal((await client.message()).body, 'two');
		}),
	);
});

describe('compat.ignore_odd_heartbeat', () => {
	for (const [value, isPassedOver] of [
		['100', true],
		['', true],
		['abc', true],
		['abc,def', false],
		['100,', false],
		['-1,0', false],
	])
		for (const flags of [[], [options.heartbeat]])
			it(
				`heart-beat:${value} ${flags.length > 0 ? 'with' : 'without'} it`,
				withBroker(flags, async (broker) => {
					const client = await broker.open();
					const headers = {
						'accept-version': '1.2',
						'heart-beat': value,
					};

					client.send('CONNECT', headers);
					if (isPassedOver && flags.length > 0)
						await client.next('CONNECTED');
					else await client.refused(/heart-beat/);
				}),
			);
});
