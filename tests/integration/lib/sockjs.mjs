/* SockJS as it looks on the wire, and the test server that speaks it without STOMP. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';

import { Child } from './child.mjs';
import { Site } from './http.mjs';
import { promised, until, within } from './wait.mjs';

const EXIT_MS = 20_000;

const program = process.env.SOCKJS_TESTSERVER
	? path.resolve(process.env.SOCKJS_TESTSERVER)
	: fileURLToPath(new URL('../../../build/release/sockjs-testserver', import.meta.url));

export const NO_CACHE = 'no-store, no-cache, no-transform, must-revalidate, max-age=0';
export const ORIGIN = 'http://page.example';
export const upgrade = {
	Connection: 'Upgrade',
	Upgrade: 'websocket',
	'Sec-WebSocket-Version': '13',
	'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/* What stands around a frame: taken off, and refused when it is not exactly so. */
function unwrap(pattern, decode = (text) => text) {
	return (chunk) => {
		const [, inner] = pattern.exec(chunk) ?? assert.fail(`not ${pattern}: ${chunk}`);

		return decode(inner);
	};
}

/* The receivers over HTTP. `prelude` comes before the first frame, in a chunk of its own. */
export const receivers = {
	xhr: {
		method: 'POST',
		type: 'application/javascript; charset=UTF-8',
		unwrap: unwrap(/^([^\n]*)\n$/),
	},
	jsonp: {
		method: 'GET',
		query: '?c=cb',
		type: 'application/javascript; charset=UTF-8',
		unwrap: unwrap(/^\/\*\*\/cb\((".*")\);\r\n$/, JSON.parse),
	},
	xhr_streaming: {
		method: 'POST',
		streams: true,
		type: 'application/javascript; charset=UTF-8',
		prelude: /^h{2048}\n$/,
		unwrap: unwrap(/^([^\n]*)\n$/),
	},
	eventsource: {
		method: 'GET',
		streams: true,
		type: 'text/event-stream',
		prelude: /^\r\n$/,
		/* What the stock client does with an event. */
		unwrap: unwrap(/^data: ([^\r\n\0]*)\r\n\r\n$/, decodeURI),
	},
	htmlfile: {
		method: 'GET',
		query: '?c=cb',
		streams: true,
		type: 'text/html; charset=UTF-8',
		prelude: /^<!(?:doctype) html>[^]{1000,}\r\n\r\n$/i,
		unwrap: unwrap(/^<script>\np\(("[^<]*")\);\n<\/script>\r\n$/, JSON.parse),
	},
};

export const polling = ['xhr', 'jsonp'];
export const streaming = ['xhr_streaming', 'eventsource', 'htmlfile'];

