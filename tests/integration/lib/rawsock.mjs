/*
 * SockJS over the transports which the stock client has in browsers only. To
 * its user it looks like a WebSocket; how frames come in pieces does not
 * matter to it, since there may be proxies on the way.
 */
import http from 'node:http';

/* What follows the prelude, frame by frame. */
const receivers = {
	eventsource: {
		frame: /data: ([^\r\n]*)\r\n\r\n/y,
		prelude: /\r\n/y,
		decode: (text) => text.replace(/%(25|0D|0A|00)/gi, decodeURIComponent),
	},
	htmlfile: {
		query: '?c=cb',
		frame: /<script>\np\((".*")\);\n<\/script>\r\n/y,
		prelude: /<!doctype[^]{1000,}?\r\n\r\n/iy,
		decode: JSON.parse,
	},
	jsonp: {
		query: '?c=cb',
		frame: /\/\*\*\/cb\((".*")\);\r\n/y,
		decode: JSON.parse,
		sendAs: (json) => [
			'jsonp_send',
			'application/x-www-form-urlencoded',
			`d=${encodeURIComponent(json)}`,
		],
	},
};

const asText = (json) => ['xhr_send', 'text/plain;charset=UTF-8', json];

/* The text behind `at` that fits, or null. */
function match(pattern, text, at) {
	pattern.lastIndex = at;
	return pattern.exec(text);
}

function random(length) {
	return Array.from({ length }, () => Math.floor(Math.random() * 36).toString(36)).join('');
}

export class RawSock {
	/* `transport` is "eventsource", "htmlfile" or "jsonp". */
	constructor(url, transport) {
		this.receiver = receivers[transport];
		this.transport = transport;
		this.session = random(8);
		this.url = `${url}/${String(Math.floor(Math.random() * 1000)).padStart(3, '0')}/${this.session}`;
		this.agent = new http.Agent({ keepAlive: true });
		this.readyState = 0;
		this.protocol = '';
		this.outgoing = [];
		this.sending = false;
		this.receive();
	}

	/* Attaches a receiver; another one when its response has come to its end. */
	receive() {
		const { prelude, query = '' } = this.receiver;
		let text = '';
		let at = prelude ? -1 : 0;

		this.request = http.get(`${this.url}/${this.transport}${query}`, {
			agent: this.agent,
		});
		this.request.on('error', (error) => this.end(1006, error.message));
		this.request.on('response', (response) => {
			if (response.statusCode !== 200)
				return this.end(
					1006,
					`${this.transport}: status ${response.statusCode}`,
				);
			response.setEncoding('utf8');
			response.on('error', (error) => this.end(1006, error.message));
			response.on('data', (part) => {
				text += part;
				if (at < 0 && match(prelude, text, 0)) at = prelude.lastIndex;
				if (at >= 0) at = this.read(text, at);
			});
			response.on('end', () => {
				if (this.readyState > 1) return;
				if (at !== text.length)
					this.end(1006, `no frame: ${text.slice(at)}`);
				else this.receive();
			});
		});
	}

	/* Takes the frames that are whole; returns where the rest begins. */
	read(text, at) {
		const { frame, decode } = this.receiver;

		for (let got; (got = match(frame, text, at));) {
			at += got[0].length;
			this.take(decode(got[1]));
		}
		return at;
	}

	take(frame) {
		const rest = frame.slice(1);

		if (this.readyState > 1) return;
		switch (frame[0]) {
			case 'o':
				if (this.readyState === 1)
					return this.end(1006, 'Server lost session');
				this.readyState = 1;
				this.onopen?.({});
				break;
			case 'a':
				for (const data of JSON.parse(rest)) this.onmessage?.({ data });
				break;
			case 'c':
				this.end(...JSON.parse(rest));
				break;
			case 'h':
				break;
			default:
				this.end(1006, `no frame: ${frame}`);
		}
	}

	send(text) {
		this.outgoing.push(text);
		this.flush();
	}

	/* One request at a time keeps the messages in order. */
	flush() {
		if (this.sending || this.outgoing.length === 0 || this.readyState !== 1) return;
		const json = JSON.stringify(this.outgoing.splice(0));
		const [name, type, body] = (this.receiver.sendAs ?? asText)(json);
		const request = http.request(`${this.url}/${name}`, {
			method: 'POST',
			agent: this.agent,
			headers: {
				'Content-Type': type,
				'Content-Length': Buffer.byteLength(body),
			},
		});

		this.sending = true;
		request.on('error', (error) => this.end(1006, error.message));
		request.on('response', (response) => {
			response.resume();
			response.on('error', (error) => this.end(1006, error.message));
			response.on('end', () => {
				this.sending = false;
				if (response.statusCode >= 300)
					this.end(1006, `${name}: status ${response.statusCode}`);
				else this.flush();
			});
		});
		request.end(body);
	}

	end(code, reason) {
		if (this.readyState > 1) return;
		this.readyState = 3;
		this.agent.destroy();
		this.request.destroy();
		this.onclose?.({ code, reason, wasClean: code !== 1006 });
	}

	close(code = 1000, reason = 'Normal closure') {
		this.end(code, reason);
	}
}
