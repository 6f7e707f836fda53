/*
 * A STOMP client that does what it is told, right or wrong: frames go out as
 * the bytes that are given, and what comes in is judged strictly.
 */
import assert from 'node:assert/strict';
import WebSocket from 'ws';

import { promised, within } from './wait.mjs';

/* One frame as text; headers are written as they are given, without escaping. */
export function frame(command, headers = {}, body = '') {
	const pairs = Array.isArray(headers) ? headers : Object.entries(headers);

	return `${command}\n${pairs.map(([name, value]) => `${name}:${value}\n`).join('')}\n${body}\0`;
}

const escapes = { r: '\r', n: '\n', c: ':', '\\': '\\' };

function unescape(text, version) {
	if (version === '1.0') return text;
	return text.replace(/\\(.?)/gs, (all, letter) => {
		assert.ok(
			letter in escapes && (version === '1.2' || letter !== 'r'),
			`undefined escape ${JSON.stringify(all)} for a ${version} client`,
		);
		return escapes[letter];
	});
}

/* A WebSocket message must be exactly one frame that ends with its NUL. */
export function parse(data, version) {
	const blank = data.indexOf('\n\n');

	assert.ok(blank > 0, `no frame: ${JSON.stringify(data.toString('latin1'))}`);
	const [command, ...lines] = data.subarray(0, blank).toString('utf8').split('\n');
	const plain = command === 'CONNECTED';
	const parsed = { command, headers: Object.create(null), list: [], raw: data };

	for (const line of lines) {
		const colon = line.indexOf(':');

		assert.ok(colon > 0, `no header: ${JSON.stringify(line)}`);
		assert.ok(!line.includes('\r'), `a bare CR: ${JSON.stringify(line)}`);
		const name = plain ? line.slice(0, colon) : unescape(line.slice(0, colon), version);
		const value = plain
			? line.slice(colon + 1)
			: unescape(line.slice(colon + 1), version);

		parsed.list.push([name, value]);
		if (!(name in parsed.headers)) parsed.headers[name] = value;
	}
	const rest = data.subarray(blank + 2);
	const length = parsed.headers['content-length'];
	const end = length === undefined ? rest.indexOf(0) : Number(length);

	assert.equal(
		rest.length,
		end + 1,
		`more or less than one frame: ${data.toString('latin1')}`,
	);
	assert.equal(rest[end], 0, 'no NUL behind the body');
	parsed.bytes = rest.subarray(0, end);
	parsed.body = parsed.bytes.toString('utf8');
	return parsed;
}

function show(frame) {
	return frame.raw.toString('utf8').replaceAll('\0', '^@');
}

export class Client {
	constructor(url, { protocols = [], headers = {}, origin, autoPong = true, make }) {
		const closed = promised();

		this.version = '1.2';
		this.since = performance.now();
		this.frames = []; /* came, and nobody has asked for them yet */
		this.beats = []; /* when single line ends came */
		this.pings = 0;
		this.wanted = []; /* those who wait: { fits, resolve, reject } */
		this.ids = 0;
		this.broken = null;
		this.closed = closed.promise; /* { code, reason } */
		this.opened = promised();
		this.opened.promise.catch(() => {}); /* open() tells of it */
		/* `make` gives something else with the face of a WebSocket. */
		this.ws = make
			? make()
			: new WebSocket(url, protocols, {
					headers,
					origin,
					autoPong,
					perMessageDeflate: false,
				});
		this.ws.on('open', this.opened.resolve);
		this.ws.on('ping', () => {
			this.pings++;
		});
		this.ws.on('message', (data, isBinary) => this.take(data, isBinary));
		this.ws.on('unexpected-response', (request, response) => {
			const error = new Error(`HTTP ${response.statusCode}`);

			error.status = response.statusCode;
			response.resume();
			request.destroy();
			this.opened.reject(error);
		});
		this.ws.on('error', (error) => this.opened.reject(error));
		this.ws.on('close', (code, reason) => {
			this.end = { code, reason: reason.toString() };
			for (const want of this.wanted)
				want.reject(new Error(this.whyNot(want.what)));
			this.wanted = [];
			closed.resolve(this.end);
		});
	}

	static async open(url, options = {}) {
		const client = new Client(url, options);

		try {
			await within(client.opened.promise, `an open WebSocket at ${url}`);
		} catch (error) {
			client.drop();
			throw error;
		}
		return client;
	}

