/* docs/spring-migration.md as something to carry out: its files, and its commands in their order. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';

import { KEY } from '../../integration/lib/jwt.mjs';

const text = readFileSync(new URL('../../../docs/spring-migration.md', import.meta.url), 'utf8');

/* The block behind the line that names the file. */
export function file(name) {
	const block = new RegExp(`^\`${name}\`.*?^\`\`\`\\w*\n(.*?)^\`\`\`$`, 'ms').exec(text);

	assert.ok(block, `no file ${name} in the document`);
	return block[1];
}

/* Puts something of this machine in the place of what the document has. */
export function replace(content, pairs) {
	for (const [from, to] of Object.entries(pairs)) {
		assert.ok(content.includes(from), `no ${from} in\n${content}`);
		content = content.replaceAll(from, to);
	}
	return content;
}

/* Writes a configuration of stompbox, and its key; returns the flag for it. */
export async function configure(name, folder, pairs) {
	const config = `${folder}/config.json`;
	const key = `${folder}/key`;

	await writeFile(key, KEY);
	await writeFile(config, replace(file(name), { '/etc/stompbox.key': key, ...pairs }));
	return `--config=${config}`;
}

/* Commands that must stand in the document, each behind those that were asked for before. */
export class Steps {
	at = 0;

	next(command) {
		const found = text.indexOf(command, this.at);

		assert.ok(found >= 0, `not in the document, or not in this place: ${command}`);
		this.at = found;
		return command;
	}
}
