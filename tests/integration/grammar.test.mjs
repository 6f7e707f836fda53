/* Rows G1 to G18: what a frame is. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Room } from './lib/room.mjs';
import { frame } from './lib/stomp.mjs';

describe('frame grammar', () => {
	let broker;

	before(async () => {
		broker = await Broker.start();
	});
	after(() => broker?.stop());

	/* A connected client sends this and is refused. */
	async function assertRefused(bytes, about, expected) {
		const client = await broker.connect();

		client.text(bytes);
		return client.refused(about, expected);
	}

	it('G1 a frame is command, headers, blank line, body, NUL', async () => {
		const room = await Room.open(broker);
		const message = await room.pass(
			{ 'content-type': 'text/plain', 'x-one': '1' },
			'hi\nthere',
		);

		assert.equal(message.headers.destination, room.from);
		assert.equal(message.headers['x-one'], '1');
		assert.equal(message.body, 'hi\nthere');
	});

	for (const version of ['1.0', '1.1', '1.2']) {
		it(`G2 CR LF ends lines in ${version}, and only LF is sent`, async () => {
			const room = await Room.open(broker, { receiver: version });
			const client = await broker.open();

			client.version = version;
			client.text(`CONNECT\r\naccept-version:${version}\r\nhost:x\r\n\r\n\0\r\n`);
			assert.ok(!(await client.next('CONNECTED')).raw.includes('\r'));
			client.text(`SEND\r\ndestination:${room.to}\r\nx-a:b\r\n\r\nhi\0\r\n`);
			const message = await room.receiver.next('MESSAGE');

			assert.ok(!message.raw.includes('\r'));
			assert.equal(message.headers['x-a'], 'b');
			assert.equal(message.body, 'hi');
		});
	}

	it('G3 commands are case-sensitive', async () => {
		await assertRefused(frame('send', { destination: '/pub/x' }), /unknown command/i);
	});

	it('G4 header names are case-sensitive', async () => {
		await assertRefused(frame('SEND', { Destination: '/pub/x' }), /destination/);
	});

	it('G5 line ends before, between and behind frames are passed over', async () => {
		const room = await Room.open(broker);
		const send = frame('SEND', { destination: room.to }, 'a');

		room.sender.text(`\n\r\n\n${send}\n\n\r\n${send}\n`);
		room.sender.text('\r');
		room.sender.text(`\n${send}`);
		for (let i = 0; i < 3; i++)
			assert.equal((await room.receiver.next('MESSAGE')).body, 'a');
	});

	it('G6 a header line without a colon is malformed', async () => {
		await assertRefused('SEND\ndestination:/pub/x\nnocolon\n\nhi\0', /header/);
	});

	it('G7 a header without a name is malformed', async () => {
		await assertRefused('SEND\ndestination:/pub/x\n:value\n\nhi\0', /header/);
	});

	it('G8 a header value may be empty', async () => {
		const room = await Room.open(broker);

		assert.equal((await room.pass({ 'x-empty': '' })).headers['x-empty'], '');
	});

	it('G9 a colon in a value is accepted, and escaped when it is sent', async () => {
		const room = await Room.open(broker);
		const message = await room.pass({ 'x-url': 'http://a:80/' });

		assert.equal(message.headers['x-url'], 'http://a:80/');
		assert.ok(message.raw.includes('\nx-url:http\\c//a\\c80/\n'));
	});

	it('G10 a bare CR in a header is malformed in 1.2', async () => {
		await assertRefused(
			'SEND\ndestination:/pub/x\nx-a:b\rc\n\nhi\0',
			/carriage return/i,
		);
	});

	it('G11a frame split at any octet arrives whole', async () => {
		const room = await Room.open(broker);
		const bytes = Buffer.from(
			`\n${frame('SEND', { destination: room.to, 'x-k': '키' }, '한글 😀')}`,
		);

		for (let at = 1; at < bytes.length; at++) {
			room.sender.binary(bytes.subarray(0, at));
			room.sender.binary(bytes.subarray(at));
		}
		for (const byte of bytes) room.sender.binary([byte]);
		for (let i = 0; i < bytes.length; i++) {
			const message = await room.receiver.next('MESSAGE');

			assert.equal(message.headers['x-k'], '키');
			assert.equal(message.body, '한글 😀');
		}
	});

	it('G11b several frames in one message are all processed, in order', async () => {
		const room = await Room.open(broker);
		let bytes = '';

		for (let i = 0; i < 20; i++)
			bytes += frame('SEND', { destination: room.to }, `m${i}`);
		room.sender.text(bytes);
		for (let i = 0; i < 20; i++)
			assert.equal((await room.receiver.next('MESSAGE')).body, `m${i}`);
	});

	it('G12 line ends are no error in any state, before CONNECT included', async () => {
		const client = await broker.open();

		client.text('\n');
		client.text('\r\n\n');
		await client.connect();
		client.text('\n\n\n');
		await client.subscribe('/sub/g12');
		client.send('DISCONNECT', { receipt: 'bye' });
		client.text('\n');
		await client.receipt('bye');
		assert.equal((await client.untilClosed()).code, 1000);
	});

	it('G13 stray NULs between frames are passed over', async () => {
		const room = await Room.open(broker);
		const send = frame('SEND', { destination: room.to }, 'a');

		room.sender.text(`\0\n\0${send}\0\0${send}\n\0`);
		for (let i = 0; i < 2; i++)
			assert.equal((await room.receiver.next('MESSAGE')).body, 'a');
	});

	it('G14 a command is refused before it grows long', async () => {
		await assertRefused('X'.repeat(200), /command/);
	});

	it('G15 an unknown command is refused', async () => {
		await assertRefused(frame('HELLO', { receipt: 'r' }), /unknown command/i);
	});

	for (const command of ['CONNECTED', 'MESSAGE', 'RECEIPT', 'ERROR']) {
		it(`G16 ${command} from a client is refused and reaches nobody`, async () => {
			const room = await Room.open(broker);
			const headers = {
				subscription: '0',
				'message-id': '1',
				destination: room.from,
				'receipt-id': '1',
				message: 'x',
				version: '1.2',
			};

			room.sender.send(
				command,
				headers,
				command === 'MESSAGE' || command === 'ERROR' ? 'forged' : '',
			);
			await room.sender.refused(/not supported/i);
			await room.assertQuiet();
		});
	}

	it('G17 the octet behind content-length octets must be NUL', async () => {
		await assertRefused('SEND\ndestination:/pub/x\ncontent-length:2\n\nabc\0', /NUL/);
	});

	it('G18 a frame that is cut off by the end of the connection is dropped', async () => {
		const room = await Room.open(broker);

		room.sender.text(frame('SEND', { destination: room.to }, 'cut').slice(0, -1));
		room.sender.ws.close();
		await room.sender.untilClosed();
		await room.assertQuiet();
	});
});
