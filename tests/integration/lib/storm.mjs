/*
 * Many clients of a SockJS server that do as they please. What the server
 * answers is judged all the same: what must not be is kept in `surprises`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import WebSocket from 'ws';

import { Connection } from './http.mjs';
import { messagesIn, receivers } from './sockjs.mjs';
import { promised, until, within } from './wait.mjs';

const HANG_MS = 3_600_000; /* a poll may take as long as it likes */
const ANSWER_MS = 20_000; /* the machine has much to do */

export const overHttp = Object.keys(receivers);
export const transports = ['websocket', ...overHttp];

export function random(least, most) {
	return least + Math.floor(Math.random() * (most - least + 1));
}

export function pick(list) {
	return list[random(0, list.length - 1)];
}

/* What the kernel knows of a process. */
export class Figures {
	constructor(pid) {
		this.folder = `/proc/${pid}`;
	}

	descriptors() {
		return readdirSync(`${this.folder}/fd`).length;
	}

	megabytes() {
		const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`${this.folder}/status`, 'utf8'));

		return Math.round(kilobytes / 1024);
	}

	/* Of processor time, a hundred in a second. */
	ticks() {
		const stat = readFileSync(`${this.folder}/stat`, 'utf8');
		const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');

		return Number(fields[11]) + Number(fields[12]);
	}
}

export class Storm {
	/* `endpoint` is where the guests go; `statuses` are those that a good request may get. */
	constructor(port, endpoint) {
		this.port = port;
		this.endpoint = endpoint;
		this.over = false;
		this.counts = {};
		this.surprises = {};
		this.connections = new Set(); /* anything with drop() */
		this.wakers = new Set();
	}

	count(what, amount = 1) {
		this.counts[what] = (this.counts[what] ?? 0) + amount;
	}

	/* A failure that is nobody's wish; once the storm is over, everything breaks. */
	surprise(what) {
		if (!this.over) this.surprises[what] = (this.surprises[what] ?? 0) + 1;
	}

	/* Returns early when the storm is over. */
	async pause(ms) {
		if (this.over) return;
		const woken = promised();
		const timer = setTimeout(woken.resolve, ms);

		this.wakers.add(woken.resolve);
		await woken.promise;
		clearTimeout(timer);
		this.wakers.delete(woken.resolve);
	}

	async connect() {
		const connection = await Connection.open(this.port);

		this.count('connections');
		this.connections.add(connection);
		connection.socket.on('close', () => this.connections.delete(connection));
		if (this.over) connection.drop();
		return connection;
	}

	/* One request that must be answered, and with one of these. */
	async askOn(connection, statuses, target, options) {
		const what = `${options?.method ?? 'GET'} ${target.replace(/\/\d+\/[^/]+/, '/…')}`;

		try {
			connection.request(target, options);
			const answer = await connection.wholeAnswer(ANSWER_MS);

			if (!statuses.includes(answer.status)) this.surprise(`${answer.status} for ${what}`);
			connection.answered = (connection.answered ?? 0) + 1;
			return answer;
		} catch (error) {
			const before = connection.answered ? `, behind ${connection.answered} answers` : '';

			this.surprise(`${what}${before}: ${error.message.slice(0, 200)}`);
			throw error;
		}
	}

	async ask(statuses, target, options) {
		const connection = await this.connect();

		try {
			return await this.askOn(connection, statuses, target, options);
		} finally {
			connection.drop();
		}
	}

	/* Everybody goes. */
	end() {
		this.over = true;
		for (const waker of this.wakers) waker();
		for (const connection of this.connections) connection.drop({ hard: Math.random() < 0.5 });
	}
}

let guests = 0;

/* One session. It reads until it is dropped. */
export class Guest {
	constructor(storm, transport, { endpoint = storm.endpoint, id } = {}) {
		this.storm = storm;
		this.transport = transport;
		this.endpoint = endpoint;
		this.id = id ?? `g${++guests}-${random(0, 1e9)}`;
		this.url = `${endpoint}/${random(100, 999)}/${this.id}`;
		this.gone = false;
		this.end = null; /* what the server says of it, when it is closed */
		this.sent = 0;
		this.opened = promised();
		this.opened.promise.catch(() => {});
		this.onMessage = () => {};
	}

	async open() {
		this.done = (this.transport === 'websocket' ? this.readSocket() : this.readHttp()).catch(
			(error) => {
				this.opened.reject(error);
				if (!/^the connection has ended/.test(error.message))
					this.storm.surprise(`${this.transport}: ${error.message.slice(0, 200)}`);
				this.finish(`broken: ${error.message}`);
			},
		);
		await within(this.opened.promise, `o for ${this.url}/${this.transport}`, ANSWER_MS);
		this.storm.count('sessions');
		this.storm.count(`of ${this.transport}`);
		return this;
	}

