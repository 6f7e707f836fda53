/* SockJS in the broker: its options, and what becomes of a client that polls slowly. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker, run } from './lib/broker.mjs';
import { Site } from './lib/http.mjs';
import { Poller } from './lib/poller.mjs';
import { receivers, Session, Socket, upgrade } from './lib/sockjs.mjs';

const RECEIVERS = ['xhr', 'xhr_streaming', 'eventsource', 'htmlfile'];
const MANY = 500;

describe('a client that polls', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			'--limits-queue=128k',
			'--sockjs-disconnect-delay=60s',
			'--limits-linger=1s',
		]);
	});
	after(() => broker?.stop());

	/* Numbered messages of so many bytes; a receipt for each, so that all are on their way. */
	async function publish(destination, count, bytes) {
		const client = await broker.connect();

		for (let i = 0; i < count; i++) {
			const body = `${i} `.padEnd(bytes, 'x');

			client.send('SEND', { destination, receipt: `r${i}` }, body);
			await client.receipt(`r${i}`);
		}
		client.drop();
	}

	it(`loses none of ${MANY} messages between two polls`, async () => {
		const poller = await Poller.open(broker);
		const numbers = [];

		await poller.connect();
		await poller.subscribe('/sub/many');
		await publish('/pub/many', MANY, 20);
		for (let i = 0; i < MANY; i++)
			numbers.push(Number.parseInt((await poller.next('MESSAGE')).body, 10));
		assert.deepEqual(
			numbers,
			Array.from({ length: MANY }, (_, i) => i),
		);
	});

	it('is closed when its queue is full, and the others go on', async () => {
		const poller = await Poller.open(broker);
		const healthy = await broker.connect();
		const before = (await broker.counters()).slow_closed;

		await poller.connect();
		await poller.subscribe('/sub/slow');
		await healthy.subscribe('/sub/slow');
		await publish('/pub/slow', 40, 8000);
		for (let i = 0; i < 40; i++)
			assert.equal(Number.parseInt((await healthy.message()).body, 10), i);
		await broker.untilEvent('session.slow');
		assert.equal((await broker.counters()).slow_closed, before + 1);

		/* What had been queued may still come, without a gap; then the close. */
		const numbers = [];
		let last = '';

		for (let polls = 0; polls < 40 && !last.startsWith('c'); polls++) {
			last = await poller.poll();
			for (const got of poller.frames.splice(0))
				numbers.push(Number.parseInt(got.body, 10));
		}
		assert.match(last, /^c\[(4500|3000),".*"\]$/);
		assert.deepEqual(
			numbers,
			Array.from({ length: numbers.length }, (_, i) => i),
		);
		assert.ok(numbers.length < 40, 'nothing was held back');
		assert.equal((await poller.session.ask('xhr_send', { body: '["x"]' })).status, 404);
	});
});

describe('a node that ends', () => {
	it('tells those who listen, and those who ask once more', async () => {
		const broker = await Broker.start(['--threads=1']);
		const gone = /^c\[1001,".+"\]$/;

		try {
			const session = new Session(new Site(broker.port), '/ws');
			const waiting = await session.receive('xhr_streaming');
			const asker = await Poller.open(broker);
			const kept = await asker.session.site.connect();
			const socket = await Socket.open(`${broker.url}/000/s/websocket`);

			assert.equal((await kept.ask('/ws')).status, 200);
			await waiting.assertFrame('o');
			broker.child.signal('SIGTERM');
			assert.match(await waiting.frame(), gone);
			await waiting.assertOver();
			for (const expected of [/^o$/, gone])
				assert.match(await socket.frame(), expected);
			assert.equal((await socket.untilClosed()).code, 1001);
			/* The way in is shut, but for connections that are in already. */
			const answer = await kept.ask(asker.session.url('xhr'), { method: 'POST' });

			assert.match(receivers.xhr.unwrap(answer.text), gone);
			await broker.untilEnded();
		} finally {
			await broker.stop();
		}
	});
});

