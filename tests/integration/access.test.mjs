/* Who may connect, with what token, and who may send and subscribe where. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { KEY, jwtFlags, sign, tokenFor } from './lib/jwt.mjs';
import { frame } from './lib/stomp.mjs';

const now = Math.floor(Date.now() / 1000);

/* No token may stand in the log, whatever became of it. */
function assertSecret(broker, ...tokens) {
	for (const token of tokens)
		assert.ok(!broker.stderr.includes(token), 'a token stands in the log');
	assert.ok(!broker.stderr.includes(KEY), 'the key stands in the log');
}

describe('tokens', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([
			...jwtFlags,
			'--auth-anonymous=reject',
			'--log-level=debug',
			'--auth-token=header Authorization Bearer,header token,query access_token,cookie sid',
			'--auth-jwt-issuer=mopl',
			'--auth-jwt-require=type=access',
		]);
	});
	after(() => broker?.stop());

	const good = tokenFor('kim:a b', { iss: 'mopl', type: 'access' });
	const bearer = (token) => ({ connect: { Authorization: `Bearer ${token}` } });

	const ways = [
		['a header with a scheme', bearer(good)],
		['a header without its scheme', { connect: { Authorization: good } }],
		['another header', { connect: { token: good } }],
		['the query', { query: `?a=b&access_token=${good}&c=d` }],
		['a cookie', { headers: { Cookie: `other=1; sid=${good}` } }],
	];

	for (const [name, options] of ways) {
		it(`a token comes by ${name}`, async () => {
			const client = await broker.open(options);
			const connected = await client.connect('1.2', options.connect);

			assert.equal(connected.headers['user-name'], 'kim:a b');
			assert.ok(
				connected.raw.includes('\nuser-name:kim:a b\n'),
				'E7: CONNECTED is not escaped',
			);
			assertSecret(broker, good);
		});
	}

	it('the first source that brings a token counts', async () => {
		const client = await broker.open({ query: `?access_token=${good}` });

		client.send('CONNECT', {
			'accept-version': '1.2',
			Authorization: 'Bearer rubbish',
		});
		await client.refused(/token/i);
	});

	const [head, payload, signature] = good.split('.');
	const claims = { sub: 'kim', iss: 'mopl', type: 'access' };
	const bad = [
		['is expired', /expired/, sign({ ...claims, exp: now - 60 })],
		['is not valid yet', /not yet valid/, sign({ ...claims, nbf: now + 600 })],
		['is signed with another key', /signature/, sign(claims, { key: 'k'.repeat(40) })],
		['is not signed', /algorithm/, sign(claims, { alg: 'none' })],
		[
			'is not signed, in other words',
			/algorithm/,
			sign(claims, { alg: 'nOnE', key: '' }),
		],
		['has an empty signature', /signature|not a token/, `${head}.${payload}.`],
		['has lost its signature', /not a token/, `${head}.${payload}`],
		[
			'was changed',
			/signature|not a token/,
			`${head}.${payload.slice(0, -2)}xx.${signature}`,
		],
		[
			'names another algorithm',
			/algorithm/,
			sign(claims, { alg: 'HS512', hash: 'sha512' }),
		],
		[
			'names an algorithm of another family',
			/algorithm/,
			sign(claims, { alg: 'RS256' }),
		],
		['is from another issuer', /issuer/, sign({ ...claims, iss: 'other' })],
		['lacks a claim', /claim/, sign({ sub: 'kim', iss: 'mopl', type: 'refresh' })],
		['is no token', /not a token/, 'rubbish'],
		['is empty', /no token/, ''],
	];

	for (const [name, about, token] of bad) {
		it(`C7 a token that ${name} is refused, and nothing is processed`, async () => {
			const watcher = await broker.connect(bearer(good));
			const client = await broker.open();

			await watcher.subscribe('/sub/tokens');
			client.text(
				frame('CONNECT', {
					'accept-version': '1.2',
					Authorization: `Bearer ${token}`,
				}) + frame('SEND', { destination: '/pub/tokens' }, 'forged'),
			);
			await client.refused(about);
			await watcher.ask('SEND', { destination: '/pub/tokens' }, 'fence');
			assert.equal((await watcher.message()).body, 'fence');
			if (token) assertSecret(broker, token);
		});
	}

	it('no token is refused where anonymous clients are', async () => {
		const client = await broker.open();

		client.send('CONNECT', { 'accept-version': '1.2', login: 'kim', passcode: 'kim' });
		await client.refused(/token/i);
	});

	it('bodies are not logged, even at debug', async () => {
		const client = await broker.connect(bearer(good));

		await client.subscribe('/sub/secret');
		await client.ask(
			'SEND',
			{ destination: '/pub/secret' },
			'a body that nobody else may read',
		);
		await client.message();
		assert.ok(!broker.stderr.includes('nobody else may read'));
	});

	it('what a client says cannot forge a line of the log', async () => {
		const client = await broker.open();

		client.send('CONNECT', {
			'accept-version': '1.2',
			Authorization: 'Bearer x\\nlevel=error event=forged.line',
		});
		await client.refused(/token/i);
		const other = await broker.connect(
			bearer(
				tokenFor('a\nts=1 level=info event=forged.line', {
					iss: 'mopl',
					type: 'access',
				}),
			),
		);

		await other.subscribe('/sub/log');
		assert.doesNotMatch(broker.stderr, /^(ts=1|level=error event=forged)/m);
	});
});

