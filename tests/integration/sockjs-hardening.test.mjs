/* What was found by attack: each of these once did harm. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Broker } from './lib/broker.mjs';
import { Connection, Site } from './lib/http.mjs';
import { Redis } from './lib/redis.mjs';
import { Session, TestServer, upgrade } from './lib/sockjs.mjs';
import { Figures } from './lib/storm.mjs';
import { until } from './lib/wait.mjs';

const BUSY_TICKS = 50; /* of a second that has a hundred of them */
const STALLED_MS = 4000; /* until a stalled client went, the library did not spin */
const MESSAGES = 8; /* together more than sockets hold for a client that does not read */
const LIBRARY_MS = 10_000; /* its own deadline for a body */

describe('SockJS under attack', () => {
	let server;

	before(async () => {
		server = await TestServer.start();
	});
	afterEach(() => server.dropClients());
	after(() => server?.stop());

	/* The library takes %0a for the end of the request line. */
	for (const [what, target, headers] of [
		['in the query', '/echo/info?%0aOrigin:http://evil.example', {}],
		['in the path', '/echo/info%0aOrigin:http://evil.example', {}],
		['as a carriage return', '/echo/info?%0dx', {}],
		['for a length', '/echo?%0aContent-Length:40', {}],
		['on an upgrade', '/echo/websocket?%0aOrigin:http://evil.example', upgrade],
		['on a poll', '/echo/0/s/eventsource?%0aCookie:JSESSIONID=x', {}],
	])
		it(`an encoded line end makes no header: ${what}`, async () => {
			const connection = await server.connect();
			const answer = await connection.ask(target, { headers });

			assert.equal(answer.status, 400);
			assert.equal(answer.header('access-control-allow-origin'), undefined);
			await connection.untilEnded();
		});

	for (const target of ['/echo', '/echo/info', '/counters', '/nothing'])
		it(`a body in chunks is not taken for a request: ${target}`, async () => {
			const connection = await server.connect();

			connection.request(target, { headers: { 'Transfer-Encoding': 'chunked' } });
			connection.write('5\r\nabcde\r\n0\r\n\r\n');
			const answer = await connection.wholeAnswer();

			assert.equal(answer.header('connection'), 'close');
			await connection.untilEnded();
		});

	for (const [what, options] of [
		['a length', { body: 'x' }],
		['chunks', { headers: { 'Transfer-Encoding': 'chunked' } }],
	])
		it(`a receiver by GET has no body: ${what}`, async () => {
			const answer = await server.ask(`${server.session().url('eventsource')}`, options);

			assert.equal(answer.status, 400);
		});

	it('what an origin or a header name cannot hold is not sent back', async () => {
		for (const origin of ['http://a\x01b', 'http://a\x7f', 'http://a, http://b']) {
			const answer = await server.ask('/echo/info', { headers: { Origin: origin } });

			assert.equal(answer.status, 403, origin);
		}
		const answer = await server.ask('/echo/info', {
			method: 'OPTIONS',
			headers: { 'Access-Control-Request-Headers': 'x\x01y' },
		});

		assert.equal(answer.header('access-control-allow-headers'), undefined);
	});

	it('the method CONNECT gets no tunnel', async () => {
		const connection = await server.connect();

		connection.request('/echo', { method: 'CONNECT' });
		await connection.untilEnded(2000);
	});

	it('a client that goes away with output waiting costs nothing', async () => {
		const figures = new Figures(server.child.process.pid);
		const session = await server.session().open();
		const { connection } = await session.attach('xhr');

		/* Longer than all buffers on the way, and not read. */
		connection.socket.pause();
		await session.send('\u{1f600}'.repeat(400_000));
		await pause(STALLED_MS);
		connection.drop({ hard: true });
		const before = figures.ticks();

		await pause(1000);
		assert.ok(figures.ticks() - before < BUSY_TICKS, 'the loop spins');
		await server.untilIdle(2000);
	});

	it('a receiver whose body came in chunks lives on', async () => {
		const session = await server.session().open();
		const connection = await server.connect();

		connection.request(session.url('xhr'), {
			method: 'POST',
			headers: { 'Transfer-Encoding': 'chunked' },
			body: null,
		});
		connection.write('0\r\n\r\n');
		await pause(LIBRARY_MS + 1000);
		await session.send('still there?');
		assert.equal((await connection.wholeAnswer()).text, 'a["still there?"]\n');
	});
});

