/*
 * The table of intended differences from the recordings, tests/data/golden/differences.json,
 * and the document that is made from it:
 *
 *     node tests/integration/lib/differences.mjs > docs/spring-differences.md
 */
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

import { readCases } from './golden.mjs';

const data = new URL('../../data/golden/', import.meta.url);

export const recordings = ['1-connect', '2-frames', '3-user-and-routes'];

async function json(name) {
	return JSON.parse(await readFile(new URL(`${name}.json`, data), 'utf8'));
}

/* Every case with what the table says of it. */
export async function readTable() {
	const table = await json('differences');
	const cases = [];

	for (const recording of recordings) {
		for (const one of readCases(await json(recording))) {
			const id = `${recording}: ${one.name}`;

			cases.push({
				...one,
				id,
				row: table.cases.find((row) => row.case === id),
				pending: table.pending.find((row) => row.case === id)?.feature,
			});
		}
	}
	return { ...table, cases, rows: table.cases };
}

/* What is expected of a case, turn by turn: the recording, but where `answers` says otherwise. */
export function expect(turns, answers = {}) {
	return turns.map((turn, i) => answers[i] ?? turn.heard);
}

function code(texts) {
	const shown = texts.map((text) =>
		JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\u0000', '^@'),
	);

	if (shown.length === 0) return 'nothing';
	return shown.map((text) => `\`${text.replaceAll('|', '\\|')}\``).join('<br>');
}

function said(turn) {
	return code(turn.said.map((s) => s.send ?? `GET ${s.open}${s.proto ? ` ${s.proto}` : ''}`));
}

function answers(heard) {
	return code(Object.values(heard).flat());
}

function section(key, reason, table) {
	const lines = [`## ${reason.title}`, '', reason.why];
	const rows = table.cases.filter(({ row }) => row?.reasons[0] === key);
	const also = table.cases.filter(({ row }) => row?.reasons.slice(1).includes(key));

	lines.push('', `Rests on: ${reason.basis}.`);
	if (reason.option) {
		const names = [].concat(reason.option).map((path) => `\`${path}\``);

		lines.push('', `As Spring has it: ${names.join(', ')}.`);
	}
	if (reason.no_switch) lines.push('', `No switch: ${reason.no_switch}`);
	if (reason.everywhere) return lines;
	lines.push('', '| case | from the client | Spring | stompbox |', '|---|---|---|---|');
	for (const { id, turns, row } of rows) {
		for (const i of Object.keys(row.answers))
			lines.push(
				`| ${id.replaceAll('|', '\\|')} | ${said(turns[i])} | ` +
					`${answers(turns[i].heard)} | ${answers(row.answers[i])} |`,
			);
	}
	for (const { id, row } of also)
		lines.push(`| ${id} | | | see "${table.reasons[row.reasons[0]].title}" |`);
	return lines;
}

/* What no recording shows. */
function unrecorded(rows) {
	const lines = ['## Not in the recordings', ''];

	lines.push('| | Spring | stompbox | option, or why there is none |', '|---|---|---|---|');
	for (const { what, spring, here, options = [], why } of rows) {
		const names = options.map((path) => `\`${path}\``).join(', ');
		const cell = [names, why].filter(Boolean).join('; ');

		lines.push(`| ${[what, spring, here, cell].join(' | ')} |`);
	}
	return lines;
}

export function documentOf(table) {
	const same = table.cases.filter((c) => !c.row && !c.pending).length;
	const lines = [
		'# Differences from Spring on the wire',
		'',
		"Conversations with Spring's simple broker were recorded (`tests/data/golden/`);",
		'`tests/integration/golden.test.mjs` replays them. This document is made from the table of',
		'that test, so each answer below is one that was seen:',
		'`node tests/integration/lib/differences.mjs > docs/spring-differences.md`.',
		'',
		`Of ${table.cases.length} conversations ${same} are the same byte for byte, but for message`,
		`ids and the header session; ${table.rows.length} differ on purpose, as told here;`,
		`${table.pending.length} need features that are not there yet. Frames are written as in JSON,`,
		'but NUL as `^@`.',
	];

	for (const [key, reason] of Object.entries(table.reasons))
		lines.push('', ...section(key, reason, table));
	lines.push('', ...unrecorded(table.unrecorded));
	if (table.pending.length > 0)
		lines.push('', '## Not there yet', '', '| case | waits for |', '|---|---|');
	for (const { case: id, feature } of table.pending) lines.push(`| ${id} | ${feature} |`);
	return `${lines.join('\n')}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
	process.stdout.write(documentOf(await readTable()));
