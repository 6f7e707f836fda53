/* One node of the broker under test. */
import assert from 'node:assert/strict';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Child, freePort } from './child.mjs';
import { Client } from './stomp.mjs';
import { until, within } from './wait.mjs';

const EXIT_MS = 20_000;

export const program = process.env.STOMPBOX
	? path.resolve(process.env.STOMPBOX)
	: fileURLToPath(new URL('../../../build/release/stompbox', import.meta.url));

/* What the caller's shell has set must not change the node. */
function cleanEnvironment(env) {
	const clean = {};

	for (const [name, value] of Object.entries(process.env)) {
		if (!name.startsWith('STOMPBOX')) clean[name] = value;
	}
	return { ...clean, ...env };
}

/* Runs the program to its end, for those calls that end by themselves. */
export async function run(args, { env = {}, ms = EXIT_MS } = {}) {
	const child = new Child(program, args, cleanEnvironment(env));

	try {
		await within(child.exited, `the end of stompbox ${args.join(' ')}`, ms);
	} finally {
		if (!child.status) child.signal('SIGKILL');
	}
	assert.equal(child.status.signal, null, child.stderr);
	return { code: child.status.code, stdout: child.stdout, stderr: child.stderr };
}

/* Reads one logfmt line; values with blanks stand in quotes. */
function readLine(line) {
	const fields = {};

	for (const [, name, quoted, plain] of line.matchAll(
		/([\w.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g,
	))
		fields[name] = quoted ?? plain;
	return fields;
}

function assertNoReport(stderr) {
	assert.doesNotMatch(stderr, /Sanitizer|runtime error:|Assertion/);
}

export class Broker {
	constructor(port, flags, env) {
		this.port = port;
		this.origin = `http://127.0.0.1:${port}`;
		this.url = `ws://127.0.0.1:${port}/ws`;
		this.clients = new Set();
		this.child = new Child(
			program,
			[`--listen=127.0.0.1:${port}`, '--threads=2', ...flags],
			cleanEnvironment(env),
		);
	}

	/* A node that answers, on a free port. `ready` false: its bus need not be up. */
	static async start(flags = [], { env = {}, ready = true } = {}) {
		for (let tries = 1; ; tries++) {
			const broker = new Broker(await freePort(), flags, env);

			try {
				await broker.untilStatus(ready ? '/ready' : '/health', 200);
				return broker;
			} catch (error) {
				const taken = /address already in use/i.test(broker.child.stderr);

				await broker.kill();
				if (!taken || tries === 3) throw error;
			}
		}
	}

	get stderr() {
		return this.child.stderr;
	}

	events(name) {
		return this.stderr
			.split('\n')
			.slice(0, -1)
			.map(readLine)
			.filter((l) => l.event === name);
	}

	untilEvent(name, ms) {
		return until(
			() => this.events(name).at(0),
			() => `event=${name} in\n${this.stderr}`,
			ms,
		);
	}

	http(target, { method = 'GET', headers = {} } = {}) {
		const answer = new Promise((resolve, reject) => {
			const request = http.request(this.origin + target, {
				method,
				headers,
				agent: false,
			});

			request.on('error', reject);
			request.on('upgrade', (response, socket) => {
				socket.destroy();
				resolve({
					status: response.statusCode,
					headers: response.headers,
					body: '',
				});
			});
			request.on('response', (response) => {
				let body = '';

				response.setEncoding('utf8');
				response.on('error', reject);
				response.on('data', (data) => {
					body += data;
				});
				response.on('end', () =>
					resolve({
						status: response.statusCode,
						headers: response.headers,
						body,
					}),
				);
			});
			request.end();
		});

		return within(answer, `an answer to ${method} ${target}`);
	}

	/* Waits for an answer with that status and returns it. */
	untilStatus(target, status, ms) {
		let last = 'no answer';

		return until(
			async () => {
				if (this.child.status)
					throw new Error(`stompbox has ended: ${this.stderr}`);
				try {
					const answer = await this.http(target);

					last = `${answer.status} ${answer.body}`;
					return answer.status === status && answer;
				} catch (error) {
					last = error.message;
					return false;
				}
			},
			() =>
				`${status} for ${target}; the last was ${last}; the log:\n${this.stderr}`,
			ms,
			20,
		);
	}

	async counters() {
		return JSON.parse((await this.http('/health')).body).counters;
	}

	/* An open WebSocket on which nothing has been said. */
	async open(options = {}) {
		const client = await Client.open(
			(options.url ?? this.url) + (options.query ?? ''),
			options,
		);

		this.clients.add(client);
		return client;
	}

	/* A client that has got its CONNECTED. */
	async connect(options = {}) {
		const client = await this.open(options);

		await client.connect(options.version, options.connect);
		return client;
	}

	dropClients() {
		for (const client of this.clients) client.drop();
		this.clients.clear();
	}

	/* It has been told to end: exit code 0, nothing for a sanitizer to complain about. */
	async untilEnded() {
		const status = await within(
			this.child.exited,
			() => `an exit; the log:\n${this.stderr}`,
			EXIT_MS,
		);

		assertNoReport(this.stderr);
		assert.deepEqual(status, { code: 0, signal: null }, this.stderr);
	}

	async stop() {
		this.dropClients();
		await this.child.end('SIGTERM', EXIT_MS);
		await this.untilEnded();
	}

	async kill() {
		this.dropClients();
		await this.child.end('SIGKILL', EXIT_MS);
	}
}
