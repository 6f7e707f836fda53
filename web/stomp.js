/*
 * A small STOMP 1.2 client on one WebSocket. It lives as long as its connection:
 * who wants to come back makes another one. It keeps no timer after its end.
 *
 *     const client = new StompClient(url, { headers, onOpen, onError, onClose });
 *     client.subscribe('/sub/room', (frame) => …);
 *     client.send('/pub/room', 'text');
 */
const OFFER_MS = 10_000;
const CONNECT_MS = 15_000;
/* How late a heart-beat may be, since networks and sleeping tabs are late. */
const PATIENCE = 2.5;

const escapes = { '\\': '\\\\', '\r': '\\r', '\n': '\\n', ':': '\\c' };
const unescapes = { '\\\\': '\\', '\\r': '\r', '\\n': '\n', '\\c': ':' };
/* These two are never escaped, so that STOMP 1.0 servers can read them. */
const plain = new Set(['CONNECT', 'CONNECTED']);

const encoder = new TextEncoder();

export function writeFrame(command, headers = {}, body = '') {
	let text = `${command}\n`;

	for (const [name, value] of Object.entries(headers)) {
		const line = [name, String(value)].map((part) =>
			plain.has(command)
				? part.replace(/[\r\n]/g, '')
				: part.replace(/[\\\r\n:]/g, (c) => escapes[c]),
		);

		text += `${line.join(':')}\n`;
	}
	return `${text}\n${body}\0`;
}

/* One frame, or null for a heart-beat. Of a header that comes twice the first counts. */
export function readFrame(data) {
	const text = data.replace(/^[\r\n]+/, '');

	if (text === '') return null;
	const [head] = /^[^]*?\r?\n\r?\n/.exec(text) ?? [text];
	const [command, ...lines] = head.trimEnd().split(/\r?\n/);
	const body = text.slice(head.length).replace(/\0[\r\n]*$/, '');
	const headers = new Map();

	for (const line of lines) {
		const at = line.indexOf(':');
		const pair = [line.slice(0, at), line.slice(at + 1)];
		const [name, value] = plain.has(command)
			? pair
			: pair.map((part) => part.replace(/\\[\\rnc]/g, (e) => unescapes[e]));

		if (!headers.has(name)) headers.set(name, value);
	}
	return { command: command.replace(/\0$/, ''), headers, body };
}

export class StompClient {
	/*
	 * `headers` go into CONNECT. onOpen(headers), onError({ message, body, receipt, connected })
	 * and onClose({ code, reason }); the last is called exactly once, unless close()
	 * was called before.
	 */
	constructor(url, { headers = {}, onOpen, onError, onClose }) {
		this.on = { onOpen, onError, onClose };
		this.subscriptions = new Map();
		this.receipts = new Map();
		this.lastId = 0;
		this.connected = false;
		this.over = false;
		this.socket = new WebSocket(url, ['v12.stomp']);
		this.socket.binaryType = 'arraybuffer';
		this.socket.onopen = () =>
			this.write('CONNECT', {
				'accept-version': '1.2',
				host: new URL(url).hostname,
				'heart-beat': `${OFFER_MS},${OFFER_MS}`,
				...headers,
			});
		this.socket.onmessage = ({ data }) => this.take(data);
		this.socket.onclose = ({ code, reason }) => this.end({ code, reason });
		this.deadline = setTimeout(
			() => this.end({ code: 0, reason: 'The server did not answer in time.' }),
			CONNECT_MS,
		);
	}

	/* False: nothing was written, because the connection is gone or not yet there. */
	write(command, headers, body) {
		if (this.over || this.socket.readyState !== WebSocket.OPEN) return false;
		this.socket.send(writeFrame(command, headers, body));
		this.lastSent = Date.now();
		return true;
	}

	send(destination, body, type = 'application/json') {
		return this.write(
			'SEND',
			{
				destination,
				'content-type': type,
				'content-length': encoder.encode(body).length,
			},
			body,
		);
	}

	/* `onReceipt` is called when the server says that it stands. Returns { id, receipt }. */
	subscribe(destination, onMessage, onReceipt) {
		const id = `sub-${++this.lastId}`;
		const receipt = `receipt-${this.lastId}`;

		this.subscriptions.set(id, onMessage);
		if (onReceipt) this.receipts.set(receipt, onReceipt);
		this.write('SUBSCRIBE', { id, destination, ...(onReceipt && { receipt }) });
		return { id, receipt };
	}

	unsubscribe(id) {
		if (this.subscriptions.delete(id)) this.write('UNSUBSCRIBE', { id });
	}

	take(data) {
		const text = typeof data === 'string' ? data : new TextDecoder().decode(data);

		if (this.over) return;
		this.lastHeard = Date.now();
		/* Timers of hidden tabs are slowed down; what comes in is not. */
		this.beat();
		const frame = readFrame(text);

		if (!frame) return;
		const { command, headers, body } = frame;

		if (command === 'CONNECTED') this.open(headers);
		else if (command === 'MESSAGE')
			this.subscriptions.get(headers.get('subscription'))?.(frame);
		else if (command === 'RECEIPT') this.settle(headers.get('receipt-id'));
		else if (command === 'ERROR')
			this.on.onError({
				message: headers.get('message') ?? '',
				body,
				receipt: headers.get('receipt-id'),
				connected: this.connected,
			});
	}

	open(headers) {
		const [sends = 0, wants = 0] = (headers.get('heart-beat') ?? '0,0')
			.split(',')
			.map(Number);

		clearTimeout(this.deadline);
		this.connected = true;
		/* A little early, so that the way to the server may take some time. */
		this.sendEvery = wants > 0 ? Math.max(OFFER_MS, wants) * 0.8 : 0;
		this.hearEvery = sends > 0 ? Math.max(OFFER_MS, sends) * PATIENCE : 0;
		if (this.sendEvery || this.hearEvery)
			this.pulse = setInterval(() => this.check(), 1000);
		this.on.onOpen(headers);
	}

	beat() {
		if (!this.connected || !this.sendEvery) return;
		if (Date.now() - this.lastSent < this.sendEvery) return;
		if (this.socket.readyState !== WebSocket.OPEN) return;
		this.socket.send('\n');
		this.lastSent = Date.now();
	}

	check() {
		this.beat();
		if (this.hearEvery && Date.now() - this.lastHeard > this.hearEvery)
			this.end({ code: 0, reason: 'The server has fallen silent.' });
	}

	settle(id) {
		this.receipts.get(id)?.();
		this.receipts.delete(id);
	}

	end(why) {
		if (this.over) return;
		this.close();
		this.on.onClose(why);
	}

	/* Says goodbye and does not wait for an answer. */
	close() {
		if (this.connected) this.write('DISCONNECT', {});
		this.over = true;
		this.connected = false;
		clearTimeout(this.deadline);
		clearInterval(this.pulse);
		this.socket.close();
	}
}
