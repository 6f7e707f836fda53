/* The compat options, each alone: what it passes over, and that it passes over nothing else. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';

const options = {
	destination: '--compat-ignore-unknown-destination',
	unsubscribe: '--compat-ignore-unknown-unsubscribe',
	duplicate: '--compat-ignore-duplicate-subscription',
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
	['SEND to a broker prefix', 'nothing', 'SEND', { destination: '/sub/a' }],
	['MESSAGE', 'nothing', 'MESSAGE', { destination: '/sub/a' }],
];

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
				if (command === 'UNSUBSCRIBE') await client.receipt('r');
				await assertUntouched(client);
				assert.ok(!client.frames.some((f) => f.headers['receipt-id'] === 'r'));
				assert.equal((await broker.counters()).frames_ignored, counted + 1);
			});
		}
	});
}
