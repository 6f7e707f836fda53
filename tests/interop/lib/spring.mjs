/* The Spring application of this folder, and Spring's clients, as `make interop` has built them. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { Child } from '../../integration/lib/child.mjs';
import { KEY, tokenFor } from '../../integration/lib/jwt.mjs';
import { until, within } from '../../integration/lib/wait.mjs';

const START_MS = 60_000;
const END_MS = 30_000;
const CLIENTS_MS = 90_000;

const built = fileURLToPath(new URL('../../../build/interop', import.meta.url));

/* These live for seconds: what compiles them must not take longer than they run. */
function java(main, args) {
	return new Child('java', [
		'-XX:TieredStopAtLevel=1',
		'-XX:+UseSerialGC',
		'-Xmx256m',
		'-cp',
		`${built}/interop.jar:${built}/lib/*`,
		main,
		...args,
	]);
}

/* A token as the application and stompbox both take it. */
export function accessToken(email, claims = {}) {
	return tokenFor(email, { type: 'access', userId: `id-of-${email}`, ...claims });
}

export class Spring {
	/* One server of the application, on a port of its own. */
	static async start(args) {
		const spring = new Spring();

		spring.child = java('interop.server.Application', [
			`--interop.jwt.secret=${KEY}`,
			...args,
		]);
		try {
			spring.port = await until(
				() => {
					if (spring.child.status) throw new Error(spring.log);
					return /^listening on 127\.0\.0\.1:(\d+)$/m.exec(
						spring.child.stdout,
					)?.[1];
				},
				() => `a Spring application that listens; it says:\n${spring.log}`,
				START_MS,
			);
		} catch (error) {
			await spring.kill();
			throw error;
		}
		spring.origin = `http://127.0.0.1:${spring.port}`;
		return spring;
	}

	get log() {
		return this.child.stdout + this.child.stderr;
	}

	/* In order, as a deployment does it. */
	async stop() {
		const { code } = await this.child.end('SIGTERM', END_MS);

		assert.equal(code, 143, this.log);
	}

	async kill() {
		await this.child.end('SIGKILL', END_MS);
	}
}

/* Runs the clients to their end; returns the lines that they print. */
export async function runClients(transport, url, token, room) {
	const child = java('interop.client.Clients', [transport, url, token, room]);

	try {
		await within(
			child.exited,
			() => `the end of ${transport}; it says:\n${child.stdout}${child.stderr}`,
			CLIENTS_MS,
		);
	} finally {
		if (!child.status) child.signal('SIGKILL');
	}
	assert.equal(child.status.code, 0, `${transport}:\n${child.stdout}${child.stderr}`);
	return child.stdout.trimEnd().split('\n');
}
