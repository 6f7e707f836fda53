/*
 * What it costs that any event loop and any node can take a SockJS request:
 * from xhr_send to the frame on a streaming receiver, and to the first response
 * of a session, each against the case in which nothing is passed on.
 */
import http from 'node:http';

import { Broker } from '../tests/integration/lib/broker.mjs';
import { Redis } from '../tests/integration/lib/redis.mjs';

const SESSIONS = 40;
const SENDS = 50; /* of each session */

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let names = 0;

/* Resolves with the response once its head is there. */
function post(node, target, body = '', options = {}) {
	return new Promise((resolve, reject) => {
		const request = http.request(node.origin + target, {
			method: 'POST',
			headers: { 'Content-Length': Buffer.byteLength(body) },
			agent,
			...options,
		});

		request.on('error', reject);
		request.on('response', resolve);
		request.end(body);
	});
}

async function drain(response) {
	let text = '';

	for await (const part of response) text += part;
	return text;
}

/* A streaming receiver that can wait for text. */
class Receiver {
	static async open(node, path) {
		const receiver = new Receiver();

		receiver.text = '';
		receiver.response = await post(node, `${path}/xhr_streaming`, '', { agent: false });
		receiver.response.setEncoding('utf8');
		receiver.response.on('error', () => {});
		receiver.response.on('data', (text) => {
			receiver.text += text;
			if (receiver.text.includes(receiver.wanted)) receiver.resolve?.();
		});
		await receiver.until('o\n');
		return receiver;
	}

	until(text) {
		this.wanted = text;
		return new Promise((resolve) => {
			this.resolve = resolve;
			if (this.text.includes(text)) resolve();
		}).then(() => {
			this.text = '';
		});
	}

	close() {
		this.response.destroy();
	}
}

function quantile(values, q) {
	return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)];
}

const frame = (text) => JSON.stringify([`${text}\n\n\0`]);

async function sendsThrough(receiving, sending) {
	const took = [];

	for (let i = 0; i < SESSIONS; i++) {
		const path = `/ws/000/bench${++names}`;
		const receiver = await Receiver.open(receiving, path);
		const send = async (text) =>
			drain(await post(sending, `${path}/xhr_send`, frame(text)));

		await send('CONNECT\naccept-version:1.2\nhost:x');
		await receiver.until('CONNECTED');
		for (let n = 0; n < SENDS; n++) {
			const from = process.hrtime.bigint();
			const answer = receiver.until(`receipt-id:${n}\\n`);

			await send(`SUBSCRIBE\nid:${n}\nreceipt:${n}\ndestination:/sub/bench`);
			await answer;
			took.push(Number(process.hrtime.bigint() - from) / 1e3);
		}
		receiver.close();
	}
	return took;
}

async function firstResponses(node) {
	const took = [];

	for (let i = 0; i < SESSIONS * 5; i++) {
		const from = process.hrtime.bigint();

		await drain(await post(node, `/ws/000/bench${++names}/xhr`));
		took.push(Number(process.hrtime.bigint() - from) / 1e3);
	}
	return took;
}

const redis = await Redis.start();
const joined = [`--redis-url=${redis.url}`, '--threads=1'];
const alone = await Broker.start(['--threads=1']);
const loops = await Broker.start(['--threads=8']);
const nodes = [await Broker.start(joined), await Broker.start(joined)];

const groups = [
	[
		['xhr_send to frame, one event loop', () => sendsThrough(alone, alone)],
		['xhr_send to frame, 7 of 8 on another loop', () => sendsThrough(loops, loops)],
		['xhr_send to frame, sent to another node', () => sendsThrough(nodes[0], nodes[1])],
	],
	[
		['first response, one node alone', () => firstResponses(alone)],
		['first response, with the directory', () => firstResponses(nodes[0])],
	],
];

try {
	await firstResponses(alone);
	console.log('median us   p99 us   ratio');
	for (const group of groups) {
		let baseline = 0;

		for (const [name, measure] of group) {
			const took = await measure();
			const median = quantile(took, 0.5);

			baseline ||= median;
			console.log(
				`${median.toFixed(0).padStart(9)} ${quantile(took, 0.99).toFixed(0).padStart(8)} ${(median / baseline).toFixed(2).padStart(7)}  ${name}`,
			);
		}
	}
} finally {
	agent.destroy();
	for (const node of [alone, loops, ...nodes]) await node.kill();
	await redis.end();
}
