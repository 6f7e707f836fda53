/* The program as its operator sees it: command line, exit codes, signals. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Broker, run } from './lib/broker.mjs';
import { freePort } from './lib/child.mjs';
import { Redis } from './lib/redis.mjs';
import { Room } from './lib/room.mjs';
import { until } from './lib/wait.mjs';

const USAGE = 64;
const CONFIG = 78;

describe('command line', () => {
	let folder;

	before(async () => {
		folder = await mkdtemp(path.join(os.tmpdir(), 'stompbox-config-'));
	});
	after(() => rm(folder, { recursive: true, force: true }));

	async function file(text) {
		const name = path.join(folder, 'stompbox.json');

		await writeFile(name, text);
		return name;
	}

	async function assertFails(code, about, args, options) {
		const result = await run(args, options);

		assert.equal(result.code, code, result.stderr);
		for (const what of [about].flat()) assert.match(result.stderr, what);
		assert.ok(result.stderr.trim().split('\n').length <= 3, result.stderr);
	}

	it('--help names every kind of thing', async () => {
		for (const flag of ['--help', '-h']) {
			const { code, stdout } = await run([flag]);

			assert.equal(code, 0);
			for (const word of [
				'--listen',
				'--redis-url',
				'--auth-jwt-key',
				'--config',
				'--test',
			])
				assert.ok(stdout.includes(word), word);
		}
	});

	it('--version is one line', async () => {
		const { code, stdout } = await run(['--version']);

		assert.equal(code, 0);
		assert.match(stdout, /^stompbox \d+\.\d+\.\d+\n$/);
	});

	it('--print-config shows what holds, and no secret', async () => {
		const { code, stdout } = await run(
			[
				'--print-config',
				'--listen=127.0.0.1:1234',
				'--auth-jwt-algorithms=HS256',
				'--auth-jwt-key=raw:this is a secret of at least 32 bytes',
			],
			{ env: { STOMPBOX_REDIS_URL: 'redis://:hidden@127.0.0.1/' } },
		);

		assert.equal(code, 0);
		assert.ok(stdout.includes('127.0.0.1:1234'));
		assert.ok(stdout.includes('websocket-events'));
		assert.doesNotMatch(stdout, /this is a secret|hidden/);
	});

	it('--print-sample prints a file that is good', async () => {
		const sample = await run(['--print-sample']);
		const name = await file(sample.stdout);
		const test = await run([`--config=${name}`, '--test']);

		assert.equal(sample.code, 0);
		assert.equal(test.code, 0, test.stderr);
		assert.match(test.stdout, /good/);
		assert.equal((await run(['--test'], { env: { STOMPBOX_CONFIG: name } })).code, 0);
	});

	it('--print-schema is JSON', async () => {
		const { code, stdout } = await run(['--print-schema']);

		assert.equal(code, 0);
		assert.ok(JSON.parse(stdout).properties.listen);
	});

	it(`${USAGE} for a command line that is off`, async () => {
		await assertFails(USAGE, /--lissten/, ['--lissten=127.0.0.1:1']);
		await assertFails(USAGE, /not an option/, ['stray']);
	});

	it(`${CONFIG} for a value that cannot be`, async () => {
		await assertFails(
			CONFIG,
			[/heartbeat.send|--heartbeat-send/, /10/],
			['--heartbeat-send=10'],
		);
		await assertFails(CONFIG, /threads/, ['--threads=65']);
		await assertFails(CONFIG, /listen/, ['--listen=nowhere']);
		await assertFails(CONFIG, /redis.url/, ['--redis-url=http://x']);
		await assertFails(CONFIG, /on_down.*(local|refuse)/, ['--redis-on-down=wait']);
		await assertFails(CONFIG, /access.rules/, ['--access-rules=allow everything']);
		await assertFails(CONFIG, /auth.jwt/, [
			'--auth-jwt-algorithms=HS256',
			'--auth-jwt-key=raw:short',
		]);
		await assertFails(CONFIG, /anonymous/, ['--auth-anonymous=reject']);
	});

	it(`${CONFIG} for the environment`, async () => {
		await assertFails(CONFIG, /STOMPBOX_LISSTEN/, ['--test'], {
			env: { STOMPBOX_LISSTEN: 'x' },
		});
		await assertFails(
			CONFIG,
			/STOMPBOX_THREADS.*many|many.*STOMPBOX_THREADS/,
			['--test'],
			{ env: { STOMPBOX_THREADS: 'many' } },
		);
	});

	it(`${CONFIG} for a file, with file, line, option and value`, async () => {
		const cases = [
			[
				'{\n  "listen": "127.0.0.1:1",\n  "lissten": 1\n}',
				[/:3\b/, /lissten/, /listen/],
			],
			[
				'{\n  // a comment\n  "threads": 1,\n  "threads": 2\n}',
				[/:4\b/, /threads/, /twice/],
			],
			['{\n  "threads": "two"\n}', [/:2\b/, /threads/, /two/]],
			[
				'{\n  "limits": {\n    "body": "17M"\n  }\n}',
				[/:3\b/, /limits\.body/, /17M/, /16M/],
			],
			['{\n  "redis": "x"\n}', [/:2\b/, /redis/]],
			['{\n  "threads": 1,,\n}', [/:2\b/]],
			['[]', [/object/]],
		];

		for (const [text, about] of cases) {
			const name = await file(text);

			await assertFails(
				CONFIG,
				[/stompbox\.json/, ...about],
				[`--config=${name}`, '--test'],
			);
		}
		await assertFails(CONFIG, /missing\.json/, [
			`--config=${path.join(folder, 'missing.json')}`,
		]);
	});

	it('the command line overrides the environment, and that the file', async () => {
		const name = await file(
			'{ "threads": 3, "redis": { "channel": "file" }, "endpoint": "/file" }',
		);
		const { stdout } = await run(
			[`--config=${name}`, '--endpoint=/argument', '--print-config'],
			{
				env: {
					STOMPBOX_REDIS_CHANNEL: 'environment',
					STOMPBOX_ENDPOINT: '/environment',
				},
			},
		);

		assert.match(stdout, /"channel": "environment"/);
		assert.match(stdout, /"endpoint": "\/argument"/);
		assert.match(stdout, /"threads": 3/);
	});

	it('1 with a clear message when the port is taken', async () => {
		const port = await freePort();
		const other = net.createServer();

		await new Promise((resolve) => {
			other.listen(port, '127.0.0.1', resolve);
		});
		try {
			await assertFails(
				1,
				[/in use/, new RegExp(`:${port}`)],
				[`--listen=127.0.0.1:${port}`],
			);
		} finally {
			other.close();
		}
	});

	it('1 when another stompbox has the port', async () => {
		const broker = await Broker.start();

		try {
			await assertFails(1, /in use/, [`--listen=127.0.0.1:${broker.port}`]);
			await broker.stop();
		} finally {
			await broker.kill();
		}
	});

	it('says where to connect and how to add Redis', async () => {
		const broker = await Broker.start();

		try {
			await until(
				() => broker.child.stdout.includes('--redis-url='),
				'the greeting',
			);
			assert.ok(broker.child.stdout.includes(broker.url));
			await broker.stop();
		} finally {
			await broker.kill();
		}
	});

	it('the log numbers sessions, whichever event loop they are on', async () => {
		const broker = await Broker.start(['--threads=4', '--log-level=debug']);

		try {
			for (let i = 0; i < 12; i++) await broker.connect();
			await until(() => broker.events('session.open').length === 12, 'all in the log');
			const numbers = broker.events('session.open').map(({ session }) => session);

			assert.equal(new Set(numbers).size, 12);
		} finally {
			await broker.stop();
		}
	});

	it('the log can be JSON', async () => {
		const broker = await Broker.start(['--log-format=json', '--log-level=debug']);

		try {
			await (await broker.connect()).ask('DISCONNECT');
			await broker.stop();
			for (const line of broker.stderr.trim().split('\n'))
				assert.ok(JSON.parse(line).event, line);
		} finally {
			await broker.kill();
		}
	});
});

describe('signals', () => {
	for (const signal of ['SIGTERM', 'SIGINT']) {
		it(`${signal} closes clients with 1001, and the exit code is 0`, async () => {
			const broker = await Broker.start();

			try {
				const room = await Room.open(broker);
				const unconnected = await broker.open();

				await room.sender.ask('SEND', { destination: room.to }, 'last');
				broker.child.signal(signal);
				assert.equal((await room.receiver.next('MESSAGE')).body, 'last');
				for (const client of [room.sender, room.receiver, unconnected])
					assert.equal((await client.untilClosed()).code, 1001);
				await broker.untilEnded();
			} finally {
				await broker.kill();
			}
		});
	}

	it('SIGTERM lets out the receipts of what the broker has read', async () => {
		const redis = await Redis.start();
		let broker;

		try {
			broker = await Broker.start([`--redis-url=${redis.url}`]);
			const room = await Room.open(broker);
			const { messages_received: before } = await broker.counters();

			/* Redis does not answer for a while: the receipt is still owed when the signal comes. */
			await redis.command('CLIENT', 'PAUSE', '1000');
			room.sender.send('SEND', { destination: room.to, receipt: 'last' }, 'last');
			await until(
				async () => (await broker.counters()).messages_received > before,
				'the SEND',
			);
			assert.deepEqual(room.sender.frames, []);
			broker.child.signal('SIGTERM');
			await room.sender.receipt('last');
			assert.equal((await room.sender.untilClosed()).code, 1001);
			await broker.untilEnded();
		} finally {
			await broker?.kill();
			await redis.end();
		}
	});

	it('a drain ends at its deadline, whatever Redis still owes', async () => {
		const redis = await Redis.start();
		let broker;

		try {
			broker = await Broker.start([
				`--redis-url=${redis.url}`,
				'--redis-answer-within=1m',
				'--drain-time=500ms',
			]);
			const client = await broker.connect();

			await redis.command('CLIENT', 'PAUSE', '5000');
			for (let i = 0; i < 30; i++)
				client.send('SEND', { destination: '/pub/a', receipt: `${i}` }, 'x');
			await until(
				async () => (await broker.counters()).messages_received === 30,
				'the SENDs',
			);
			/* Under AddressSanitizer a leak would end it otherwise. */
			assert.deepEqual(await broker.child.end('SIGTERM', 5000), { code: 0, signal: null });
		} finally {
			await broker?.kill();
			await redis.end();
		}
	});

	it('a drain ends at its deadline, whatever clients do', async () => {
		const broker = await Broker.start(['--drain-time=500ms', '--limits-linger=30s']);

		try {
			(await broker.connect()).pause();
			assert.deepEqual(await broker.child.end('SIGTERM', 5000), {
				code: 0,
				signal: null,
			});
		} finally {
			await broker.kill();
		}
	});

	it('a second SIGTERM is obeyed at once', async () => {
		const broker = await Broker.start(['--drain-time=1m', '--limits-linger=1m']);

		try {
			const client = await broker.connect();

			/* It will not answer the close. */
			client.pause();
			broker.child.signal('SIGTERM');
			await broker.untilEvent('broker.draining');
			assert.equal(broker.child.status, null);
			/* The first two may be one: a terminal and a manager that send the same. */
			await until(
				() => {
					broker.child.signal('SIGTERM');
					return broker.child.status;
				},
				'the end',
				5000,
				500,
			);
			assert.deepEqual(broker.child.status, { code: 1, signal: null });
		} finally {
			await broker.kill();
		}
	});

	it('while it drains, /ready says so or nobody is let in', async () => {
		const broker = await Broker.start(['--drain-time=20s', '--limits-linger=20s']);

		try {
			const client = await broker.connect();

			client.pause();
			broker.child.signal('SIGTERM');
			await broker.untilEvent('broker.draining');
			await until(
				() =>
					broker.http('/ready').then(
						(answer) => answer.status === 503,
						() => true,
					),
				'a refusal',
			);
			client.drop();
			await broker.untilEnded();
		} finally {
			await broker.kill();
		}
	});
});