describe('SockJS options', () => {
	/* Sessions without a receiver hold the end of a node up for so long. */
	const briefly = '--sockjs-disconnect-delay=200ms';
	const page = { Origin: 'http://page.example' };

	async function statuses(broker, names) {
		const site = new Site(broker.port);
		const all = {};

		for (const name of names) {
			const { method, query = '' } = receivers[name];
			const session = new Session(site, '/ws');
			const answer = await site.open(session.url(name) + query, { method });

			all[name] = answer.status;
			answer.connection.drop();
		}
		return all;
	}

	it('jsonp and the iframe page are off until they are asked for', async () => {
		const broker = await Broker.start([briefly]);

		try {
			const site = new Site(broker.port);
			const session = new Session(site, '/ws');

			assert.deepEqual(await statuses(broker, [...RECEIVERS, 'jsonp']), {
				xhr: 200,
				xhr_streaming: 200,
				eventsource: 200,
				htmlfile: 200,
				jsonp: 404,
			});
			assert.equal((await site.ask('/ws/iframe.html')).status, 404);
			assert.equal(
				(await session.ask('jsonp_send', { body: 'd=[]' })).status,
				404,
			);
			assert.equal((await site.ask('/ws')).text, 'Welcome to SockJS!\n');
			const info = JSON.parse((await site.ask('/ws/info')).text);

			assert.equal(info.websocket, true);
			assert.equal(info.cookie_needed, false);
		} finally {
			await broker.stop();
		}
	});

	it('jsonp, the iframe page and the cookie by option', async () => {
		const broker = await Broker.start([
			'--sockjs-transports=xhr,jsonp,iframe',
			'--sockjs-client-url=https://cdn.example/sockjs.js',
			'--sockjs-cookie=true',
			briefly,
		]);

		try {
			const site = new Site(broker.port);
			const frames = await site.ask('/ws/iframe.html');
			const info = JSON.parse((await site.ask('/ws/info')).text);
			const opened = await new Session(site, '/ws').ask('xhr');

			assert.deepEqual(await statuses(broker, [...RECEIVERS, 'jsonp']), {
				xhr: 200,
				xhr_streaming: 404,
				eventsource: 404,
				htmlfile: 404,
				jsonp: 200,
			});
			assert.equal(frames.status, 200);
			assert.ok(
				frames.text.includes('src="https://cdn.example/sockjs.js"'),
				frames.text,
			);
			assert.equal(info.cookie_needed, true);
			assert.equal(info.websocket, false);
			assert.match(opened.header('set-cookie'), /^JSESSIONID=dummy; ?path=\//i);
			assert.equal(
				(await site.ask('/ws/000/s/websocket', { headers: upgrade }))
					.status,
				404,
			);
		} finally {
			await broker.stop();
		}
	});

	it('without transports there is no SockJS, but plain WebSocket', async () => {
		const broker = await Broker.start(['--sockjs-transports=']);

		try {
			const site = new Site(broker.port);

			assert.deepEqual(await statuses(broker, RECEIVERS), {
				xhr: 404,
				xhr_streaming: 404,
				eventsource: 404,
				htmlfile: 404,
			});
			for (const target of ['/ws/info', '/ws/iframe.html', '/ws/000/s/websocket'])
				assert.equal(
					(
						await site.ask(target, {
							headers: { ...upgrade, ...page },
						})
					).status,
					404,
					target,
				);
			for (const path of ['/ws', '/ws/websocket'])
				await broker
					.open({ url: `ws://127.0.0.1:${broker.port}${path}` })
					.then((client) => client.connect());
		} finally {
			await broker.stop();
		}
	});

	it('unknown transports are refused at the start', async () => {
		const { code, stderr } = await run([
			'--sockjs-transports=xhr,carrier-pigeon',
			'--test',
		]);

		assert.notEqual(code, 0);
		assert.match(stderr, /carrier-pigeon|transports/);
	});

	it('origins that are not allowed get nothing', async () => {
		const broker = await Broker.start(['--origins=https://good.example', briefly]);

		try {
			const site = new Site(broker.port);
			const ask = (target, origin, method = 'GET') =>
				site.ask(target, { method, headers: { Origin: origin } });

			for (const [target, method] of [
				['/ws/info', 'GET'],
				['/ws/000/s/xhr', 'POST'],
				['/ws/000/s/xhr_send', 'POST'],
				['/ws/000/s/xhr_streaming', 'POST'],
			])
				assert.equal(
					(await ask(target, 'https://evil.example', method)).status,
					403,
					target,
				);
			const good = await ask('/ws/info', 'https://good.example');

			assert.equal(good.status, 200);
			assert.equal(
				good.header('access-control-allow-origin'),
				'https://good.example',
			);
		} finally {
			await broker.stop();
		}
	});

	it('h comes in its time', async () => {
		const broker = await Broker.start([
			'--sockjs-heartbeat=400ms',
			'--sockjs-disconnect-delay=1s',
		]);

		try {
			const quiet = await Poller.open(broker);
			const since = performance.now();

			await quiet.connect({ 'heart-beat': '0,0' });
			assert.equal(await quiet.poll(), 'h');
			assert.ok(performance.now() - since > 280, 'too early');
		} finally {
			await broker.stop();
		}
	});
});
