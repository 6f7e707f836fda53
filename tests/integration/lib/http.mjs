/*
 * HTTP/1.1 without make-up: requests go out as they are given, whole or in
 * pieces, and answers are judged strictly and shown chunk by chunk.
 */
import assert from 'node:assert/strict';
import net from 'node:net';

import { within } from './wait.mjs';

const MANY_BYTES = 1 << 26;

/* Takes headers as an object, or as pairs where a name stands more than once. */
function lines(headers) {
	const pairs = Array.isArray(headers) ? headers : Object.entries(headers);

	return pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

function has(headers, name) {
	const pairs = Array.isArray(headers) ? headers : Object.entries(headers);

	return pairs.some(([other]) => other.toLowerCase() === name);
}

/* One answer. Its head has come; its body may still be under way. */
class Answer {
	constructor(connection, method, head) {
		const [first, ...rest] = head.split('\r\n');
		const [, version, status] = /^HTTP\/(1\.[01]) (\d{3})(?: .*)?$/.exec(first) ?? [];

		assert.ok(status, `no status line: ${first}`);
		this.connection = connection;
		this.method = method;
		this.version = version;
		this.status = Number(status);
		this.headers = rest.map((line) => {
			const [, name, value] =
				/^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];

			assert.ok(name, `no header: ${line}`);
			return [name.toLowerCase(), value];
		});
		this.over = false; /* the body has come to its end */
		this.size = this.measure();
	}

	/* The values of a header, with commas between them; undefined when there is none. */
	header(name) {
		const values = this.headers
			.filter(([other]) => other === name)
			.map(([, value]) => value);

		return values.length > 0 ? values.join(', ') : undefined;
	}

	/* How the body ends: its length, "chunked" or "close". */
	measure() {
		const length = this.header('content-length');
		const coding = this.header('transfer-encoding');

		if (this.status < 200 || this.status === 204)
			assert.equal(length ?? coding, undefined, `a length for ${this.status}`);
		if (this.status < 200 || [204, 304].includes(this.status) || this.method === 'HEAD')
			return 0;
		if (coding !== undefined) {
			assert.equal(coding.toLowerCase(), 'chunked');
			assert.equal(length, undefined, 'chunked, and a Content-Length beside it');
			return 'chunked';
		}
		if (length !== undefined) {
			assert.match(length, /^\d+$/);
			return Number(length);
		}
		assert.match(
			this.header('connection') ?? '',
			/close/i,
			'neither chunked, nor Content-Length, nor Connection: close',
		);
		return 'close';
	}

	/*
	 * The next chunk as bytes, null behind the last one. A body that is not
	 * chunked counts as one chunk, and until the connection ends as what
	 * happens to be there.
	 */
	async bytes(ms) {
		const { connection } = this;

		if (this.over) return null;
		if (this.size === 'close') {
			const some = await connection.read(
				() => connection.take(Math.min(connection.data.length, MANY_BYTES)),
				'more of a body',
				ms,
				null,
			);

			this.over = some === null;
			return some;
		}
		if (this.size !== 'chunked') {
			this.over = true;
			return this.size > 0
				? connection.read(
						() => connection.take(this.size),
						'a whole body',
						ms,
					)
				: null;
		}
		const line = await connection.read(() => connection.takeTo('\r\n'), 'a chunk', ms);

		assert.match(line.toString(), /^[0-9a-f]+$/i, 'the size of a chunk');
		const size = parseInt(line, 16);
		const chunk = await connection.read(
			() => connection.take(size + 2),
			`a whole chunk of ${size} bytes`,
			ms,
		);

		assert.equal(chunk.toString('latin1', size), '\r\n', 'the end of a chunk');
		this.over = size === 0;
		return this.over ? null : chunk.subarray(0, size);
	}

	/* The same as text. */
	async chunk(ms) {
		return (await this.bytes(ms))?.toString() ?? null;
	}

	/* All the chunks that are still to come. */
	async chunks(ms) {
		const all = [];

		for (let chunk; (chunk = await this.chunk(ms)) !== null;) all.push(chunk);
		return all;
	}

	/* Nothing more may come. */
	async assertOver(ms) {
		assert.deepEqual(await this.chunks(ms), [], 'more than expected');
	}
}

