/* The statistics line of Spring's WebSocketMessageBrokerStats, word for word, with our numbers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { freePort } from './lib/child.mjs';
import { Site } from './lib/http.mjs';
import { Poller } from './lib/poller.mjs';
import { Session, Socket } from './lib/sockjs.mjs';
import { Client, frame } from './lib/stomp.mjs';
import { FrameSocket } from './lib/tcp.mjs';
import { until } from './lib/wait.mjs';

const OFTEN = ['--stats-first=50ms', '--stats-every=50ms'];

/* As Spring writes it, but for what stands behind it. */
const LINE = new RegExp(
	'^WebSocketSession\\[(\\d+) current WS\\((\\d+)\\)-HttpStream\\((\\d+)\\)-HttpPoll\\((\\d+)\\), ' +
		'(\\d+) total, (\\d+) closed abnormally \\((\\d+) connect failure, (\\d+) send limit, ' +
		'(\\d+) transport error\\)\\], stompSubProtocol\\[processed CONNECT\\((\\d+)\\)-' +
		'CONNECTED\\((\\d+)\\)-DISCONNECT\\((\\d+)\\)\\], stompBrokerRelay\\[null\\]' +
		['inboundChannel', 'outboundChannel', 'sockJsScheduler']
			.map(
				(name) =>
					`, ${name}\\[pool size = (\\d+), active threads = (\\d+), ` +
					'queued tasks = (\\d+), completed tasks = (\\d+)\\]',
			)
			.join('') +
		', tcp\\[(\\d+) current, (\\d+) total\\]$',
);

const NAMES = [
	...['current', 'ws', 'stream', 'poll', 'total', 'abnormal', 'mute', 'slow', 'cut'],
	...['connect', 'connected', 'disconnect'],
	...['inPool', 'inActive', 'inQueued', 'inDone'],
	...['outPool', 'outActive', 'outQueued', 'outDone'],
	...['jsPool', 'jsActive', 'jsQueued', 'jsDone', 'tcp', 'tcpTotal'],
];

function read(line) {
	const [, ...numbers] = LINE.exec(line) ?? assert.fail(`not Spring's line: ${line}`);

	return Object.fromEntries(NAMES.map((name, i) => [name, Number(numbers[i])]));
}

function last(broker) {
	const event = broker.events('broker.stats').at(-1);

	return event && read(event.line);
}

/* A line comes in which these numbers stand. */
async function untilLine(broker, expected) {
	const names = Object.keys(expected);
	const chosen = () => {
		const numbers = last(broker);

		return numbers && Object.fromEntries(names.map((name) => [name, numbers[name]]));
	};

	await until(
		() => JSON.stringify(chosen()) === JSON.stringify(expected),
		() => `${JSON.stringify(expected)}; the last was ${JSON.stringify(chosen())}`,
	);
	return last(broker);
}

