/* A connection that comes back by itself: states, back-off with jitter, refusals. */
import { StompClient } from './stomp.js';

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/* A connection that has held this long is a good one; the next wait is short again. */
const STEADY_MS = 10_000;

/* Half of the wait is certain and half is chance, so that clients do not come all at once. */
export function waitFor(attempt, chance = Math.random()) {
	const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);

	return Math.round(whole / 2 + (whole / 2) * chance);
}

export class Connection extends EventTarget {
	/*
	 * Fires "state" with detail { state, until?, message? }; the states are
	 * connecting, connected, waiting, refused; and "notice" with detail { message, receipt? }: an
	 * ERROR on an open connection, and the receipt that was asked for in vain.
	 */
	constructor(url) {
		super();
		this.url = url;
		this.headers = {};
		this.attempt = 0;
		this.state = 'idle';
		this.client = null;
	}

	tell(state, detail = {}) {
		this.state = state;
		this.dispatchEvent(new CustomEvent('state', { detail: { state, ...detail } }));
	}

	open() {
		clearTimeout(this.timer);
		this.client?.close();
		this.tell('connecting', { again: this.attempt > 0 });
		this.client = new StompClient(this.url, {
			headers: this.headers,
			onOpen: () => this.onOpen(),
			onError: (error) => this.onError(error),
			onClose: () => this.onClose(),
		});
	}

	onOpen() {
		this.since = Date.now();
		this.tell('connected');
	}

	onError({ message, body, receipt, connected }) {
		const words = message || body || 'The server has refused the connection.';

		if (!connected) {
			this.client.close();
			this.tell('refused', { message: words });
			return;
		}
		this.dispatchEvent(new CustomEvent('notice', { detail: { message: words, receipt } }));
	}

	onClose() {
		if (this.since && Date.now() - this.since > STEADY_MS) this.attempt = 0;
		this.since = 0;
		const wait = waitFor(this.attempt++);

		this.tell('waiting', { until: Date.now() + wait });
		this.timer = setTimeout(() => this.open(), wait);
	}

	/* For "try now" and for networks that are back: only a wait is cut short. */
	hurry() {
		if (this.state === 'waiting') this.open();
	}
}