export class Connection {
	static async open(port) {
		const connection = new Connection();

		connection.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
		connection.socket.on('data', (data) => {
			connection.data = Buffer.concat([connection.data, data]);
			connection.wake();
		});
		connection.socket.on('connect', () => connection.wake());
		connection.socket.on('error', () => {}); /* "close" follows */
		for (const event of ['end', 'close'])
			connection.socket.on(event, () => {
				connection.over = true;
				connection.wake();
			});
		await connection.read(
			() => (connection.socket.connecting ? undefined : true),
			'a way in',
		);
		return connection;
	}

	constructor() {
		this.data = Buffer.alloc(0); /* came, and nobody has asked for it yet */
		this.over = false; /* the server says no more */
		this.methods = []; /* of the requests without an answer */
		this.wakers = new Set();
	}

	wake() {
		for (const waker of this.wakers) waker();
		this.wakers.clear();
	}

	/* Asks `take` whenever something has come, until it answers something. */
	read(take, what, ms, atEnd) {
		let late = false;

		const answer = (async () => {
			for (;;) {
				const taken = late ? null : take();

				if (taken !== undefined) return taken;
				if (this.over && atEnd !== undefined) return atEnd;
				if (this.over)
					throw new Error(
						`the connection has ended before ${what}; there is ${this.show()}`,
					);
				await new Promise((resolve) => this.wakers.add(resolve));
			}
		})();

		return within(answer, () => `${what}; there is ${this.show()}`, ms).catch(
			(error) => {
				late = true;
				throw error;
			},
		);
	}

	show() {
		return JSON.stringify(this.data.toString('latin1', 0, 300));
	}

	take(size) {
		if (size === 0 || this.data.length < size) return undefined;
		const taken = this.data.subarray(0, size);

		this.data = this.data.subarray(size);
		return taken;
	}

	takeTo(end) {
		const at = this.data.indexOf(end);

		return at < 0 ? undefined : this.take(at + end.length).subarray(0, at);
	}

	write(...pieces) {
		this.socket.write(Buffer.concat(pieces.map((piece) => Buffer.from(piece))));
	}

	/*
	 * Sends one request. A POST without a body gets "Content-Length: 0", with
	 * the body null no such header.
	 */
	request(target, { method = 'GET', headers = {}, body, version = '1.1' } = {}) {
		const bytes = Buffer.from(body ?? '');
		let head = `${method} ${target} HTTP/${version}\r\n`;

		if (!has(headers, 'host')) head += `Host: 127.0.0.1:${this.socket.remotePort}\r\n`;
		if (
			body !== null &&
			(body !== undefined || method === 'POST') &&
			!has(headers, 'content-length')
		)
			head += `Content-Length: ${bytes.length}\r\n`;
		this.methods.push(method);
		this.write(`${head}${lines(headers)}\r\n`, bytes);
	}

	/* The next answer, as soon as its head is there. */
	async answer(ms) {
		const head = await this.read(() => this.takeTo('\r\n\r\n'), 'an answer', ms);
		const answer = new Answer(this, this.methods.shift(), head.toString('latin1'));

		if (answer.status === 100) throw new Error('100 Continue, which nobody asked for');
		return answer;
	}

	/* The next answer with its whole body in `text` and `pieces`. */
	async wholeAnswer(ms) {
		const answer = await this.answer(ms);

		answer.pieces = await answer.chunks(ms);
		answer.text = answer.pieces.join('');
		return answer;
	}

	ask(target, options) {
		this.request(target, options);
		return this.wholeAnswer();
	}

	/* The server has closed it, and left nothing unread. */
	async untilEnded(ms) {
		await this.read(
			() => (this.over ? true : undefined),
			'the end of the connection',
			ms,
		);
		assert.equal(this.data.length, 0, `more than expected: ${this.show()}`);
	}

	/* Ends it at once: in order (FIN), or as a crash would (RST). */
	drop({ hard = false } = {}) {
		if (hard) this.socket.resetAndDestroy();
		else this.socket.destroy();
	}
}

/* A server, the connections to it, and a request in one line. */
export class Site {
	constructor(port) {
		this.port = port;
		this.connections = new Set();
	}

	async connect() {
		const connection = await Connection.open(this.port);

		this.connections.add(connection);
		return connection;
	}

	/* One request on a connection of its own; the whole answer. */
	async ask(target, options) {
		const connection = await Connection.open(this.port);

		try {
			return await connection.ask(target, options);
		} finally {
			connection.drop();
		}
	}

	/* The same, but the body is still to come, on `answer.connection`. */
	async open(target, options) {
		const connection = await this.connect();

		connection.request(target, options);
		return connection.answer();
	}

	dropConnections() {
		for (const connection of this.connections) connection.drop();
		this.connections.clear();
	}
}
