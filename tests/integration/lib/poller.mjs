/* A STOMP client over SockJS that polls when it is told to, and not before. */
import assert from 'node:assert/strict';

import { Site } from './http.mjs';
import { messagesIn, receivers, Session } from './sockjs.mjs';
import { frame, parse } from './stomp.mjs';

export class Poller {
	static async open(broker, options = {}) {
		const poller = new Poller();

		poller.session = new Session(new Site(broker.port), '/ws');
		poller.query = options.query ?? '';
		poller.frames = [];
		assert.equal(await poller.poll(), 'o');
		return poller;
	}

	async connect(headers = {}) {
		await this.send('CONNECT', { 'accept-version': '1.2', host: 'x', ...headers });
		return this.next('CONNECTED');
	}

	/* The SockJS frame; STOMP frames in it are put aside. */
	async poll() {
		const answer = await this.session.ask(`xhr${this.query}`);

		assert.equal(answer.status, 200, answer.text);
		const got = receivers.xhr.unwrap(answer.text);

		if (got.startsWith('a'))
			for (const text of messagesIn(got))
				this.frames.push(parse(Buffer.from(text), '1.2'));
		return got;
	}

	async send(...frames) {
		const answer = await this.session.ask(`xhr_send${this.query}`, {
			body: JSON.stringify([frame(...frames)]),
		});

		assert.equal(answer.status, 204, answer.text);
	}

	async next(command) {
		while (this.frames.length === 0) await this.poll();
		const got = this.frames.shift();

		assert.equal(got.command, command);
		return got;
	}

	async subscribe(destination) {
		await this.send('SUBSCRIBE', { id: '0', destination, receipt: 'live' });
		await this.next('RECEIPT');
	}
}
