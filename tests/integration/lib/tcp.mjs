/* STOMP on a plain TCP or TLS socket, with the faces of other things. */
import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';

const LINE_END = 10;

/* `options`: { port, secure: what tls.connect() wants, or nothing for plain TCP }. */
export function dial({ port, secure }) {
	const at = { host: '127.0.0.1', port, allowHalfOpen: true };

	return secure ? tls.connect({ ...at, ...secure }) : net.connect(at);
}

/* The face of a WebSocket of "ws", one message for each frame, for lib/stomp.mjs. */
export class FrameSocket extends EventEmitter {
	constructor(options) {
		super();
		this.socket = dial(options);
		this.data = Buffer.alloc(0);
		this.code = 'fin';
		this.socket.setNoDelay(true);
		this.socket.on(options.secure ? 'secureConnect' : 'connect', () =>
			this.emit('open'),
		);
		this.socket.on('data', (data) => {
			this.data = this.data.length > 0 ? Buffer.concat([this.data, data]) : data;
			this.split();
		});
		this.socket.on('error', (error) => {
			this.code = error.code;
			this.emit('error', error);
		});
		this.socket.on('end', () => this.socket.end());
		this.socket.on('close', () => this.emit('close', this.code, ''));
	}

	/* How long is the frame at the start? undefined: it is not all there. */
	measure() {
		const blank = this.data.indexOf('\n\n');

		if (blank < 0) return undefined;
		const head = this.data.toString('latin1', 0, blank);
		const [, length] = /^content-length:(\d+)$/m.exec(head) ?? [];
		const end = length ? blank + 2 + Number(length) : this.data.indexOf(0, blank + 2);

		return end < 0 || end >= this.data.length ? undefined : end + 1;
	}

	split() {
		while (this.data.length > 0) {
			const size = this.data[0] === LINE_END ? 1 : this.measure();

			if (size === undefined) return;
			const message = this.data.subarray(0, size);

			this.data = this.data.subarray(size);
			this.emit('message', message, true);
		}
	}

	send(data) {
		this.socket.write(data);
	}

	pause() {
		this.socket.pause();
	}

	resume() {
		this.socket.resume();
	}

	terminate() {
		this.socket.destroy();
	}
}

/* The face of a browser's WebSocket, for @stomp/stompjs: bytes as they come. */
export class StreamSocket {
	constructor(options) {
		this.readyState = 0;
		this.protocol = '';
		this.url = `tcp://127.0.0.1:${options.port}`;
		this.socket = dial(options);
		this.socket.on(options.secure ? 'secureConnect' : 'connect', () => {
			this.readyState = 1;
			this.onopen?.({});
		});
		this.socket.on('data', (data) =>
			this.onmessage?.({ data: new Uint8Array(data).buffer }),
		);
		this.socket.on('error', (error) => this.onerror?.({ error }));
		this.socket.on('end', () => this.socket.end());
		this.socket.on('close', (isError) => {
			this.readyState = 3;
			this.onclose?.({ code: isError ? 1006 : 1000, reason: '', wasClean: !isError });
		});
	}

	send(data) {
		this.socket.write(data);
	}

	close() {
		this.readyState = 2;
		this.socket.end();
	}

	terminate() {
		this.socket.destroy();
	}
}

/* A certificate for 127.0.0.1 that has signed itself, and its key, in that folder. */
export function makeCertificate(folder, name = 'server') {
	const files = {
		certificate: path.join(folder, `${name}.pem`),
		key: path.join(folder, `${name}.key`),
	};

	execFileSync(
		'openssl',
		[
			...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
			...['-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'],
			...['-addext', 'subjectAltName=IP:127.0.0.1'],
			...['-keyout', files.key, '-out', files.certificate],
		],
		{ stdio: 'ignore' },
	);
	return files;
}
