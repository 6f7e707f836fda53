/*
 * A proxy in front of a server, of the kinds that are in the way of browsers:
 * one that refuses WebSockets, one that never answers them, and one that keeps
 * each response to itself until it is complete.
 */
import http from 'node:http';

import { promised } from '../../integration/lib/wait.mjs';

export class Front {
	/* `upgrade` is "refuse" or "ignore"; `buffer` true keeps responses back. */
	static async start(origin, { upgrade = 'refuse', buffer = false } = {}) {
		const front = new Front();
		const bound = promised();

		front.target = new URL(origin);
		front.buffer = buffer;
		front.server = http.createServer((request, response) =>
			front.pass(request, response),
		);
		front.ignored = new Set();
		front.server.on('upgrade', (request, socket) => {
			socket.on('error', () => {});
			if (upgrade === 'refuse') {
				socket.end(
					'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
				);
			} else {
				front.ignored.add(socket);
				socket.on('close', () => front.ignored.delete(socket));
			}
		});
		front.server.on('error', bound.reject);
		front.server.listen(0, '127.0.0.1', bound.resolve);
		await bound.promise;
		front.origin = `http://127.0.0.1:${front.server.address().port}`;
		return front;
	}

	pass(request, response) {
		const { method, url, headers } = request;
		const { hostname, port } = this.target;
		const onward = http.request({ hostname, port, method, path: url, headers });

		onward.on('error', () => response.destroy());
		onward.on('response', (answer) => {
			const parts = [];

			response.writeHead(answer.statusCode, answer.headers);
			answer.on('error', () => response.destroy());
			answer.on('data', (part) => {
				if (this.buffer) parts.push(part);
				else response.write(part);
			});
			answer.on('end', () => response.end(Buffer.concat(parts)));
		});
		/* A browser that goes away ends the request to the server, too. */
		response.on('close', () => onward.destroy());
		request.pipe(onward);
	}

	async stop() {
		const closed = promised();

		this.server.close(closed.resolve);
		this.server.closeAllConnections();
		for (const socket of this.ignored) socket.destroy();
		await closed.promise;
	}
}
