/* stomp.py, the usual client of Python programs, where pip can install it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Broker } from './lib/broker.mjs';
import { Child, freePort } from './lib/child.mjs';
import { within } from './lib/wait.mjs';

const PACKAGES = ['stomp.py==8.2.0', 'docopt==0.6.2', 'websocket-client==1.9.2'];
const CHAT = fileURLToPath(new URL('lib/stomp_py_chat.py', import.meta.url));
const INSTALL_MS = 60_000;
const MESSAGES = 200;

describe('stomp.py', () => {
	let broker, folder, port, missing;

	/* Runs Python to its end; a process that does not end, or is not there, has no status. */
	async function python(args, ms) {
		const child = new Child('python3', args, { ...process.env, PYTHONPATH: folder });

		try {
			await within(child.exited, `the end of python3 ${args.join(' ')}`, ms);
		} catch {
			child.signal('SIGKILL');
		}
		return child;
	}

	before(async () => {
		folder = mkdtempSync(path.join(os.tmpdir(), 'stompbox-python-'));
		const pip = await python(
			['-m', 'pip', 'install', '-q', '--no-deps', '--target', folder, ...PACKAGES],
			INSTALL_MS,
		);

		if (pip.status?.code !== 0) missing = 'pip cannot install stomp.py here';
		port = await freePort();
		broker = await Broker.start([`--tcp-listen=127.0.0.1:${port}`]);
	});
	after(async () => {
		await broker?.stop();
		rmSync(folder, { recursive: true });
	});

	for (const version of ['1.0', '1.1', '1.2']) {
		it(`${version}: subscribes, sends and hears, and leaves in order`, async (t) => {
			if (missing) return t.skip(missing);
			const child = await python([CHAT, String(port), version, String(MESSAGES)], 30_000);

			assert.equal(child.status?.code, 0, child.stderr);
			const { bodies, errors, receipts } = JSON.parse(child.stdout);

			assert.deepEqual(errors, []);
			assert.deepEqual(
				bodies,
				Array.from({ length: MESSAGES }, (_, i) => `${i} 한글: a\nb`),
			);
			assert.ok(receipts.includes('subscribed'));
		});
	}
});
