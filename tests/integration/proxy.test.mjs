/*
 * Two nodes behind a proxy that knows nothing of sessions: every request of a
 * SockJS session may reach the other node, and everything works all the same.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Client as StompJs } from '@stomp/stompjs';
import SockJS from 'sockjs-client';

import { Broker } from './lib/broker.mjs';
import { Site } from './lib/http.mjs';
import { isInstalled, Proxy } from './lib/proxy.mjs';
import { RawSock } from './lib/rawsock.mjs';
import { Redis } from './lib/redis.mjs';
import { Session } from './lib/sockjs.mjs';
import { promised, until, within } from './lib/wait.mjs';

const MESSAGES = 200; /* each way */
const RUNS = Number(process.env.PROXY_RUNS ?? 4);
const ENDED_MS = 15_000; /* from the death of a node to the end of what it owned */
const JOINED_MS = 20_000;

const stock = (transports) => (url) => new SockJS(url, null, { transports });
const raw = (transport) => (url) => new RawSock(url, transport);

/* Makers of what looks like a WebSocket. The stock client has the first four of them in Node. */
const transports = {
	websocket: stock('websocket'),
	'xhr-streaming': stock('xhr-streaming'),
	'xhr-polling': stock('xhr-polling'),
	eventsource: stock('eventsource'),
	'eventsource, raw': raw('eventsource'),
	htmlfile: raw('htmlfile'),
	'jsonp-polling': raw('jsonp'),
};

const live = new Set();

/* @stomp/stompjs over one of them. */
class Member {
	constructor(make, origin) {
		const closed = promised();

		this.opened = promised();
		this.opened.promise.catch(() => {});
		this.closed = closed.promise;
		this.bodies = [];
		this.client = new StompJs({
			webSocketFactory: () => make(`${origin}/ws`),
			reconnectDelay: 0,
			onConnect: this.opened.resolve,
			onStompError: ({ headers }) =>
				this.opened.reject(new Error(headers.message)),
			onWebSocketClose: (event) => {
				this.ended = event;
				this.opened.reject(
					new Error(`closed: ${event.code} ${event.reason}`),
				);
				closed.resolve(event);
			},
		});
		this.client.activate();
		live.add(this);
	}

	static async join(make, origin) {
		const member = new Member(make, origin);

		await within(member.opened.promise, 'CONNECTED');
		return member;
	}

	subscribe(destination) {
		const receipt = promised();

		this.client.watchForReceipt('live', receipt.resolve);
		this.client.subscribe(destination, ({ body }) => this.bodies.push(body), {
			receipt: 'live',
		});
		return within(
			Promise.race([
				receipt.promise,
				this.closed.then(({ code, reason }) => {
					throw new Error(`closed: ${code} ${reason}`);
				}),
			]),
			'the receipt of SUBSCRIBE',
		);
	}

	send(destination, body) {
		this.client.publish({ destination, body });
	}

	async next(count) {
		await until(
			() => this.ended || this.bodies.length >= count,
			() => `${count} messages; ${this.bodies.length} came`,
			30_000,
		);
		assert.equal(this.ended?.reason, undefined, 'closed');
		return this.bodies.splice(0, count);
	}

	async leave() {
		live.delete(this);
		await this.client.deactivate({ force: true });
	}
}

async function leaveAll() {
	for (const member of live) await member.leave();
}

function numbered(from) {
	return Array.from({ length: MESSAGES }, (_, i) => `${from} ${i} 안녕 😀 100%41 </script>`);
}

let rooms = 0;

/* A member on the transport, and one with a plain WebSocket to a node, talk to each other. */
async function talk(make, origin, node) {
	const path = `proxy-${process.pid}-${++rooms}`;
	const peer = await node.connect();
	const member = await Member.join(make, origin);
	const there = numbered('there');
	const back = numbered('back');
	const heard = [];

	await peer.subscribe(`/sub/${path}/there`);
	await member.subscribe(`/sub/${path}/back`);
	for (let i = 0; i < MESSAGES; i++) {
		member.send(`/pub/${path}/there`, there[i]);
		peer.send('SEND', { destination: `/pub/${path}/back` }, back[i]);
		/* So that there is more than one request each way. */
		if (i % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 5));
	}
	while (heard.length < MESSAGES) heard.push((await peer.message()).body);
	assert.deepEqual(heard, there);
	assert.deepEqual(await member.next(MESSAGES), back);
	await member.leave();
	peer.drop();
}

const flags = [
	'--sockjs-transports=websocket,xhr,xhr_streaming,eventsource,htmlfile,jsonp',
	'--sockjs-response-limit=4k',
];

let redis;
let nodes = [];

async function startNodes() {
	try {
		redis = await Redis.start();
		for (let i = 0; i < 2; i++)
			nodes.push(await Broker.start([`--redis-url=${redis.url}`, ...flags]));
		await untilJoined();
	} catch (error) {
		await endNodes();
		throw error;
	}
}

async function endNodes() {
	await leaveAll();
	try {
		for (const node of nodes) if (!node.child.status) await node.stop();
	} finally {
		nodes = [];
		await redis?.end();
	}
}

