/* HAProxy with a configuration as a document has it, steered over its socket as an operator does. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { Child, freePort } from '../../integration/lib/child.mjs';
import { promised, until, within } from '../../integration/lib/wait.mjs';

/* It is in /usr/sbin, which is not in every user's path. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

export class Haproxy {
	/* `adapt` turns the text into one for this machine, given a port and a socket. */
	static async start(adapt) {
		const proxy = new Haproxy();
		const port = await freePort();

		proxy.folder = await mkdtemp(path.join(os.tmpdir(), 'stompbox-haproxy-'));
		proxy.socket = path.join(proxy.folder, 'admin');
		proxy.origin = `http://127.0.0.1:${port}`;
		const file = path.join(proxy.folder, 'haproxy.cfg');

		await writeFile(file, adapt({ port, socket: proxy.socket }));
		proxy.child = new Child('haproxy', ['-db', '-f', file], env);
		try {
			await until(
				async () => {
					if (proxy.child.status) throw new Error(proxy.child.stderr);
					return proxy.command('show version').catch(() => false);
				},
				() => `an haproxy that answers; it says:\n${proxy.child.stderr}`,
			);
		} catch (error) {
			await proxy.end();
			throw error;
		}
		return proxy;
	}

	/* What `echo COMMAND | socat stdio SOCKET` prints. */
	async command(command) {
		const done = promised();
		const socket = net.connect(this.socket);
		let answer = '';

		socket.setEncoding('utf8');
		socket.on('error', done.reject);
		socket.on('data', (data) => {
			answer += data;
		});
		socket.on('end', () => done.resolve(answer));
		socket.end(`${command}\n`);
		await within(done.promise, `an answer to ${command}`);
		return answer;
	}

	/* The state of a server by its name, such as UP or DRAIN, and its open connections. */
	async server(name) {
		const [head, ...rows] = (await this.command('show stat')).trim().split('\n');
		const columns = head.replace('# ', '').split(',');
		const row = rows.map((r) => r.split(',')).find((r) => r[1] === name);

		assert.ok(row, `no server ${name}`);
		return {
			status: row[columns.indexOf('status')],
			connections: Number(row[columns.indexOf('scur')]),
		};
	}

	async end() {
		if (this.child) await this.child.end('SIGKILL', 10_000);
		await rm(this.folder, { recursive: true, force: true });
	}
}