describe('SockJS between nodes under attack', () => {
	let redis, owner, front;

	before(async () => {
		redis = await Redis.start();
		owner = await Broker.start([`--redis-url=${redis.url}`, '--sockjs-heartbeat=500ms']);
		const others = await publishers();

		front = await Broker.start([`--redis-url=${redis.url}`, '--sockjs-heartbeat=500ms']);
		front.publisher = (await publishers()).find((id) => !others.includes(id));
	});
	after(async () => {
		await owner?.stop();
		await front?.stop();
		await redis?.end();
	});

	/* The connections to Redis that do not listen; the one that asks has said CLIENT. */
	async function publishers() {
		const list = String(await redis.command('CLIENT', 'LIST', 'TYPE', 'normal'));

		return list
			.split('\n')
			.filter((line) => /cmd=(?!client)/.test(line))
			.map((line) => /\bid=(\d+)/.exec(line)?.[1])
			.filter(Boolean);
	}

	it('a session whose end was lost on the way does not live for ever', async () => {
		const there = new Session(new Site(owner.port), '/ws');
		const here = new Session(new Site(front.port), '/ws', there.id);

		await there.open();
		const receiver = await here.receive('xhr_streaming');

		await receiver.head();
		/* Both at once: what the front has to say of its client cannot be sent. */
		const killed = redis.command('CLIENT', 'KILL', 'ID', front.publisher);

		receiver.drop({ hard: true });
		await killed;
		await until(
			async () => JSON.parse((await owner.http('/health')).body).sessions === 0,
			'no session at the owner',
		);
		there.site.dropConnections();
		here.site.dropConnections();
	});
});

describe('SockJS and a dead node', () => {
	const frame = (command, headers, body = '') =>
		`${command}\n${Object.entries(headers)
			.map(([name, value]) => `${name}:${value}\n`)
			.join('')}\n${body}\0`;

	/* Each report of the death once brought about the next one. */
	it('is spoken of for no longer than somebody waits for it', async () => {
		const redis = await Redis.start();
		const owner = await Broker.start([`--redis-url=${redis.url}`, '--limits-queue=64M']);
		const front = await Broker.start([`--redis-url=${redis.url}`]);
		const there = new Session(new Site(owner.port), '/ws');
		const here = new Session(new Site(front.port), '/ws', there.id);
		const other = new Session(there.site, '/ws');
		const waiting = new Session(here.site, '/ws', other.id);
		const health = async (node) => JSON.parse((await node.http('/health')).body);
		const lost = async () => (await health(front)).bus_counters.notes_lost;
		const queued = async () => (await health(owner)).counters.messages_queued;

		try {
			await there.open();
			await there.send(frame('CONNECT', { 'accept-version': '1.2', host: 'x' }));
			assert.match(await there.poll(), /CONNECTED/);
			await there.send(frame('SUBSCRIBE', { id: 1, destination: '/sub/x' }));
			/* A whole answer, longer than all buffers, that is not read. */
			for (let i = 0; i < MESSAGES; i++)
				await there.send(
					frame('SEND', { destination: '/pub/x' }, '\u{1f600}'.repeat(200_000)),
				);
			await until(async () => (await queued()) === MESSAGES, 'all that it is to hold');
			const { connection } = await here.attach('xhr');

			connection.socket.pause();
			/* And one that waits for the owner when it dies: by it the death is noticed. */
			await other.open();
			await waiting.attach('xhr_streaming');
			await owner.kill();
			await until(async () => (await lost()) > 0, 'a note to the dead node');
			await pause(1000);
			assert.ok((await lost()) < 10, `${await lost()} notes to a dead node`);
		} finally {
			there.site.dropConnections();
			here.site.dropConnections();
			await owner.kill();
			await front.stop();
			await redis.end();
		}
	});
});

describe('HTTP connections', () => {
	it('a request right behind each answer finds the connection open', async () => {
		const server = await TestServer.start();
		const connection = await Connection.open(server.port);

		try {
			const session = server.session();

			for (let i = 0; i < 500; i++) {
				const poll = await connection.ask(session.url('xhr'), { method: 'POST' });

				assert.equal(poll.status, 200);
				const sent = await connection.ask(session.url('xhr_send'), {
					method: 'POST',
					body: `["${i}"]`,
				});

				assert.equal(sent.status, 204);
			}
		} finally {
			connection.drop();
			await server.stop();
		}
	});
});
