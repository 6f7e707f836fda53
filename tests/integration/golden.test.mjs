/* Conversations recorded from Spring's simple broker, replayed. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { documentOf, expect, readTable } from './lib/differences.mjs';
import { Replay } from './lib/golden.mjs';
import { jwtFlags } from './lib/jwt.mjs';

const PENDING_PATIENCE_MS = 200;

const flags = [
	'--prefixes-broker=/sub,/queue,/topic',
	'--allow-client-publish=true',
	'--allow-user-send=true',
	'--subscribe-patterns=/sub,/queue,/topic',
	'--heartbeat-send=0',
	'--heartbeat-receive=0',
	'--origins=*',
	...jwtFlags,
];
const table = await readTable();

/* The recorded server's two endpoints, as two nodes. */
class Nodes {
	constructor(extra = []) {
		this.extra = extra;
	}

	async start() {
		const all = [...flags, ...this.extra];

		this.sockjs = await Broker.start(all);
		this.raw = await Broker.start([...all, '--endpoint=/rawws', '--sockjs-transports=']);
	}

	urlOf(path) {
		return (path.startsWith('/rawws') ? this.raw : this.sockjs).origin + path;
	}

	replay(one, expected, options) {
		return new Replay((path) => this.urlOf(path), options).run(one, expected);
	}

	async stop() {
		await this.sockjs?.stop();
		await this.raw?.stop();
	}
}

describe('the table of differences', () => {
	const recorded = new Map(table.cases.map((one) => [one.id, one]));

	it('names each case once, and none that was not recorded', () => {
		const named = [...table.rows, ...table.pending].map((row) => row.case);

		assert.equal(recorded.size, 90);
		assert.equal(table.cases.length, 90);
		assert.deepEqual(
			named.filter((id) => !recorded.has(id)),
			[],
		);
		assert.equal(new Set(named).size, named.length);
	});

	it('gives each difference a reason, and uses each reason', () => {
		const everywhere = Object.keys(table.reasons).filter(
			(reason) => table.reasons[reason].everywhere,
		);
		const used = new Set([...everywhere, ...table.rows.flatMap((row) => row.reasons)]);

		for (const row of table.rows) assert.ok(row.reasons.length > 0, row.case);
		assert.deepEqual([...used].sort(), Object.keys(table.reasons).sort());
	});

	it('says of each reason how to have it as Spring does, or why one cannot', async () => {
		const url = new URL('../../docs/options.md', import.meta.url);
		const options = await readFile(url, 'utf8');
		const switches = options.match(/^## compat\..*$/gm).map((line) => line.slice(3));
		const named = Object.values(table.reasons).flatMap(({ option }) => option ?? []);

		for (const [name, { option, no_switch: why }] of Object.entries(table.reasons))
			assert.ok(option || why, name);
		assert.deepEqual(named.sort(), switches.sort());
	});

	it('says the same of what no recording shows', async () => {
		const url = new URL('../../docs/options.md', import.meta.url);
		const headings = (await readFile(url, 'utf8')).split('\n');

		for (const { what, spring, here, options = [], why } of table.unrecorded) {
			assert.ok(what && spring && here, what);
			assert.ok(options.length > 0 || why, what);
			for (const path of options)
				assert.ok(headings.includes(`## ${path}`), `${what}: ${path}`);
		}
	});

	it('holds no answer that is the recorded one', () => {
		for (const row of table.rows) {
			const { turns } = recorded.get(row.case);

			assert.ok(Object.keys(row.answers).length > 0, row.case);
			for (const [i, answer] of Object.entries(row.answers))
				assert.notDeepEqual(answer, turns[i].heard, `${row.case}, turn ${i}`);
		}
	});

	it('docs/spring-differences.md says what it says', async () => {
		const url = new URL('../../docs/spring-differences.md', import.meta.url);

		assert.equal(
			await readFile(url, 'utf8'),
			documentOf(table),
			'run: node tests/integration/lib/differences.mjs > docs/spring-differences.md',
		);
	});
});

describe('conversations recorded from Spring', () => {
	const nodes = new Nodes();
	const early = []; /* pending cases that are answered as in the recording */

	before(() => nodes.start());
	after(() => nodes.stop());

	for (const one of table.cases) {
		if (one.pending) {
			it(one.id, { todo: `waits for ${one.pending}` }, async () => {
				const expected = expect(one.turns);
				const answers = await nodes.replay(one, expected, {
					patienceMs: PENDING_PATIENCE_MS,
				});

				assert.deepEqual(answers, expected);
				early.push(one.id);
			});
		} else {
			it(one.id, async () => {
				const expected = expect(one.turns, one.row?.answers);

				assert.deepEqual(await nodes.replay(one, expected), expected);
			});
		}
	}

	it('what is pending does not pass already', () => {
		assert.deepEqual(
			early,
			[],
			'these pass now: take them out of "pending" in tests/data/golden/differences.json',
		);
	});
});

/* `as_spring`: what is answered with the options of the compat family; the rest is as recorded. */
describe('conversations recorded from Spring, with the compat options', () => {
	const switches = Object.values(table.reasons).flatMap(({ option }) => option ?? []);
	const nodes = new Nodes(switches.map((path) => `--${path.replaceAll(/[._]/g, '-')}`));

	before(() => nodes.start());
	after(() => nodes.stop());

	for (const one of table.cases) {
		if (!one.row?.as_spring) continue;
		it(one.id, async () => {
			const expected = expect(one.turns, one.row.as_spring);

			assert.deepEqual(await nodes.replay(one, expected), expected);
		});
	}
});