describe('anonymous clients', () => {
	let broker;

	before(async () => {
		broker = await Broker.start([...jwtFlags]);
	});
	after(() => broker?.stop());

	it('are let in without a name by default', async () => {
		const client = await broker.open();

		assert.equal((await client.connect()).headers['user-name'], undefined);
	});

	it('are not made of those with a bad token', async () => {
		const client = await broker.open();

		client.send('CONNECT', {
			'accept-version': '1.2',
			Authorization: `Bearer ${sign({}, { key: 'x' })}`,
		});
		await client.refused(/token|signature/i);
	});
});

describe('access rules', () => {
	let broker;
	const rules = [
		'allow subscribe /sub/users/${user}/**',
		'deny subscribe /sub/users/**',
		'allow send /pub/admin/** role=ADMIN',
		'deny send /pub/admin/**',
		'deny send /pub/** anonymous',
		'allow all /sub/staff/* user=lee',
		'deny all /sub/staff/*',
	];

	before(async () => {
		broker = await Broker.start([...jwtFlags, `--access-rules=${rules.join(',')}`]);
	});
	after(() => broker?.stop());

	const as = (name, claims) =>
		broker.connect({ connect: { Authorization: `Bearer ${tokenFor(name, claims)}` } });

	async function assertDenied(client, command, headers) {
		client.send(command, { ...headers, receipt: 'r' });
		await client.refused(/denied|not allowed|refused/i, { receipt: 'r' });
	}

	it("${user} is the client's own id", async () => {
		const kim = await as('kim');

		await kim.subscribe('/sub/users/kim/inbox');
		await assertDenied(kim, 'SUBSCRIBE', {
			id: '1',
			destination: '/sub/users/lee/inbox',
		});
		await assertDenied(await broker.connect(), 'SUBSCRIBE', {
			id: '1',
			destination: '/sub/users//inbox',
		});
		await assertDenied(await as('*'), 'SUBSCRIBE', {
			id: '1',
			destination: '/sub/users/lee/inbox',
		});
	});

	it('roles come from the token', async () => {
		await (
			await as('a', { roles: ['USER', 'ADMIN'] })
		).ask('SEND', { destination: '/pub/admin/x' });
		await (
			await as('a', { role: 'ADMIN' })
		).ask('SEND', { destination: '/pub/admin/x' });
		await assertDenied(await as('a', { roles: ['USER'] }), 'SEND', {
			destination: '/pub/admin/x',
		});
		await assertDenied(await as('ADMIN'), 'SEND', { destination: '/pub/admin/x' });
	});

	it('a refused SEND reaches nobody', async () => {
		const watcher = await as('kim');
		const anonymous = await broker.connect();

		await watcher.subscribe('/sub/room');
		await assertDenied(anonymous, 'SEND', { destination: '/pub/room' });
		await watcher.ask('SEND', { destination: '/pub/room' }, 'fence');
		assert.equal((await watcher.message()).body, 'fence');
	});

	it('a user can be named', async () => {
		await (await as('lee')).subscribe('/sub/staff/x');
		await assertDenied(await as('kim'), 'SUBSCRIBE', {
			id: '0',
			destination: '/sub/staff/x',
		});
	});

	it('what no rule names is allowed unless access.otherwise says no', async () => {
		await (await broker.connect()).subscribe('/sub/free');
		const strict = await Broker.start([
			'--access-otherwise=deny',
			'--access-rules=allow all /sub/open/**,allow send /pub/open/**',
		]);

		try {
			const client = await strict.connect();

			await client.subscribe('/sub/open/x');
			await client.ask('SEND', { destination: '/pub/open/x' }, 'hi');
			assert.equal((await client.message()).body, 'hi');
			await assertDenied(client, 'SUBSCRIBE', {
				id: '1',
				destination: '/sub/closed',
			});
			await strict.stop();
		} finally {
			await strict.kill();
		}
	});
});

describe('kinds of keys', () => {
	const keys = [
		['base64', `base64:${Buffer.from(KEY).toString('base64')}`],
		['base64url', `base64url:${Buffer.from(KEY).toString('base64url')}`],
		['hex', `hex:${Buffer.from(KEY).toString('hex')}`],
	];

	for (const [name, key] of keys) {
		it(`a key may be given as ${name}`, async () => {
			const broker = await Broker.start(
				[
					'--auth-jwt-algorithms=HS256,HS512',
					'--auth-jwt-allow-short-key=true',
				],
				{ env: { STOMPBOX_AUTH_JWT_KEY: key } },
			);

			try {
				const token = sign(
					{ sub: 'kim' },
					{ alg: 'HS512', hash: 'sha512' },
				);

				await broker.connect({
					connect: { Authorization: `Bearer ${token}` },
				});
				await broker.stop();
			} finally {
				await broker.kill();
			}
		});
	}
});
