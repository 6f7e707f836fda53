/* Rows E1 to E13: how values are escaped, by the negotiated version. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Room } from './lib/room.mjs';
import { frame } from './lib/stomp.mjs';

describe('value encoding', () => {
	let broker;

	before(async () => {
		broker = await Broker.start();
	});
	after(() => broker?.stop());

	async function assertRefused(version, header) {
		const client = await broker.connect({ version });

		client.text(`SEND\ndestination:/pub/x\n${header}\n\nhi\0`);
		await client.refused(/escape/i);
	}

	it('E1 1.2 escapes CR, LF, colon and backslash', async () => {
		const room = await Room.open(broker);
		const message = await room.pass({ 'x-w': '\\r\\n\\c\\\\' });

		assert.equal(message.headers['x-w'], '\r\n:\\');
		assert.ok(message.raw.includes('\nx-w:\\r\\n\\c\\\\\n'));
	});

	it('E2 1.1 escapes LF, colon and backslash', async () => {
		const room = await Room.open(broker, { sender: '1.1', receiver: '1.1' });

		assert.equal((await room.pass({ 'x-w': '\\n\\c\\\\' })).headers['x-w'], '\n:\\');
	});

	it('E2 an escaped CR is fatal in 1.1', () => assertRefused('1.1', 'x-w:a\\rb'));

	it('E3 1.0 knows no escapes, in either direction', async () => {
		const room = await Room.open(broker, { sender: '1.0', receiver: '1.0' });
		const newer = await broker.connect();

		await newer.subscribe(room.from);
		const message = await room.pass({ 'x-path': 'C:\\temp\\new\\' });

		assert.ok(message.raw.includes('\nx-path:C:\\temp\\new\\\n'));
		assert.equal((await newer.next('MESSAGE')).headers['x-path'], 'C:\\temp\\new\\');
	});

	for (const version of ['1.1', '1.2']) {
		it(`E4 an undefined escape is fatal in ${version}`, () =>
			assertRefused(version, 'x-w:a\\tb'));
		it(`E5 a dangling backslash is fatal in ${version}`, async () => {
			await assertRefused(version, 'x-w:a\\');
			await assertRefused(version, 'x-w\\:a');
		});
	}

	it('E6 what a version cannot express never reaches a client of it', async () => {
		const room = await Room.open(broker, { receiver: '1.0' });
		const middle = await broker.connect({ version: '1.1' });
		const headers = {
			'x-lf': 'a\\nforged:yes',
			'x-cr': 'a\\rb',
			'x\\cy': 'z',
			'x-good': '1',
		};

		await middle.subscribe(room.from);
		const old = await room.pass(headers);
		const newer = await middle.next('MESSAGE');

		assert.equal(old.headers.forged, undefined);
		assert.equal(old.headers['x-good'], '1');
		assert.ok(!old.raw.includes('\r'));
		assert.equal(newer.headers.forged, undefined);
		assert.equal(newer.headers['x-lf'], 'a\nforged:yes');
		assert.equal(newer.headers['x:y'], 'z');
		assert.equal(newer.headers['x-good'], '1');
		assert.ok(!newer.raw.includes('\r') && !newer.raw.includes('\\r'));
	});

	for (const version of ['1.0', '1.1', '1.2']) {
		it(`E7 CONNECT is not unescaped in ${version}`, async () => {
			const client = await broker.open();

			await client.connect(version, { passcode: 'a:b\\t\\', login: 'x\\' });
			await client.subscribe('/sub/e7');
		});
	}

	for (const version of ['1.1', '1.2']) {
		it(`E8 ${version} never trims or pads`, async () => {
			const room = await Room.open(broker, {
				sender: version,
				receiver: version,
			});
			const message = await room.pass([
				['x-pad', '  v '],
				[' x-name ', 'w'],
			]);

			assert.equal(message.headers['x-pad'], '  v ');
			assert.equal(message.headers[' x-name '], 'w');
		});
	}

	it('E9 names are escaped too', async () => {
		const room = await Room.open(broker);
		const message = await room.pass({ 'x\\c\\n\\\\': 'v' });

		assert.equal(message.headers['x:\n\\'], 'v');
		assert.ok(message.raw.includes('\nx\\c\\n\\\\:v\n'));
	});

	it('E10 UTF-8 in values round-trips', async () => {
		const room = await Room.open(broker);
		const value = 'é 한글 שלום 😀 \u{10ffff}';

		assert.equal((await room.pass({ 'x-u': value })).headers['x-u'], value);
	});

	it('E11 ids that are echoed round-trip through escaping', async () => {
		const client = await broker.connect();

		client.send('SUBSCRIBE', {
			id: 'a\\c\\\\\\n\\r키',
			destination: '/sub/e11',
			receipt: 'r\\c\\\\\\n😀',
		});
		assert.equal((await client.next('RECEIPT')).headers['receipt-id'], 'r:\\\n😀');
		client.send('SEND', { destination: '/pub/e11' });
		assert.equal((await client.next('MESSAGE')).headers.subscription, 'a:\\\n\r키');
		client.send('UNSUBSCRIBE', { id: 'a\\c\\\\\\n\\r키', receipt: 'x\\cy' });
		await client.receipt('x:y');
	});

	it('E12 a header that is not UTF-8 is refused', async () => {
		const client = await broker.connect();
		const bytes = frame('SEND', { destination: '/pub/x', 'x-a': 'b\xff' });

		client.binary(Buffer.from(bytes, 'latin1'));
		await client.refused(/UTF-8/);
	});

	it('E13 a NUL in a header is refused', async () => {
		const client = await broker.connect();

		client.text('SEND\ndestination:/pub/x\nx-a:b\0c\n\nhi\0');
		await client.refused(/NUL/);
	});
});
