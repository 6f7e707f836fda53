/* A redis-server of our own, and just enough of its protocol to talk to it. */
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { Child, freePort } from './child.mjs';
import { promised, until, within } from './wait.mjs';

/* Reads one reply at `at`; null when it has not come whole. */
function readReply(bytes, at) {
	const end = bytes.indexOf('\r\n', at);

	if (end < 0) return null;
	const line = bytes.toString('utf8', at + 1, end);
	const next = end + 2;
	const count = Number(line);

	switch (String.fromCharCode(bytes[at])) {
		case '+':
			return { value: line, next };
		case '-':
			return { value: new Error(line), next };
		case ':':
			return { value: count, next };
		case '$':
			if (count < 0) return { value: null, next };
			if (bytes.length < next + count + 2) return null;
			return {
				value: bytes.subarray(next, next + count),
				next: next + count + 2,
			};
		case '*': {
			const items = [];
			let item = { next };

			for (let i = 0; i < count; i++) {
				item = readReply(bytes, item.next);
				if (!item) return null;
				items.push(item.value);
			}
			return { value: items, next: item.next };
		}
		default:
			throw new Error(`no RESP: ${bytes.toString('latin1', at, end)}`);
	}
}

class RedisClient {
	constructor(port) {
		this.rest = Buffer.alloc(0);
		this.waiting = [];
		this.payloads = []; /* of what was subscribed to; Buffers */
		this.socket = net.connect(port, '127.0.0.1');
		this.socket.setNoDelay(true);
		this.socket.on('data', (data) => this.take(data));
		this.socket.on('error', () => {}); /* "close" follows */
		this.socket.on('close', () => {
			for (const one of this.waiting)
				one.reject(new Error('Redis has closed the connection'));
			this.waiting = [];
		});
	}

	take(data) {
		let reply;
		let at = 0;

		this.rest = Buffer.concat([this.rest, data]);
		while (at < this.rest.length && (reply = readReply(this.rest, at))) {
			at = reply.next;
			if (Array.isArray(reply.value) && String(reply.value[0]) === 'message')
				this.payloads.push(reply.value[2]);
			else if (reply.value instanceof Error)
				this.waiting.shift().reject(reply.value);
			else this.waiting.shift().resolve(reply.value);
		}
		this.rest = this.rest.subarray(at);
	}

	command(...words) {
		const reply = promised();
		const parts = [`*${words.length}\r\n`];

		for (const word of words) {
			const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));

			parts.push(`$${bytes.length}\r\n`, bytes, '\r\n');
		}
		if (this.socket.destroyed)
			return Promise.reject(new Error('Redis is not connected'));
		this.waiting.push(reply);
		this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
		return within(reply.promise, `a reply to ${words[0]}`);
	}

	/* The next payload of the subscribed channel. */
	async payload() {
		await until(() => this.payloads.length > 0, 'a payload from Redis');
		return this.payloads.shift();
	}

	close() {
		this.socket.destroy();
	}
}

export class Redis {
	/* `args` are redis-server's own, beside those that keep it from writing files. */
	static async start(args = []) {
		const redis = new Redis();

		redis.args = args;
		redis.clients = new Set();
		redis.folder = await mkdtemp(path.join(os.tmpdir(), 'stompbox-redis-'));
		redis.port = await freePort();
		redis.url = `redis://127.0.0.1:${redis.port}/0`;
		try {
			await redis.startAgain();
		} catch (error) {
			await redis.end();
			throw error;
		}
		return redis;
	}

	/* On the same port; resolves when it accepts connections and answers. */
	async startAgain() {
		this.child = new Child('redis-server', [
			'--port',
			String(this.port),
			'--bind',
			'127.0.0.1',
			'--save',
			'',
			'--appendonly',
			'no',
			'--dir',
			this.folder,
			...this.args,
		]);
		await until(
			async () => {
				if (this.child.status)
					throw new Error(
						`redis-server has ended: ${this.child.stdout}${this.child.stderr}`,
					);
				try {
					return (await this.command('PING')) === 'PONG';
				} catch (error) {
					return /NOAUTH/.test(error.message);
				}
			},
			'a redis-server that answers',
			undefined,
			5,
		);
	}

	async stop() {
		for (const client of this.clients) client.close();
		this.clients.clear();
		if (this.child) await this.child.end('SIGKILL', 10_000);
	}

	client() {
		const client = new RedisClient(this.port);

		this.clients.add(client);
		return client;
	}

	async command(...words) {
		const client = new RedisClient(this.port);

		try {
			return await client.command(...words);
		} finally {
			client.close();
		}
	}

	publish(payload, channel = 'websocket-events') {
		return this.command('PUBLISH', channel, payload);
	}

	/* Stops it and leaves nothing behind. */
	async end() {
		await this.stop();
		await rm(this.folder, { recursive: true, force: true });
	}
}
