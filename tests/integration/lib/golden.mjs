/*
 * Replays recorded conversations. A step of a recording goes out byte for byte; what
 * comes back is gathered by turns: what each connection got between one lot of
 * sent frames and the next. A turn has what was recorded, and after a short silence
 * nothing more; what comes later still, fails the turn after it.
 */
import { randomBytes } from 'node:crypto';
import http from 'node:http';

import { sign, tokenFor } from './jwt.mjs';
import { promised, until, within } from './wait.mjs';

const QUIET_MS = 60; /* for what must not come */
const OPS = { 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };
const SOCKJS = /^\/ws\/[^/]+\/[^/]+\/websocket$/;
const SUBSCRIBED = /^\/(sub|queue|topic|user)\//;

/* A WebSocket that says what it is told to, right or wrong, and repeats what it hears. */
class Wire {
	constructor() {
		this.items = []; /* what came, as texts */
		this.rest = Buffer.alloc(0);
		this.parts = [];
		this.over = true;
	}

	async open(url, step) {
		const { hostname, port, pathname } = new URL(url);

		this.isSockjs = SOCKJS.test(pathname);
		const answer = promised();
		const headers = ['Host', `${hostname}:${port}`];

		headers.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
		if (!step.noKey)
			headers.push('Sec-WebSocket-Key', randomBytes(16).toString('base64'));
		if (step.version !== null) headers.push('Sec-WebSocket-Version', step.version);
		if (step.proto !== null) headers.push('Sec-WebSocket-Protocol', step.proto);
		for (const line of step.headers) headers.push(...line.split(/: (.*)/, 2));
		const request = http.get({
			hostname,
			port,
			path: pathname,
			headers,
			agent: false,
		});
		request.on('error', answer.reject);
		request.on('response', (response) => {
			response.resume();
			this.note(response);
			answer.resolve();
		});
		request.on('upgrade', (response, socket, head) => {
			this.note(response);
			this.listen(socket, head);
			answer.resolve();
		});
		await within(answer.promise, `an answer to ${pathname}`);
	}

	note(response) {
		const accepted = response.headers['sec-websocket-protocol'];

		this.items.push(opened(response.statusCode, accepted));
	}

	listen(socket, head) {
		this.socket = socket;
		this.over = false;
		socket.setNoDelay(true);
		socket.on('error', () => {});
		socket.on('close', () => {
			if (!this.over) this.items.push('cut off');
			this.over = true;
		});
		socket.on('data', (data) => this.take(data));
		this.take(head);
	}

	take(data) {
		this.rest = Buffer.concat([this.rest, data]);
		for (let frame; (frame = readFrame(this.rest));) {
			this.rest = this.rest.subarray(frame.end);
			this.hear(frame);
		}
	}

	hear({ op, fin, payload }) {
		if (op > 7) {
			this.control(op, payload);
			return;
		}
		if (op !== 0) this.op = op;
		this.parts.push(payload);
		if (!fin) return;
		const text = `${OPS[this.op]} ${Buffer.concat(this.parts)}`;

		/* The recording of SockJS connections ends with the 101. */
		if (!this.isSockjs) this.items.push(text);
		this.parts = [];
	}

	control(op, payload) {
		if (op === 8) {
			this.items.push(closed(payload.readUInt16BE(0), payload.toString('utf8', 2)));
			this.over = true;
			this.socket.end();
		} else {
			this.items.push(`${OPS[op]} ${payload}`);
		}
	}

	send(bytes, op, fin) {
		if (!this.over) this.socket.write(writeFrame(bytes, op, fin));
	}

	drop() {
		this.over = true;
		this.socket?.destroy();
	}
}

function readFrame(bytes) {
	let at = 2;

	if (bytes.length < at) return null;
	let length = bytes[1];

	if (length === 127) throw new Error('no recording has messages as long as that');
	if (length === 126) {
		at = 4;
		if (bytes.length < at) return null;
		length = bytes.readUInt16BE(2);
	}
	if (bytes.length < at + length) return null;
	return {
		op: bytes[0] & 15,
		fin: bytes[0] > 127,
		payload: bytes.subarray(at, at + length),
		end: at + length,
	};
}

/* The mask is zeros: it changes nothing, and a server cannot tell. */
function writeFrame(bytes, op, fin) {
	const first = op | (fin ? 128 : 0);
	const head =
		bytes.length < 126
			? [first, 128 | bytes.length]
			: [first, 254, bytes.length >> 8, bytes.length & 255];

	return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), bytes]);
}

function opened(status, accepted) {
	return accepted ? `open ${status} ${accepted}` : `open ${status}`;
}

function closed(code, reason) {
	return reason ? `close ${code} ${reason}` : `close ${code}`;
}

/* What differs from one run to the next, in the same words as the recordings. */
function normal(item) {
	return item
		.replace(/^(text|binary) (MESSAGE\n[^]*?)message-id:[^\n]*\n/, '$1 $2message-id:<ID>\n')
		.replace(/Unknown session\\c <SID>/, 'Unknown session\\c <ID>');
}

/* Our CONNECTED has a header more: without it, it is not the recorded one either. */
function ours(item) {
	if (!item.startsWith('text CONNECTED\n')) return normal(item);
	const [before, after, ...more] = item.split(/^session:[a-z0-9]{26}\n/m);

	return after === undefined || more.length > 0 ? `${item} (session?)` : before + after;
}

function recorded(step) {
	if ('open' in step) return opened(step.status, step.accepted);
	if ('close' in step) return closed(step.close, step.reason);
	return `${OPS[step.op]} ${step.recv}`;
}

