/* A page as applications write it: @stomp/stompjs, over sockjs-client or a WebSocket. */
import http from 'node:http';

import { Client } from '@stomp/stompjs';
import SockJS from 'sockjs-client';
import WebSocket from 'ws';

import { promised, until, within } from '../../integration/lib/wait.mjs';
import { accessToken } from './spring.mjs';

const RECONNECT_MS = 200;

/* A body that is not for the page: only whether it arrives counts. */
export const MARK = 'are you there?';

/*
 * A browser tells a page of a response that is cut off. What sockjs-client has in place of it
 * in Node does not, and the page would wait for ever.
 */
const request = http.request;

http.request = (...args) => {
	const sent = request(...args);

	if (args[0].path?.includes('/xhr'))
		sent.on('response', (response) =>
			response.once('aborted', () => sent.emit('error', new Error('cut off'))),
		);
	return sent;
};

/* What a page has subscribed to. It stays subscribed when the page reconnects. */
class Listener {
	constructor(page, destination) {
		this.page = page;
		this.destination = destination;
		this.heard = []; /* { body, bytes, connection, type, destination }, as they came */
		this.marks = 0;
		this.asked = 0; /* how far next() has come */
		this.live = []; /* of which connections a receipt has come */
	}

	get bodies() {
		return this.heard.map(({ body }) => body);
	}

	take({ body, binaryBody, headers }, connection) {
		if (body === MARK) {
			this.marks++;
			return;
		}
		this.heard.push({
			body,
			bytes: binaryBody,
			connection,
			type: headers['content-type'],
			destination: headers.destination,
		});
	}

	/* The next message that nobody has asked for. */
	async next(ms) {
		await until(
			() => this.heard.length > this.asked,
			() => `a message at ${this.destination} of ${this.page.name}`,
			ms,
		);
		return this.heard[this.asked++];
	}

	/* The next message that fits. */
	async find(fits, ms) {
		for (;;) {
			const message = await this.next(ms);

			if (fits(message)) return message;
		}
	}

	untilCount(count, ms) {
		return until(
			() => this.heard.length >= count,
			() => `${count} messages at ${this.page.name}; ${this.heard.length} came`,
			ms,
		);
	}
}

const pages = new Set();

export class Page {
	/*
	 * `origin` is where the page comes from. `transports`: those of sockjs-client, or null
	 * for a WebSocket. With `reconnects` the page comes back when it has lost its connection.
	 */
	static async open(
		origin,
		email,
		{ transports = ['websocket'], reconnects = false, claims } = {},
	) {
		const page = new Page();
		const up = promised();

		page.name = email;
		page.origin = origin;
		page.listeners = [];
		page.connections = 0;
		page.closes = []; /* { code, reason, at } */
		page.errors = [];
		page.receipts = 0;
		page.client = new Client({
			webSocketFactory: () => page.socket(transports),
			connectHeaders: { Authorization: `Bearer ${accessToken(email, claims)}` },
			reconnectDelay: reconnects ? RECONNECT_MS : 0,
			heartbeatIncoming: 4000,
			heartbeatOutgoing: 4000,
			onConnect: (frame) => {
				page.connections++;
				page.connected = frame.headers;
				for (const listener of page.listeners) page.subscribe(listener);
				up.resolve();
			},
			onStompError: (frame) => {
				page.errors.push(frame.headers.message);
				up.reject(new Error(frame.headers.message));
			},
			onWebSocketClose: ({ code, reason }) => {
				page.closes.push({ code, reason });
				up.reject(new Error(`closed: ${code} ${reason}`));
			},
		});
		pages.add(page);
		page.client.activate();
		await within(up.promise, `CONNECTED for ${email} at ${origin}`);
		return page;
	}

	static async endAll() {
		for (const page of pages) await page.end();
	}

	socket(transports) {
		return transports
			? new SockJS(`${this.origin}/ws`, null, { transports })
			: new WebSocket(`${this.origin.replace('http', 'ws')}/ws/websocket`, [
					'v12.stomp',
				]);
	}

	subscribe(listener) {
		const connection = this.connections;
		const receipt = `live ${++this.receipts}`;

		/* stompbox says when a subscription is live, and Spring's simple broker does not. */
		this.client.watchForReceipt(receipt, () => listener.live.push(connection));
		listener.subscription = this.client.subscribe(
			listener.destination,
			(message) => listener.take(message, connection),
			{ receipt },
		);
	}

	listen(destination) {
		const listener = new Listener(this, destination);

		this.listeners.push(listener);
		this.subscribe(listener);
		return listener;
	}

	leave(listener) {
		this.listeners = this.listeners.filter((other) => other !== listener);
		listener.subscription.unsubscribe();
	}

	send(destination, body, headers = {}) {
		this.client.publish({
			destination,
			body: typeof body === 'string' ? body : JSON.stringify(body),
			headers,
		});
	}

	/* Sends it with a receipt and waits for that. */
	ask(destination, body, headers = {}) {
		const receipt = `sent ${++this.receipts}`;
		const answered = promised();

		this.client.watchForReceipt(receipt, answered.resolve);
		this.send(destination, body, { ...headers, receipt });
		return within(answered.promise, `a receipt from ${this.origin}`);
	}

	async end() {
		pages.delete(this);
		await within(this.client.deactivate(), `the end of ${this.name}`);
	}
}
