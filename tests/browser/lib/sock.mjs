/*
 * The stock SockJS client in a page, and what the page asked the server for.
 *
 * Texts go into the page and come out of it as JSON in ASCII, since the way
 * between here and there is UTF-8, which has no lone surrogates.
 */
import assert from 'node:assert/strict';

import { until, within } from '../../integration/lib/wait.mjs';
import { complaintsOf } from './chromium.mjs';

function toAscii(value) {
	return JSON.stringify(value).replace(
		/[^ -~]/g,
		(unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
	);
}

/* Runs in the page. */
function openInPage([url, options]) {
	const sock = new globalThis.SockJS(url, null, options);
	const state = { sock, texts: [], closed: null };

	globalThis.state = state;
	return new Promise((resolve) => {
		sock.onopen = () => resolve({ transport: sock.transport });
		sock.onmessage = (event) => state.texts.push(event.data);
		sock.onclose = ({ code, reason, wasClean }) => {
			state.closed = { code, reason, wasClean };
			resolve({ closed: state.closed });
		};
	});
}

/* Runs in the page. Lone surrogates leave it as escapes; that is how JSON.stringify writes them. */
function takeInPage() {
	return JSON.stringify(globalThis.state.texts.splice(0));
}

/* A page with the client in it. */
export class SockPage {
	/* `address` is any page; what it holds does not matter. */
	static async open(browser, address, scriptUrl) {
		const one = new SockPage();

		one.context = await browser.newContext();
		one.page = await one.context.newPage();
		one.complaints = complaintsOf(one.page);
		one.asked = [];
		one.page.on('request', (request) => one.note(request.url()));
		one.page.on('websocket', (socket) => one.note(socket.url()));
		await one.page.goto(address);
		await one.page.addScriptTag({ url: scriptUrl });
		return one;
	}

	/* The last part of the path tells what it is for. */
	note(url) {
		const name = new URL(url).pathname.split('/').at(-1);

		if (name !== 'sockjs.js') this.asked.push(name);
	}

	/* How often the last part of a path was asked for since the last open(). */
	count(name) {
		return this.asked.filter((other) => other === name).length;
	}

	/* Resolves when it is open: { transport }, or has been closed: { closed }. */
	open(url, options = {}) {
		this.asked = [];
		this.came = [];
		this.judged = Infinity;
		return within(
			this.page.evaluate(openInPage, [url, options]),
			() => `an open or a close of ${url}; asked for ${this.asked}`,
		);
	}

	/* Hands the texts over, one after the other, at once. */
	send(texts) {
		return this.page.evaluate((ascii) => {
			for (const text of JSON.parse(ascii)) globalThis.state.sock.send(text);
		}, toAscii(texts));
	}

	/* The next `count` texts that came. */
	async take(count, ms) {
		await until(
			async () => {
				this.came.push(...JSON.parse(await this.page.evaluate(takeInPage)));
				return this.came.length >= count;
			},
			() =>
				`${count} texts; ${this.came.length} came; ` +
				`asked for ${this.asked}; complaints: ${this.complaints}`,
			ms,
		);
		return this.came.splice(0, count);
	}

	/* What is sent comes back, and nothing else. */
	async assertEcho(texts) {
		await this.send(texts);
		const back = await this.take(texts.length);

		/* Compared as ASCII, so that a failure shows what differs. */
		assert.deepEqual(back.map(toAscii), texts.map(toAscii));
		assert.deepEqual(this.came, []);
	}

	/*
	 * The client cannot give up a script that is on its way, and complains
	 * itself when it comes; such is its own affair.
	 */
	close() {
		this.judged = this.complaints.length;
		return this.page.evaluate(() => globalThis.state.sock.close());
	}

	/* Until it was closed, nothing in the page has failed. */
	assertContent() {
		assert.deepEqual(this.complaints.slice(0, this.judged), []);
	}

	/* { code, reason, wasClean } */
	untilClosed() {
		return until(
			() => this.page.evaluate(() => globalThis.state.closed),
			() => `a close; asked for ${this.asked}`,
		);
	}

	end() {
		return this.context.close();
	}
}