describe('the statistics line', () => {
	let broker;
	let tcpPort;

	before(async () => {
		tcpPort = await freePort();
		broker = await Broker.start([
			...OFTEN,
			`--tcp-listen=127.0.0.1:${tcpPort}`,
			'--limits-connect-time=500ms',
			'--limits-unacked=1',
			'--limits-queue=4k',
			'--sockjs-disconnect-delay=500ms',
		]);
	});
	after(() => broker?.stop());

	it('begins with nothing but zeros, and the event loops as pools', async () => {
		const { line, level } = await broker.untilEvent('broker.stats');
		const pool =
			'[pool size = 2, active threads = 2, queued tasks = 0, completed tasks = 0]';

		assert.equal(level, 'info');
		assert.equal(
			line,
			'WebSocketSession[0 current WS(0)-HttpStream(0)-HttpPoll(0), 0 total, ' +
				'0 closed abnormally (0 connect failure, 0 send limit, 0 transport error)], ' +
				'stompSubProtocol[processed CONNECT(0)-CONNECTED(0)-DISCONNECT(0)], ' +
				`stompBrokerRelay[null], inboundChannel${pool}, outboundChannel${pool}, ` +
				`sockJsScheduler${pool}, tcp[0 current, 0 total]`,
		);
	});

	it('tells WebSocket, streaming, polling and TCP apart', async () => {
		const site = new Site(broker.port);
		const plain = await broker.connect();
		const framed = await Socket.open(`${broker.url}/1/framed/websocket`);
		const poller = await Poller.open(broker);
		const streams = [];

		framed.send(JSON.stringify([frame('CONNECT', { 'accept-version': '1.2' })]));
		await poller.connect();
		for (const name of ['xhr_streaming', 'eventsource']) {
			const session = new Session(site, '/ws');
			const receiver = await session.receive(name);

			await receiver.assertFrame('o');
			await session.send(frame('CONNECT', { 'accept-version': '1.2' }));
			streams.push(receiver);
		}
		const tcp = await Client.open('tcp', {
			make: () => new FrameSocket({ port: tcpPort }),
		});

		await tcp.connect();
		await untilLine(broker, {
			...{ current: 5, ws: 2, stream: 2, poll: 1, total: 5, abnormal: 0 },
			...{
				connect: 6,
				connected: 6,
				disconnect: 0,
				jsQueued: 3,
				tcp: 1,
				tcpTotal: 1,
			},
		});
		plain.ws.close(1000);
		framed.drop();
		for (const stream of streams) stream.drop();
		tcp.ws.socket.end();
		await untilLine(broker, {
			...{ current: 0, ws: 0, stream: 0, poll: 0, total: 5, cut: 1 },
			...{ disconnect: 0, jsQueued: 0, jsDone: 3, tcp: 0, tcpTotal: 1 },
		});
	});

	it('counts what ended in the wrong way, and what did not', async () => {
		const { cut, total, connect, disconnect } = last(broker);
		const slow = await broker.connect();
		const gone = await broker.connect();
		const polite = await broker.connect();
		const refused = await broker.open();

		await broker.open(); /* says nothing */
		refused.send('CONNECT', { 'accept-version': '9' });
		await refused.refused(/version/);
		await slow.subscribe('/sub/slow', '0', { ack: 'client' });
		for (let i = 0; i < 8; i++)
			polite.send('SEND', { destination: '/pub/slow' }, 'x'.repeat(1000));
		assert.equal((await slow.untilClosed()).code, 4500);
		gone.drop();
		await polite.ask('DISCONNECT');
		polite.drop();
		await untilLine(broker, {
			...{
				current: 0,
				total: total + 5,
				abnormal: 2,
				mute: 1,
				slow: 1,
				cut: cut + 1,
			},
			...{ connect: connect + 4, disconnect: disconnect + 1 },
		});
	});

	it('says how many frames came in and messages went out', async () => {
		const before = last(broker);
		const client = await broker.connect();

		await client.subscribe('/sub/count');
		await client.ask('SEND', { destination: '/pub/count' }, 'x');
		await client.message();
		await untilLine(broker, { inDone: before.inDone + 3, outDone: before.outDone + 1 });
		const { inQueued, outQueued } = last(broker);

		assert.deepEqual([inQueued, outQueued], [0, 0]);
	});

	it('each number is a counter in /health, too', async () => {
		const counters = await broker.counters();
		const line = last(broker);

		assert.equal(
			line.total,
			counters.websocket_opened +
				counters.http_stream_opened +
				counters.http_poll_opened,
		);
		assert.equal(line.connect, counters.connects_received);
		assert.equal(line.disconnect, counters.disconnects_received);
		assert.equal(line.cut, counters.connections_cut);
		assert.equal(counters.connections_opened, line.total + line.tcpTotal);
	});
});

describe('when the statistics line comes', () => {
	it('as often as stats.every says, first after stats.first', async () => {
		const broker = await Broker.start(['--stats-first=200ms', '--stats-every=1s']);

		try {
			await until(
				() => broker.events('broker.stats').length === 3,
				'three lines',
			);
			const at = broker.events('broker.stats').map(({ ts }) => Date.parse(ts));
			const from = Date.parse(broker.events('broker.started')[0].ts);

			assert.ok(
				at[0] - from >= 150 && at[0] - from < 900,
				`first after ${at[0] - from} ms`,
			);
			for (const i of [1, 2])
				assert.ok(
					Math.abs(at[i] - at[i - 1] - 1000) < 500,
					`${at[i] - at[i - 1]} ms`,
				);
		} finally {
			await broker.stop();
		}
	});

	it('never with stats.every=0', async () => {
		const broker = await Broker.start(['--stats-first=10ms', '--stats-every=0']);

		try {
			await new Promise((resolve) => setTimeout(resolve, 300));
			assert.deepEqual(broker.events('broker.stats'), []);
		} finally {
			await broker.stop();
		}
	});

	it('in JSON the text is the same', async () => {
		const broker = await Broker.start([...OFTEN, '--log-format=json']);

		try {
			const line = () =>
				broker.stderr
					.split('\n')
					.slice(0, -1)
					.map((text) => JSON.parse(text))
					.find(({ event }) => event === 'broker.stats');

			read((await until(line, 'a line')).line);
		} finally {
			await broker.stop();
		}
	});
});
