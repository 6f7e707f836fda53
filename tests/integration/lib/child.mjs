/* Child processes that never outlive the test that started them. */
import { spawn } from 'node:child_process';
import net from 'node:net';

import { promised, within } from './wait.mjs';

const living = new Set();

process.on('exit', () => {
	for (const child of living) child.process.kill('SIGKILL');
});
for (const [signal, number] of [
	['SIGTERM', 15],
	['SIGINT', 2],
	['SIGHUP', 1],
])
	process.on(signal, () => process.exit(128 + number));

/* A port of 127.0.0.1 that nobody listens on just now. */
export async function freePort() {
	const server = net.createServer();
	const bound = promised();

	server.on('error', bound.reject);
	server.listen(0, '127.0.0.1', bound.resolve);
	await bound.promise;
	const { port } = server.address();
	const closed = promised();
	server.close(closed.resolve);
	await closed.promise;
	return port;
}

export class Child {
	constructor(program, args, env = process.env) {
		const exited = promised();

		this.stdout = '';
		this.stderr = '';
		this.exited = exited.promise;
		this.status = null; /* { code, signal } once it has ended */
		this.process = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
		living.add(this);
		for (const stream of ['stdout', 'stderr']) {
			this.process[stream].setEncoding('utf8');
			this.process[stream].on('data', (data) => {
				this[stream] += data;
			});
		}
		/* "close" comes when the output has been read to its end, too. */
		this.process.on('close', (code, signal) => {
			living.delete(this);
			this.status = { code, signal };
			exited.resolve(this.status);
		});
		this.process.on('error', (error) => {
			this.stderr += `${program}: ${error.message}\n`;
		});
	}

	signal(name) {
		this.process.kill(name);
	}

	/* Ends it in order, or by force and with an error when it does not end in time. */
	async end(signal, ms) {
		if (this.status) return this.status;
		this.signal(signal);
		try {
			return await within(
				this.exited,
				() => `an exit; it says:\n${this.stderr}`,
				ms,
			);
		} catch (error) {
			this.signal('SIGKILL');
			await this.exited;
			throw error;
		}
	}
}
