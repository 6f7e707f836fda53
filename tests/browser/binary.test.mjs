/* Bytes from page to page, each in a real Chromium with the stock client, over two nodes. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';

import { Broker } from '../integration/lib/broker.mjs';
import { Redis } from '../integration/lib/redis.mjs';
import { within } from '../integration/lib/wait.mjs';
import { complaintsOf, launch } from './lib/chromium.mjs';
import { FileServer } from './lib/fileserver.mjs';

const MIB = 1024 * 1024; /* limits.body */
const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const stompjs = new URL('node_modules/@stomp/stompjs/bundles/stomp.umd.js', import.meta.url);

const bodies = {
	'every byte': every,
	'one NUL': Buffer.from([0]),
	'one byte that is no UTF-8': Buffer.from([0xff]),
	NULs: Buffer.alloc(100),
	'broken UTF-8': Buffer.from('c328eda080c080f5808080e28200', 'hex'),
	'a frame': Buffer.from('\0SEND\ndestination:/pub/x\n\nhi\0\xff', 'latin1'),
	'1 MiB of every byte': Buffer.alloc(MIB, every),
	'1 MiB of NULs': Buffer.alloc(MIB),
	'1 MiB of chance': randomBytes(MIB),
};
const types = ['application/octet-stream', 'image/png', null];
const LONG = 1000; /* above that one type is enough */

/* Runs in the page. */
function connectInPage([url, transport]) {
	const { SockJS, StompJs } = globalThis;
	const way = transport
		? { webSocketFactory: () => new SockJS(url, null, { transports: [transport] }) }
		: { brokerURL: url };

	return new Promise((resolve, reject) => {
		const client = new StompJs.Client({ ...way, reconnectDelay: 0 });

		globalThis.client = client;
		client.onConnect = resolve;
		client.onStompError = (frame) => reject(new Error(frame.headers.message));
		client.onWebSocketClose = () => reject(new Error('closed'));
		client.activate();
	});
}

function subscribeInPage(destination) {
	const { client } = globalThis;

	globalThis.heard = [];
	globalThis.wake = () => {};
	return new Promise((resolve) => {
		client.watchForReceipt('live', () => resolve());
		client.subscribe(
			destination,
			(message) => {
				globalThis.heard.push(message);
				globalThis.wake();
			},
			{ receipt: 'live' },
		);
	});
}

function publishInPage([destination, base64, type]) {
	const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

	globalThis.client.publish({
		destination,
		binaryBody: bytes,
		headers: type ? { 'content-type': type } : {},
	});
}

/* The next message; where a data URL came, the bytes that a page gets of it. */
async function hearInPage() {
	while (globalThis.heard.length === 0)
		await new Promise((resolve) => {
			globalThis.wake = resolve;
		});
	const message = globalThis.heard.shift();
	const isUrl =
		message.headers['content-type'].startsWith('text/plain') &&
		message.body.startsWith('data:');
	const bytes = isUrl
		? new Uint8Array(await (await fetch(message.body)).arrayBuffer())
		: message.binaryBody;
	let text = '';

	for (let at = 0; at < bytes.length; at += 4096)
		text += String.fromCharCode(...bytes.subarray(at, at + 4096));
	return { base64: btoa(text), type: message.headers['content-type'], isUrl };
}

describe('bytes between pages', () => {
	let redis;
	let files;
	let browser;
	const nodes = [];
	let rooms = 0;

	before(async () => {
		redis = await Redis.start();
		files = await FileServer.start();
		for (let i = 0; i < 2; i++)
			nodes.push(
				await Broker.start([
					`--redis-url=${redis.url}`,
					`--origins=${files.origin}`,
					'--sockjs-disconnect-delay=4s',
				]),
			);
		browser = await launch();
	});
	after(async () => {
		try {
			await browser?.close();
			for (const node of nodes) await node.stop();
			await files?.stop();
		} finally {
			await redis?.end();
		}
	});

	async function openPage(url, transport) {
		const page = await browser.newPage();

		page.complaints = complaintsOf(page);
		await page.goto(`${files.origin}/`);
		await page.addScriptTag({ path: fileURLToPath(stompjs) });
		await page.addScriptTag({ url: files.scriptUrl });
		await within(page.evaluate(connectInPage, [url, transport]), 'CONNECTED');
		return page;
	}

	for (const transport of [null, 'websocket', 'xhr-streaming', 'xhr-polling'])
		it(`${transport ? `to SockJS, ${transport}` : 'over WebSocket'}, on another node`, async () => {
			const room = `bytes-${++rooms}`;
			const url = transport ? `${nodes[1].origin}/ws` : nodes[1].url;
			const sender = await openPage(nodes[0].url);
			const receiver = await openPage(url, transport);

			await within(
				receiver.evaluate(subscribeInPage, `/sub/${room}`),
				'the receipt',
			);
			for (const [what, body] of Object.entries(bodies)) {
				const isText = Buffer.from(body.toString()).equals(body);

				for (const type of body.length > LONG ? types.slice(1, 2) : types) {
					const base64 = body.toString('base64');

					await sender.evaluate(publishInPage, [
						`/pub/${room}`,
						base64,
						type,
					]);
					const got = await within(
						receiver.evaluate(hearInPage),
						`${what}, ${type}`,
					);

					assert.ok(
						got.base64 === base64,
						`${what}, ${type}: other bytes`,
					);
					assert.equal(
						got.isUrl,
						transport !== null && !isText,
						what,
					);
					if (!got.isUrl && type) assert.equal(got.type, type);
				}
			}
			for (const page of [sender, receiver]) {
				assert.deepEqual(page.complaints, []);
				await page.evaluate(() => globalThis.client.deactivate());
				await page.close();
			}
		});
});