	take(data, isBinary) {
		if (data.length === 1 && data[0] === 10) {
			this.beats.push(performance.now());
			return;
		}
		let got;

		try {
			got = parse(data, this.version);
		} catch (error) {
			this.broken = error;
			for (const want of this.wanted) want.reject(error);
			this.wanted = [];
			return;
		}
		got.isBinary = isBinary;
		const at = this.wanted.findIndex((want) => want.fits(got));

		if (at < 0) this.frames.push(got);
		else this.wanted.splice(at, 1)[0].resolve(got);
	}

	whyNot(what) {
		return (
			`${what}; ${this.frames.map(show).join(' | ') || 'nothing'} came` +
			(this.end ? `, then close ${this.end.code} ${this.end.reason}` : '')
		);
	}

	/* The first frame that fits, of those that came or will come. */
	async find(fits, what, ms) {
		const at = this.frames.findIndex(fits);

		if (this.broken) throw this.broken;
		if (at >= 0) return this.frames.splice(at, 1)[0];
		if (this.end) throw new Error(this.whyNot(what));
		const want = { fits, what, ...promised() };

		want.promise.catch(() => {});
		this.wanted.push(want);
		try {
			return await within(want.promise, () => this.whyNot(what), ms);
		} finally {
			this.wanted = this.wanted.filter((other) => other !== want);
		}
	}

	/* The next frame, whatever it is; it must be of that command. */
	async next(command, ms) {
		const got = await this.find(() => true, command ?? 'a frame', ms);

		if (command) assert.equal(got.command, command, show(got));
		return got;
	}

	receipt(id) {
		return this.find(
			(f) =>
				f.command === 'ERROR' ||
				(f.command === 'RECEIPT' && f.headers['receipt-id'] === id),
			`RECEIPT ${id}`,
		).then((f) => {
			assert.equal(f.command, 'RECEIPT', show(f));
			return f;
		});
	}

	/* The next MESSAGE; RECEIPTs may stand before it. */
	message(ms) {
		return this.find((f) => f.command !== 'RECEIPT', 'MESSAGE', ms).then((f) => {
			assert.equal(f.command, 'MESSAGE', show(f));
			return f;
		});
	}

	/* Bytes go out as they are, in a text or a binary message. */
	text(data) {
		this.ws.send(data, { binary: false });
	}

	binary(data) {
		this.ws.send(Buffer.from(data), { binary: true });
	}

	send(command, headers, body) {
		this.text(frame(command, headers, body));
	}

	/* The same with a receipt, and waits for it. */
	async ask(command, headers = {}, body = '') {
		const id = `r${++this.ids}`;
		const pairs = Array.isArray(headers) ? headers : Object.entries(headers);

		this.send(command, [...pairs, ['receipt', id]], body);
		return this.receipt(id);
	}

	async connect(version = '1.2', headers = {}) {
		this.version = version;
		this.send('CONNECT', { 'accept-version': version, host: 'x', ...headers });
		const connected = await this.next('CONNECTED');

		assert.equal(connected.headers.version, version);
		return connected;
	}

	subscribe(destination, id = '0', headers = {}) {
		return this.ask('SUBSCRIBE', { id, destination, ...headers });
	}

	/* The ERROR that ends this connection: well-formed, about `about`, and then a close. */
	async refused(about, { code = 1002, receipt } = {}) {
		const error = await this.find((f) => f.command === 'ERROR', 'ERROR');

		assert.ok(error.headers.message, 'ERROR without message');
		assert.equal(error.headers['content-type'], 'text/plain');
		assert.equal(Number(error.headers['content-length']), error.bytes.length);
		assert.equal(error.headers['receipt-id'], receipt);
		assert.match(`${error.headers.message}\n${error.body}`, about);
		assert.equal((await this.untilClosed()).code, code);
		assert.deepEqual(
			this.frames.filter((f) => f.command === 'ERROR'),
			[],
			'a second ERROR',
		);
		return error;
	}

	untilClosed(ms) {
		return within(this.closed, 'a close', ms);
	}

	/* Stops and goes on reading from the socket. */
	pause() {
		this.ws.pause();
	}

	resume() {
		this.ws.resume();
	}

	/* Ends the connection without a word. */
	drop() {
		this.ws.terminate();
	}
}