	finish(why) {
		this.end ??= why;
		this.opened.reject(new Error(why));
	}

	take(frame) {
		if (frame === 'o') this.opened.resolve();
		else if (frame[0] === 'c') this.finish(frame);
		else if (frame !== 'h') {
			for (const message of messagesIn(frame)) {
				this.storm.count('messages');
				this.onMessage(message);
			}
		}
	}

	async readSocket() {
		const target = `ws://127.0.0.1:${this.storm.port}${this.url}/websocket`;
		const ws = new WebSocket(target, { perMessageDeflate: false });
		const connection = {
			socket: ws,
			drop: ({ hard } = {}) =>
				hard && ws._socket ? ws._socket.resetAndDestroy() : ws.terminate(),
		};

		this.connection = connection;
		this.storm.connections.add(connection);
		ws.on('message', (data) => this.take(data.toString()));
		ws.on('error', (error) => {
			if (!this.gone) this.storm.surprise(`websocket: ${error.message}`);
		});
		await once(ws, 'close').catch(() => {});
		this.storm.connections.delete(connection);
		this.finish('closed');
	}

	async readHttp() {
		const { method, query = '', prelude } = receivers[this.transport];
		let connection;

		while (!this.gone && !this.end) {
			if (!connection || connection.over || Math.random() < 0.3) {
				connection?.drop();
				connection = await this.storm.connect();
			}
			this.connection = connection;
			if (this.gone) break;
			connection.request(`${this.url}/${this.transport}${query}`, { method });
			const answer = await connection.answer(HANG_MS);

			if (answer.status !== 200) throw new Error(`status ${answer.status}`);
			if (prelude) await answer.chunk(ANSWER_MS);
			for (let chunk; (chunk = await answer.chunk(HANG_MS)) !== null; )
				this.take(receivers[this.transport].unwrap(chunk));
		}
		connection?.drop();
		this.finish('over');
	}

	/* Over HTTP on `connection`, or on one that is made for it. */
	async send(texts, connection) {
		const body = JSON.stringify(texts);

		if (this.transport === 'websocket') {
			if (this.connection.socket.readyState === WebSocket.OPEN)
				this.connection.socket.send(body);
			return true;
		}
		const args = [[204, 404], `${this.url}/xhr_send`, { method: 'POST', body }];
		const { status } = await (connection
			? this.storm.askOn(connection, ...args)
			: this.storm.ask(...args));

		return status === 204;
	}

	stopReading() {
		this.connection.socket.pause();
	}

	goOnReading() {
		this.connection.socket.resume();
	}

	drop(how) {
		this.gone = true;
		this.connection?.drop(how);
	}
}

/*
 * A session that does everything right: it sends numbers, and must get them
 * back, each once and in order. `pack` and `unpack` make messages of numbers;
 * unpack answers undefined for messages that are none.
 */
export class Witness {
	constructor(storm, transport, pack = String, unpack = Number) {
		this.guest = new Guest(storm, transport);
		this.pack = pack;
		this.next = 0;
		this.longest = 0; /* ms between one number and the next */
		this.guest.onMessage = (message) => {
			const number = unpack(message);

			if (number === undefined) return;
			if (number !== this.next)
				storm.surprise(`witness by ${transport}: ${number} for ${this.next}`);
			this.next = number + 1;
			this.measure();
		};
	}

	measure() {
		const now = performance.now();

		this.longest = Math.max(this.longest, now - this.last);
		this.last = now;
	}

	async run(everyMs) {
		const { guest } = this;
		const { storm } = guest;
		let connection = guest.transport === 'websocket' ? null : await storm.connect();

		this.last = performance.now();
		for (let number = 0; !storm.over; number++) {
			if (connection?.over) connection = await storm.connect();
			const sent = await guest.send([this.pack(number)], connection).catch(() => false);

			if (!sent || guest.end) {
				storm.surprise(`witness by ${guest.transport}: lost at ${number}: ${guest.end}`);
				return;
			}
			await storm.pause(everyMs);
			if (number - this.next > 200) await this.untilNext(number - 200);
		}
	}

	untilNext(number) {
		const what = () => `${number} for the witness by ${this.guest.transport}; it has ${this.next}`;

		return until(() => this.next > number || this.guest.storm.over, what, 60_000);
	}
}