/* The steps by turns: first what is said, then what is heard. */
function turnsOf(steps) {
	const turns = [];
	let listening = true;

	for (const step of steps) {
		const says = 'open' in step || 'send' in step;

		if (says && listening) turns.push({ said: [], heard: {} });
		listening = !says;
		const turn = turns.at(-1);

		if (says) turn.said.push(step);
		if ('send' in step || step.recv === 'timeout') continue;
		(turn.heard[step.conn] ??= []).push(normal(recorded(step)));
	}
	return turns;
}

function header(frame, name) {
	return new RegExp(`\n${name}:([^\n]*)`).exec(frame)?.[1];
}

/*
 * A case may go on with connections of earlier ones. It gets fresh ones, which begin with
 * the same CONNECT and the subscriptions that were there: so no case depends on another.
 */
class History {
	constructor() {
		this.connections = new Map();
	}

	preludeOf(steps) {
		const own = new Set(steps.filter((s) => 'open' in s).map((s) => s.conn));
		const needed = new Set(steps.map((s) => s.conn));

		return [...needed]
			.filter((conn) => !own.has(conn))
			.flatMap((conn) => {
				const { open, connect, subscriptions, rest } = this.connections.get(conn);

				return [{ ...open, ended: [] }, connect, ...subscriptions.values(), ...rest];
			});
	}

	add(steps) {
		for (const step of steps) {
			if ('open' in step)
				this.connections.set(step.conn, {
					open: step,
					subscriptions: new Map(),
					rest: [],
				});
			if ('send' in step) this.note(this.connections.get(step.conn), step);
		}
	}

	note(connection, step) {
		const command = step.send.split('\n', 1)[0];
		const id = header(step.send, 'id');

		if (connection.rest.length > 0) return; /* it has said DISCONNECT */
		if (command === 'CONNECT') connection.connect ??= step;
		if (command === 'DISCONNECT') connection.rest = [step];
		if (command === 'UNSUBSCRIBE') connection.subscriptions.delete(id);
		if (command !== 'SUBSCRIBE' || id === undefined) return;
		if (!SUBSCRIBED.test(header(step.send, 'destination'))) return;
		if (!connection.subscriptions.has(id)) connection.subscriptions.set(id, step);
	}
}

/* A connection that is not heard of any more had been closed when the next one opened. */
function markEnds(steps) {
	for (const [i, step] of steps.entries()) {
		const later = new Set(steps.slice(i).map((s) => s.conn));

		if ('open' in step)
			step.ended = steps.slice(0, i).map((s) => s.conn).filter((c) => !later.has(c));
	}
}

/* Gives each case of a recording what it needs to be replayed alone. */
export function readCases(recording) {
	const history = new History();

	return recording.map(({ name, steps }) => {
		const prelude = history.preludeOf(steps);

		history.add(steps);
		if (name === 'no key') steps[0].noKey = true;
		markEnds(steps);
		return { name, prelude, turns: turnsOf(steps) };
	});
}

/* The recorded server took names from `login`; here they come from tokens. */
function translate(text) {
	return text.replace(/\nlogin:([^\n]*)/, (line, login) => {
		let token = tokenFor(login);

		if (login === 'deny') token = tokenFor(login).slice(0, -2);
		if (login === 'drop') token = sign({ sub: login, exp: 1 });
		return `\nAuthorization:Bearer ${token}`;
	});
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Replay {
	/* `urlOf` says where a recorded path is served. */
	constructor(urlOf, { patienceMs = 5000, quietMs = QUIET_MS } = {}) {
		this.urlOf = urlOf;
		this.patienceMs = patienceMs;
		this.quietMs = quietMs;
		this.wires = new Map();
	}

	async say(step) {
		if ('open' in step) {
			const wire = new Wire();

			for (const conn of step.ended) this.wires.get(conn).drop();
			this.wires.set(step.conn, wire);
			await wire.open(this.urlOf(step.open), step);
		} else {
			const bytes = Buffer.from(translate(step.send));

			this.wires.get(step.conn).send(bytes, step.op, step.fin);
		}
	}

	/* Waits for as much as is expected; then nothing more may come. */
	async hear(expected, quietMs = this.quietMs) {
		const done = ([conn, items]) => {
			const wire = this.wires.get(conn);

			return wire.over || wire.items.length >= items.length;
		};

		try {
			await until(
				() => Object.entries(expected).every(done),
				'the answers',
				this.patienceMs,
				2,
			);
		} catch {
			/* What is missing shows in the comparison. */
		}
		await pause(quietMs);
		const heard = {};

		for (const [conn, wire] of this.wires) {
			if (wire.items.length > 0) heard[conn] = wire.items.map(ours);
			wire.items = [];
		}
		return heard;
	}

	/* Everything in a prelude was taken, or what follows would show nothing. */
	async begin(prelude) {
		for (const step of prelude) {
			await this.say(step);
			if (/^CONNECT\n/.test(step.send)) await this.hear({ [step.conn]: ['', ''] });
		}
		if (prelude.length > 0) await this.hear({}, QUIET_MS);
		for (const wire of this.wires.values())
			if (wire.over) throw new Error('what the case begins with was refused');
	}

	/* What came back, turn by turn. `expected` says how long to wait for it. */
	async run({ prelude, turns }, expected) {
		const answers = [];

		try {
			await this.begin(prelude);
			for (const [i, turn] of turns.entries()) {
				for (const step of turn.said) await this.say(step);
				answers.push(await this.hear(expected[i]));
			}
		} finally {
			for (const wire of this.wires.values()) wire.drop();
		}
		return answers;
	}
}
