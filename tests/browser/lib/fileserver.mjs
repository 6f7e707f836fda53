/*
 * A server for pages of another origin. It has the stock client, for those pages and for
 * the iframe page of the server under test, and a page with nothing in it at every other path.
 */
import { readFile } from 'node:fs/promises';
import http from 'node:http';

import { promised } from '../../integration/lib/wait.mjs';

const client = new URL('../node_modules/sockjs-client/dist/sockjs.js', import.meta.url);

export class FileServer {
	static async start() {
		const files = new FileServer();
		const script = await readFile(client);
		const bound = promised();

		files.server = http.createServer((request, response) => {
			const isScript = request.url === '/sockjs.js';

			response.setHeader(
				'Content-Type',
				isScript
					? 'text/javascript; charset=utf-8'
					: 'text/html; charset=utf-8',
			);
			response.end(isScript ? script : '<!doctype html><title>x</title>');
		});
		files.server.on('error', bound.reject);
		files.server.listen(0, '127.0.0.1', bound.resolve);
		await bound.promise;
		files.origin = `http://127.0.0.1:${files.server.address().port}`;
		files.scriptUrl = `${files.origin}/sockjs.js`;
		return files;
	}

	async stop() {
		const closed = promised();

		this.server.close(closed.resolve);
		this.server.closeAllConnections();
		await closed.promise;
	}
}
