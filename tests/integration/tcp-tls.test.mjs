/* STOMP over TLS on a socket of its own, with certificates made for the occasion. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';

import { Broker, run } from './lib/broker.mjs';
import { freePort } from './lib/child.mjs';
import { Client, frame } from './lib/stomp.mjs';
import { FrameSocket, dial, makeCertificate } from './lib/tcp.mjs';
import { promised, until, within } from './lib/wait.mjs';

const KILOBYTE = 'x'.repeat(1024);

describe('TCP with TLS', () => {
	let broker, folder, files, other, ca;

	before(async () => {
		folder = mkdtempSync(path.join(os.tmpdir(), 'stompbox-tls-'));
		files = makeCertificate(folder);
		other = makeCertificate(folder, 'other');
		ca = readFileSync(files.certificate);
		const port = await freePort();

		broker = await Broker.start([
			`--tcp-listen=127.0.0.1:${port}`,
			`--tcp-tls-certificate=${files.certificate}`,
			`--tcp-tls-key=${files.key}`,
			'--limits-queue=256k',
			'--limits-send-buffer=32k',
			'--limits-connect-time=500ms',
			'--limits-linger=500ms',
		]);
		broker.tcpPort = port;
	});
	after(async () => {
		await broker?.stop();
		rmSync(folder, { recursive: true });
	});

	async function open(secure = {}) {
		const client = await Client.open('TLS', {
			make: () =>
				new FrameSocket({
					port: broker.tcpPort,
					secure: { ca, ...secure },
				}),
		});

		broker.clients.add(client);
		return client;
	}

	async function connect(secure) {
		const client = await open(secure);

		await client.connect();
		return client;
	}

	for (const version of ['TLSv1.2', 'TLSv1.3']) {
		it(`${version}: chats with a WebSocket client, long bodies too`, async () => {
			const client = await connect({ minVersion: version, maxVersion: version });
			const web = await broker.connect();

			assert.equal(client.ws.socket.getProtocol(), version);
			await client.subscribe('/sub/tls');
			await web.subscribe('/sub/tls');
			for (const body of ['안녕', KILOBYTE.repeat(15), KILOBYTE.repeat(900)]) {
				await client.ask('SEND', { destination: '/pub/tls' }, body);
				assert.equal((await web.message()).body, body);
				assert.equal((await client.message()).body, body);
			}
			client.send('DISCONNECT', { receipt: 'bye' });
			await client.receipt('bye');
			assert.equal((await client.untilClosed()).code, 'fin');
		});
	}

	it('an older version is refused', async () => {
		await assert.rejects(
			open({
				minVersion: 'TLSv1',
				maxVersion: 'TLSv1.1',
				ciphers: 'DEFAULT@SECLEVEL=0',
			}),
			/version|alert/i,
		);
	});

	it('an ERROR comes whole before the end', async () => {
		const client = await open();

		client.text(frame('NONSENSE') + KILOBYTE.repeat(64));
		await client.refused(/command/i, { code: 'fin' });
	});

	it('a reader that was slow for a while misses nothing, one that stops is closed', async () => {
		const slow = await connect();
		const sender = await connect();
		const send = (number) =>
			sender.ask(
				'SEND',
				{ destination: '/pub/slow' },
				`${number} ${KILOBYTE.repeat(16)}`,
			);
		let sent = 0;

		await slow.subscribe('/sub/slow');
		for (let round = 0; round < 5; round++) {
			slow.pause();
			for (let i = 0; i < 8; i++) await send(sent++);
			slow.resume();
			while (Number.parseInt((await slow.message()).body, 10) < sent - 1);
		}
		slow.pause();
		while (broker.events('session.slow').length === 0 && sent < 4000)
			await send(sent++);
		assert.equal(broker.events('session.slow').length, 1, `after ${sent} messages`);
		slow.resume();
		await slow.untilClosed();
	});

	it('whoever speaks no TLS, or stops in the handshake, goes and leaves nothing', async () => {
		const fds = () => readdirSync(`/proc/${broker.child.process.pid}/fd`).length;

		broker.dropClients();
		await until(
			async () => {
				const c = await broker.counters();

				return c.connections_opened === c.connections_closed;
			},
			'no connections',
		);
		const before = fds();
		const ends = ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x02\x00\x01', ''].map((bytes) => {
			const socket = dial({ port: broker.tcpPort });
			const closed = promised();

			socket.on('error', () => {});
			socket.on('close', closed.resolve);
			socket.on('end', () => socket.end());
			socket.resume();
			socket.write(bytes);
			return within(closed.promise, `an end after ${JSON.stringify(bytes)}`, 5000);
		});

		await Promise.all(ends);
		for (let i = 0; i < 100; i++) {
			const below = dial({ port: broker.tcpPort });
			const socket = tls.connect({ socket: below, ca });

			for (const it of [below, socket]) it.on('error', () => {});
			if (i % 2) socket.on('secureConnect', () => below.resetAndDestroy());
			else setTimeout(() => below.resetAndDestroy(), i % 7);
		}
		await until(
			async () => {
				const c = await broker.counters();

				return (
					c.connections_opened === c.connections_closed &&
					c.connections_opened > 0 &&
					fds() <= before
				);
			},
			() => `${before} descriptors; there are ${fds()}`,
		);
		assert.ok(broker.events('tcp.handshake_failed').length > 0);
	});

	it('files that cannot be used stop the start, with their option', async () => {
		const junk = path.join(folder, 'junk.pem');

		writeFileSync(junk, 'junk\n');
		for (const [certificate, key, about] of [
			[path.join(folder, 'none'), files.key, /certificate.*No such file/],
			[junk, files.key, /certificate.*in PEM/],
			[files.certificate, path.join(folder, 'none'), /key.*No such file/],
			[files.certificate, junk, /key.*in PEM, without a passphrase/],
			[files.certificate, other.key, /key.*does not belong to the certificate/],
			[files.certificate, '', /key.*must name a file too/],
		]) {
			const { code, stderr } = await run([
				'--test',
				'--tcp-listen=127.0.0.1:0',
				`--tcp-tls-certificate=${certificate}`,
				`--tcp-tls-key=${key}`,
			]);

			assert.equal(code, 78, stderr);
			assert.match(stderr, about);
		}
	});
});
