/*
 * Proxies from Debian in front of several nodes, in plain round robin: each
 * request goes to the next node, whatever it is for. They run in the
 * foreground, with all their files in a folder of their own.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

import { Child, freePort } from './child.mjs';
import { until } from './wait.mjs';

/* The node that answered, and the request's target. */
const LOG_LINE = /^127\.0\.0\.1:(\d+) (\S+)$/gm;

/* Both are in /usr/sbin, which is not in every user's path. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

/*
 * How the proxy speaks to the nodes:
 *   kept   over HTTP/1.1 connections that serve one request after the other
 *   fresh  over an HTTP/1.1 connection for each request
 *   old    over HTTP/1.0, as nginx does when it is not told otherwise; no WebSockets
 */
const upstream = {
	kept: {
		pool: 'keepalive 16;',
		pass: `proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $upgrade_or_empty;`,
		reuse: 'http-reuse always',
	},
	fresh: {
		pool: '',
		pass: `proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $upgrade_or_close;`,
		reuse: 'option http-server-close\n\thttp-reuse never',
	},
	old: { pool: '', pass: '' },
};

function nginx(folder, port, nodes, how) {
	const { pool, pass } = upstream[how];
	const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
		.map((name) => `${name}_temp_path ${folder}/${name};`)
		.join('\n\t');

	return {
		program: 'nginx',
		args: ['-p', folder, '-e', 'stderr', '-c', path.join(folder, 'proxy.conf')],
		logFile: path.join(folder, 'access.log'),
		config: `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events {
	worker_connections 1024;
}
http {
	${temporary}
	log_format node '$upstream_addr $request_uri';
	access_log ${folder}/access.log node;
	map $http_upgrade $upgrade_or_empty { default upgrade; '' ''; }
	map $http_upgrade $upgrade_or_close { default upgrade; '' close; }
	upstream nodes {
		${nodes.map((node) => `server 127.0.0.1:${node};`).join('\n\t\t')}
		${pool}
	}
	server {
		listen 127.0.0.1:${port};
		location / {
			proxy_pass http://nodes;
			proxy_set_header Host $http_host;
			${pass}
		}
	}
}
`,
	};
}

/* Without http-no-delay it lets what streams lie for up to 200 ms. */
function haproxy(folder, port, nodes, how) {
	const servers = nodes.map((node, i) => `server node${i} 127.0.0.1:${node}`);

	return {
		program: 'haproxy',
		args: ['-db', '-f', path.join(folder, 'proxy.conf')],
		config: `
global
	log stdout format raw local0 info
defaults
	mode http
	log global
	log-format "%si:%sp %HU"
	timeout connect 2s
	timeout client 60s
	timeout server 60s
	timeout tunnel 1h
	option redispatch 1
	option http-no-delay
frontend front
	bind 127.0.0.1:${port}
	default_backend nodes
backend nodes
	balance roundrobin
	${upstream[how].reuse}
	${servers.join('\n\t')}
`,
	};
}

const makers = { nginx, haproxy };

export function isInstalled(kind) {
	return spawnSync(kind, ['-v'], { env }).status === 0;
}

export class Proxy {
	/* `kind` is "nginx" or "haproxy", `nodes` their ports, `how` as above. */
	static async start(kind, nodes, how = 'kept') {
		for (let tries = 1; ; tries++) {
			const proxy = new Proxy();

			try {
				await proxy.run(kind, nodes, how);
				return proxy;
			} catch (error) {
				await proxy.end();
				if (
					!/already in use|cannot bind/i.test(error.message) ||
					tries === 3
				)
					throw error;
			}
		}
	}

	async run(kind, nodes, how) {
		const port = await freePort();

		this.folder = await mkdtemp(path.join(os.tmpdir(), 'stompbox-proxy-'));
		const { program, args, logFile, config } = makers[kind](
			this.folder,
			port,
			nodes,
			how,
		);

		this.logFile = logFile;
		this.origin = `http://127.0.0.1:${port}`;
		await writeFile(path.join(this.folder, 'proxy.conf'), config);
		this.child = new Child(program, args, env);
		await until(
			() => {
				if (this.child.status)
					throw new Error(
						`${program}: ${this.child.stdout}${this.child.stderr}`,
					);
				return this.answers();
			},
			() => `an answer from ${program}: ${this.child.stderr}`,
		);
	}

	answers() {
		return new Promise((resolve) => {
			const request = http.get(
				`${this.origin}/health`,
				{ agent: false },
				(response) => {
					response.resume();
					resolve(true);
				},
			);

			request.on('error', () => resolve(false));
		});
	}

	/* What has come to its end: "127.0.0.1:PORT TARGET" in lines. */
	log() {
		return this.logFile ? readFile(this.logFile, 'utf8') : this.child.stdout;
	}

	/* Some session's requests have gone to more than one node. */
	async assertSpread() {
		const nodes = new Map();
		const log = await this.log();

		for (const [, node, url] of log.matchAll(LOG_LINE)) {
			const session = /^\/ws\/[^/]+\/([^/]+)\//.exec(url)?.[1];

			if (session)
				nodes.set(session, (nodes.get(session) ?? new Set()).add(node));
		}
		assert.ok(
			[...nodes.values()].some((set) => set.size > 1),
			`each session at one node:\n${log}`,
		);
	}

	async stop() {
		await this.child?.end('SIGTERM', 10_000);
	}

	async end() {
		await this.stop();
		if (this.folder) await rm(this.folder, { recursive: true, force: true });
	}
}