/* The messages in a frame that must hold some. */
export function messagesIn(frame) {
	assert.match(frame, /^a\[/, 'a frame with messages');
	const messages = JSON.parse(frame.slice(1));

	assert.ok(messages.length > 0 && messages.every((m) => typeof m === 'string'), frame);
	return messages;
}

/* A response of a receiver, frame by frame. */
class Receiver {
	constructor(connection, transport) {
		this.connection = connection;
		this.transport = receivers[transport];
		this.answer = null; /* its head has not come yet */
		this.bytes = 0; /* of frames and what stands around them */
	}

	async head(ms) {
		this.answer ??= await this.connection.answer(ms);
		assert.equal(this.answer.status, 200);
		return this.answer;
	}

	/* The next frame, null behind the last one. */
	async frame(ms) {
		const chunk = await (await this.head(ms)).chunk(ms);

		if (chunk === null) return null;
		this.bytes += Buffer.byteLength(chunk);
		return this.transport.unwrap(chunk);
	}

	async assertFrame(expected, ms) {
		assert.equal(await this.frame(ms), expected);
	}

	/* So many messages, in however many frames. */
	async messages(count) {
		const all = [];

		while (all.length < count)
			all.push(...messagesIn((await this.frame()) ?? 'the end'));
		assert.equal(all.length, count);
		return all;
	}

	async assertOver(ms) {
		await (await this.head(ms)).assertOver(ms);
	}

	drop(how) {
		this.connection.drop(how);
	}
}

let sessions = 0;

/* One session over HTTP. Each request takes a connection of its own. */
export class Session {
	constructor(site, prefix = '/echo', id = `s${process.pid}-${++sessions}`) {
		this.site = site;
		this.prefix = prefix;
		this.id = id;
	}

	/* The server is to take no notice of the first segment. */
	url(name) {
		const any = String(Math.floor(Math.random() * 1000)).padStart(3, '0');

		return `${this.prefix}/${any}/${this.id}/${name}`;
	}

	ask(name, options = {}) {
		return this.site.ask(this.url(name), { method: 'POST', ...options });
	}

	/*
	 * Attaches a receiver and leaves it so; takes the prelude off.
	 */
	async receive(name, options = {}) {
		const { method, query = '', prelude } = receivers[name];
		const connection = await this.site.connect();
		const receiver = new Receiver(connection, name);

		connection.request(this.url(name) + query, { method, ...options });
		if (prelude)
			assert.match((await (await receiver.head()).chunk()) ?? 'nothing', prelude);
		return receiver;
	}

	/* The same, once it has surely arrived: the head of the answer is the owner's word. */
	async attach(name, options) {
		const receiver = await this.receive(name, options);

		await receiver.head();
		return receiver;
	}

	/* One answer of a polling transport: one frame. */
	async poll(name = 'xhr') {
		const receiver = await this.receive(name);

		try {
			const frame = await receiver.frame();

			await receiver.assertOver();
			return frame;
		} finally {
			receiver.drop();
		}
	}

	/* Whatever it takes of frames and answers until so many messages have come. */
	async messages(count, name = 'xhr') {
		const all = [];

		while (all.length < count) {
			const receiver = await this.receive(name);

			for (
				let frame;
				all.length < count && (frame = await receiver.frame()) !== null;
			)
				all.push(...messagesIn(frame));
			receiver.drop();
		}
		assert.equal(all.length, count);
		return all;
	}

	async open() {
		assert.equal(await this.poll(), 'o');
		return this;
	}

	async send(...messages) {
		const answer = await this.ask('xhr_send', { body: JSON.stringify(messages) });

		assert.equal(answer.status, 204, answer.text);
		return answer;
	}

	/* The session is not known (any more). */
	async assertGone() {
		assert.equal((await this.ask('xhr_send', { body: '["x"]' })).status, 404);
	}
}

/* A WebSocket to a SockJS server; what comes must be text. */
export class Socket {
	static async open(url, options = {}) {
		const socket = new Socket();
		const closed = promised();
		const opened = promised();

		socket.frames = []; /* came, and nobody has asked for them yet */
		socket.closed = closed.promise; /* { code, reason } */
		socket.ws = new WebSocket(url, { perMessageDeflate: false, ...options });
		socket.ws.on('open', opened.resolve);
		socket.ws.on('error', opened.reject);
		socket.ws.on('unexpected-response', (request, response) => {
			const error = new Error(`HTTP ${response.statusCode}`);

			error.status = response.statusCode;
			response.resume();
			request.destroy();
			opened.reject(error);
		});
		socket.ws.on('message', (data, isBinary) => {
			assert.equal(isBinary, false, 'a binary message');
			socket.frames.push(data.toString());
		});
		socket.ws.on('close', (code, reason) => {
			socket.end = { code, reason: reason.toString() };
			closed.resolve(socket.end);
		});
		await within(opened.promise, `an open WebSocket at ${url}`);
		return socket;
	}

	send(data, options) {
		this.ws.send(data, options);
	}

	async frame(ms) {
		await until(
			() => this.frames.length > 0 || this.end,
			'a message on the WebSocket',
			ms,
			1,
		);
		assert.ok(this.frames.length > 0, `closed: ${JSON.stringify(this.end)}`);
		return this.frames.shift();
	}

	async assertFrame(expected, ms) {
		assert.equal(await this.frame(ms), expected);
	}

	async messages(count) {
		const all = [];

		while (all.length < count) all.push(...messagesIn(await this.frame()));
		assert.equal(all.length, count);
		return all;
	}

	untilClosed(ms) {
		return within(this.closed, 'a close', ms);
	}

	drop() {
		this.ws.terminate();
	}
}

export class TestServer extends Site {
	/* A server that answers, on a port that the kernel has chosen. */
	static async start(flags = []) {
		const child = new Child(program, ['--port=0', ...flags]);
		let line;

		try {
			line = await until(
				() => {
					if (child.status)
						throw new Error(`it has ended: ${child.stderr}`);
					return /^listening on 127\.0\.0\.1:(\d+)\n/m.exec(
						child.stdout,
					);
				},
				() =>
					`the test server to listen; it says:\n${child.stdout}${child.stderr}`,
			);
		} catch (error) {
			if (!child.status) child.signal('SIGKILL');
			throw error;
		}
		const server = new TestServer(Number(line[1]));

		server.child = child;
		server.sockets = new Set();
		server.idle = await server.counters();
		return server;
	}

	session(prefix, id) {
		return new Session(this, prefix, id);
	}

	async webSocket(target, options) {
		const socket = await Socket.open(`ws://127.0.0.1:${this.port}${target}`, options);

		this.sockets.add(socket);
		return socket;
	}

	async counters() {
		return JSON.parse((await this.ask('/counters')).text);
	}

	/* Everything that clients have left behind is gone. */
	untilIdle(ms) {
		let last;

		return until(
			async () => {
				last = await this.counters();
				return (
					last.sessions <= this.idle.sessions &&
					last.requests <= this.idle.requests
				);
			},
			() => `no session and no request; there are ${JSON.stringify(last)}`,
			ms,
			20,
		);
	}

	dropClients() {
		for (const socket of this.sockets) socket.drop();
		this.sockets.clear();
		this.dropConnections();
	}

	/* It has been told to end: exit code 0, nothing for a sanitizer to complain about. */
	async stop() {
		this.dropClients();
		await this.child.end('SIGTERM', EXIT_MS);
		assert.doesNotMatch(this.child.stderr, /Sanitizer|runtime error:|Assertion/);
		assert.deepEqual(this.child.status, { code: 0, signal: null }, this.child.stderr);
	}
}
