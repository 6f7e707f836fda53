/* Rows C1 to C16: CONNECT, STOMP and the choice of a version. (C7: access.test.mjs, C11: limits.) */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Room } from './lib/room.mjs';
import { frame } from './lib/stomp.mjs';

describe('connecting', () => {
	let broker;

	before(async () => {
		broker = await Broker.start();
	});
	after(() => broker?.stop());

	async function connected(headers, command = 'CONNECT') {
		const client = await broker.open();

		client.send(command, headers);
		return client.next('CONNECTED');
	}

	it('C1 CONNECTED says the version', async () => {
		assert.equal((await connected({ 'accept-version': '1.2' })).headers.version, '1.2');
	});

	it('C2 STOMP does what CONNECT does', async () => {
		const { headers } = await connected(
			{ 'accept-version': '1.1,1.2', host: 'x' },
			'STOMP',
		);

		assert.equal(headers.version, '1.2');
	});

	it('C3 no accept-version makes a 1.0 session', async () => {
		assert.equal(
			(await connected({ login: 'a', passcode: 'b' })).headers.version,
			'1.0',
		);
	});

	for (const [offer, version] of [
		['1.0,1.1,1.2', '1.2'],
		['1.2,1.1,1.0', '1.2'],
		['1.1,1.0', '1.1'],
		['1.0', '1.0'],
		['3.0,1.1', '1.1'],
	]) {
		it(`C4 of ${offer} the highest common version is ${version}`, async () => {
			assert.equal(
				(await connected({ 'accept-version': offer })).headers.version,
				version,
			);
		});
	}

	it('C4s blanks in the list do not matter', async () => {
		assert.equal(
			(await connected({ 'accept-version': '1.0, 1.1 , 1.2' })).headers.version,
			'1.2',
		);
	});

	for (const offer of ['2.0', '1.3,9', 'x']) {
		it(`C5 X4 without a common version (${offer}) ERROR says which there are`, async () => {
			const client = await broker.open();

			client.send('CONNECT', { 'accept-version': offer, host: 'x' });
			const error = await client.refused(/version/i);

			assert.equal(error.headers.version, '1.0,1.1,1.2');
		});
	}

	it('C6 host may be missing or unknown', async () => {
		await connected({ 'accept-version': '1.2' });
		await connected({ 'accept-version': '1.2', host: 'no.such.host.example' });
	});

	it('C8 CONNECTED offers heart-beats', async () => {
		assert.equal(
			(await connected({ 'accept-version': '1.2' })).headers['heart-beat'],
			'10000,10000',
		);
	});

	for (const command of [
		'SEND',
		'SUBSCRIBE',
		'UNSUBSCRIBE',
		'DISCONNECT',
		'ACK',
		'NACK',
		'BEGIN',
		'COMMIT',
		'ABORT',
		'MESSAGE',
		'CONNECTED',
	]) {
		it(`C9 ${command} before CONNECT is refused`, async () => {
			const client = await broker.open();

			client.send(command, { destination: '/pub/x', id: '1' });
			await client.refused(/./);
		});
	}

	it('C9 nothing that comes before or after a refused first frame is processed', async () => {
		const room = await Room.open(broker);
		const client = await broker.open();

		client.text(
			frame('SEND', { destination: room.to }, 'early') +
				frame('CONNECT', { 'accept-version': '1.2' }) +
				frame('SEND', { destination: room.to }, 'late'),
		);
		await client.refused(/not connected/i);
		await room.assertQuiet();
	});

	it('C10 a second CONNECT is refused', async () => {
		const client = await broker.connect();

		client.send('CONNECT', { 'accept-version': '1.2' });
		await client.refused(/already connected/i);
	});

	it('C12 a receipt on CONNECT is not honoured', async () => {
		const client = await broker.open();

		await client.connect('1.2', { receipt: 'no' });
		await client.ask('SUBSCRIBE', { id: '0', destination: '/sub/c12' });
		assert.deepEqual(client.frames, []);
		const other = await broker.open();

		other.send('CONNECT', { 'accept-version': '9', receipt: 'no' });
		await other.refused(/version/i);
	});

	it('C13 connecting and disconnecting in quick succession works', async () => {
		for (let i = 0; i < 50; i++) {
			const client = await broker.connect();

			/* As webstomp-client and stompjs 2 do; the receipt is still let out. */
			client.send('DISCONNECT', { receipt: 'bye' });
			client.ws.close();
			await client.receipt('bye');
			assert.notEqual((await client.untilClosed()).code, 1006);
		}
		for (let i = 0; i < 50; i++) (await broker.open()).drop();
		await broker.connect();
	});

	it('C14 unknown headers are passed over', async () => {
		await connected({
			'accept-version': '1.2',
			Authorization: 'Bearer x',
			'client-id': 'x',
			'X-y': 'z',
		});
	});

	for (const value of [
		'abc,def',
		'1000',
		'1000,',
		',1000',
		'-1,0',
		'1,2,3',
		'1.5,2',
		' 1,2',
		'',
	]) {
		it(`C15 heart-beat ${JSON.stringify(value)} is refused`, async () => {
			const client = await broker.open();

			client.send('CONNECT', { 'accept-version': '1.2', 'heart-beat': value });
			await client.refused(/heart-beat/);
		});
	}

	it('C16 accept-version counts, not the subprotocol', async () => {
		const client = await broker.open({ protocols: ['v10.stomp'] });

		assert.equal(client.ws.protocol, 'v10.stomp');
		await client.connect('1.2');
	});
});
