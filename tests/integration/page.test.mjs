/* The demo page as files: what is served, with which headers, and what is not. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Broker } from './lib/broker.mjs';
import { jwtFlags } from './lib/jwt.mjs';

const folder = fileURLToPath(new URL('../../web/', import.meta.url));
const names = (await readdir(folder)).filter((name) => name.includes('.'));

const types = {
	'.css': 'text/css; charset=utf-8',
	'.html': 'text/html; charset=utf-8',
	'.ico': 'image/x-icon',
	'.js': 'text/javascript; charset=utf-8',
	'.json': 'application/json',
	'.mjs': 'text/javascript; charset=utf-8',
	'.png': 'image/png',
	'.svg': 'image/svg+xml',
	'.txt': 'text/plain; charset=utf-8',
	'.webmanifest': 'application/manifest+json',
};

/* Directive by directive. */
function policyOf(answer) {
	return Object.fromEntries(
		answer.headers['content-security-policy'].split(/; */).map((directive) => {
			const [name, ...sources] = directive.split(' ');

			return [name, sources.join(' ')];
		}),
	);
}

function assertGuarded(answer) {
	const policy = policyOf(answer);

	assert.equal(policy['default-src'], "'none'");
	assert.equal(policy['script-src'], "'self'");
	assert.equal(policy['style-src'], "'self'");
	assert.equal(policy['base-uri'], "'none'");
	assert.equal(policy['form-action'], "'none'");
	assert.equal(policy['frame-ancestors'], "'none'");
	assert.doesNotMatch(answer.headers['content-security-policy'], /unsafe|data:|\*/);
	assert.equal(answer.headers['x-content-type-options'], 'nosniff');
	assert.equal(answer.headers['referrer-policy'], 'no-referrer');
	assert.equal(answer.headers['cache-control'], 'no-cache');
}

describe('page', () => {
	let broker;

	before(async () => {
		broker = await Broker.start();
	});
	after(() => broker?.stop());

	for (const target of ['/', '/?room=1']) {
		it('a browser that has a file already gets 304 and nothing more', async () => {
		const { etag } = (await broker.http('/')).headers;

		assert.match(etag, /^"[0-9a-f]+"$/);
		const again = await broker.http('/', { headers: { 'If-None-Match': etag } });

		assert.equal(again.status, 304);
		assert.equal(again.body, '');
		assert.equal(again.headers.etag, etag);
		const other = await broker.http('/', { headers: { 'If-None-Match': '"other"' } });

		assert.equal(other.status, 200);
	});

	it(`index.html at ${target}`, async () => {
			const answer = await broker.http(target);

			assert.equal(answer.status, 200);
			assert.equal(answer.headers['content-type'], types['.html']);
			assert.equal(answer.body, await readFile(path.join(folder, 'index.html'), 'utf8'));
			assertGuarded(answer);
		});
	}

	it('each file below /web/, byte for byte', async () => {
		for (const name of names) {
			const response = await fetch(`${broker.origin}/web/${name}`);
			const bytes = Buffer.from(await response.arrayBuffer());

			assert.equal(response.status, 200, name);
			assert.equal(response.headers.get('content-type'), types[path.extname(name)], name);
			assert.ok(bytes.equals(await readFile(path.join(folder, name))), name);
			assertGuarded({ headers: Object.fromEntries(response.headers) });
		}
	});

	it('another content, another ETag', async () => {
		const tags = new Map();

		for (const name of names) {
			const { headers } = await broker.http(`/web/${name}`);

			assert.match(headers.etag, /^"[0-9a-f]{32}"$/, name);
			tags.set(headers.etag, name);
		}
		assert.equal(tags.size, names.length);
		assert.equal(tags.get((await broker.http('/')).headers.etag), 'index.html');
	});

	it('HEAD is the same without a body', async () => {
		for (const target of ['/', '/web/settings.json']) {
			const { headers, body } = await broker.http(target);
			const head = await broker.http(target, { method: 'HEAD' });

			assert.equal(head.status, 200);
			assert.equal(head.body, '');
			assert.equal(head.headers['content-length'], String(Buffer.byteLength(body)));
			assert.equal(head.headers['content-type'], headers['content-type']);
			assert.equal(head.headers.etag, headers.etag);
			assertGuarded(head);
		}
	});

	it('is only read', async () => {
		for (const method of ['POST', 'PUT', 'DELETE']) {
			const answer = await broker.http('/', { method });

			assert.equal(answer.status, 405, method);
			assert.equal(answer.headers.allow, 'GET, HEAD');
		}
	});

	for (const target of [
		'/web',
		'/web/',
		'/web/nothing.js',
		'/web/index.html/',
		'/web/INDEX.HTML',
		'/index.html',
		'/web/../Makefile',
		'/web/../../etc/passwd',
		'/web/%2e%2e/Makefile',
		'/web/..%2fMakefile',
	]) {
		it(`404 for ${target}`, async () => {
			assert.equal((await broker.http(target)).status, 404);
		});
	}

	it('settings of a node that was told nothing', async () => {
		const answer = await broker.http('/web/settings.json');
		const { version, ...settings } = JSON.parse(answer.body);

		assert.equal(answer.status, 200);
		assert.equal(answer.headers['content-type'], types['.json']);
		assertGuarded(answer);
		assert.match(version, /^\d+\.\d+\.\d+$/);
		assert.deepEqual(settings, {
			endpoint: '/ws',
			app: '/pub',
			broker: '/sub',
			tokenHeader: 'Authorization',
			tokenScheme: 'Bearer',
			anonymous: true,
		});
	});
});

/* What a node with these flags tells its page. */
async function settingsOf(flags) {
	const broker = await Broker.start(flags);

	try {
		return JSON.parse((await broker.http('/web/settings.json')).body);
	} finally {
		await broker.stop();
	}
}

describe('page settings', () => {
	it('are those of the node', async () => {
		const { version, ...settings } = await settingsOf([
			'--endpoint=/chat/ws',
			'--prefixes-app=/a"\\pp,/b',
			'--prefixes-broker=/방,/queue',
			'--auth-token=query token,header X-Token,header Authorization Bearer',
			'--auth-anonymous=reject',
			...jwtFlags,
		]);

		assert.ok(version);
		assert.deepEqual(settings, {
			endpoint: '/chat/ws',
			app: '/a"\\pp',
			broker: '/방',
			tokenHeader: 'X-Token',
			tokenScheme: '',
			anonymous: false,
		});
	});

	it('name no header where none brings a token', async () => {
		const settings = await settingsOf(['--auth-token=cookie token']);

		assert.equal(settings.tokenHeader, '');
		assert.equal(settings.tokenScheme, '');
	});
});

describe('without the page', () => {
	it('there is nothing at its paths', async () => {
		const broker = await Broker.start(['--page=false']);

		try {
			for (const target of ['/', '/web/settings.json', ...names.map((n) => `/web/${n}`)])
				assert.equal((await broker.http(target)).status, 404, target);
			assert.equal((await broker.http('/health')).status, 200);
		} finally {
			await broker.stop();
		}
	});
});