/* What one node is sent reaches the other, in both directions. */
async function untilJoined() {
	for (const node of nodes) await node.untilStatus('/ready', 200);
	for (const [from, to] of [nodes, [...nodes].reverse()]) {
		const sender = await from.connect();
		const receiver = await to.connect();

		await receiver.subscribe('/sub/joined');
		await until(
			() => {
				sender.send('SEND', { destination: '/pub/joined' }, '?');
				return receiver.frames.length > 0;
			},
			'the nodes to hear each other',
			JOINED_MS,
			50,
		);
		sender.drop();
		receiver.drop();
	}
}

function portsOf(list) {
	return list.map(({ port }) => port);
}

const proxies = [
	{ kind: 'nginx', how: 'kept' },
	{ kind: 'nginx', how: 'fresh' },
	{ kind: 'nginx', how: 'old', noWebSockets: true },
	{ kind: 'haproxy', how: 'kept' },
];

function missing(kind) {
	return !isInstalled(kind) && `${kind} is not installed`;
}

function carry(kind, how, names) {
	let proxy;

	beforeEach(async () => {
		proxy = await Proxy.start(kind, portsOf(nodes), how);
	});
	afterEach(async () => {
		await leaveAll();
		await proxy?.end();
	});

	for (const name of names) {
		it(`${name}: ${MESSAGES} messages both ways, ${RUNS} times`, async () => {
			for (let run = 0; run < RUNS; run++)
				await talk(transports[name], proxy.origin, nodes[run % 2]);
			await proxy.stop();
			if (name !== 'websocket') await proxy.assertSpread();
		});
	}
}

describe('transports behind a proxy', { skip: missing('nginx') && missing('haproxy') }, () => {
	before(startNodes);
	after(endNodes);

	for (const { kind, how, noWebSockets } of proxies) {
		const names = Object.keys(transports).filter(
			(name) => !noWebSockets || name !== 'websocket',
		);

		describe(`${kind}, ${how} connections to the nodes`, { skip: missing(kind) }, () =>
			carry(kind, how, names),
		);
	}
});

/*
 * For each transport a session that the first node owns and whose receiver the
 * second one holds.
 */
async function openRelayed() {
	const [owner, holder] = nodes.map(({ port }) => new Site(port));
	const relayed = [];

	for (const transport of ['xhr', 'xhr_streaming', 'eventsource', 'htmlfile']) {
		const { id } = await new Session(owner, '/ws').open();
		const session = new Session(holder, '/ws', id);

		await session.send('CONNECT\naccept-version:1.2\nhost:x\n\n\0');
		assert.match((await session.messages(1))[0], /^CONNECTED\n/);
		const receiver = await session.receive(transport);

		if (transport !== 'xhr') {
			await session.send('SUBSCRIBE\nid:0\ndestination:/sub/x\nreceipt:r\n\n\0');
			assert.match((await receiver.messages(1))[0], /^RECEIPT\n/);
		}
		relayed.push({ transport, session, receiver });
	}
	for (const { transport, receiver } of relayed)
		assert.ok(!receiver.answer?.over && !receiver.connection.over, transport);
	return { relayed, holder };
}

/*
 * The receiver's response comes to an end, and the session is not known. In
 * order, without an answer or with another status: it is all the same to a client.
 */
async function assertEnded({ transport, session, receiver }) {
	let frame;

	try {
		do frame = await receiver.frame(ENDED_MS);
		while (frame !== null);
	} catch (error) {
		assert.doesNotMatch(error.message, /^not within/, transport);
	}
	await session.assertGone();
}

async function talkOnAll(proxy, node) {
	for (const make of Object.values(transports)) await talk(make, proxy.origin, node);
}

describe('relayed sessions', { skip: missing('nginx') }, () => {
	let proxy;

	beforeEach(async () => {
		await startNodes();
		proxy = await Proxy.start('nginx', portsOf(nodes));
	});
	afterEach(async () => {
		await endNodes();
		await proxy?.end();
	});

	it('end when their owner dies; new ones are at home at once', async () => {
		const { relayed, holder } = await openRelayed();
		const since = performance.now();

		await nodes[0].kill();
		await talkOnAll(proxy, nodes[1]);
		for (const one of relayed) await assertEnded(one);
		assert.ok(performance.now() - since < ENDED_MS);
		holder.dropConnections();
	});

	it('end when Redis stops; WebSockets stay; new ones work when it is back', async () => {
		const { relayed, holder } = await openRelayed();
		const members = [];

		for (const node of nodes)
			members.push(await Member.join(transports.websocket, node.origin));
		await members[1].subscribe('/sub/stays');
		await redis.stop();
		for (const one of relayed) await assertEnded(one);
		holder.dropConnections();
		await redis.startAgain();
		await untilJoined();
		members[0].send('/pub/stays', 'still here');
		assert.deepEqual(await members[1].next(1), ['still here']);
		await talkOnAll(proxy, nodes[0]);
	});
});
