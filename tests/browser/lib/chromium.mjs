/*
 * Debian's Chromium, without a window. Nothing outside of this machine is
 * asked for anything: no name but this machine's own is resolved, and what
 * browsers do in the background is switched off.
 */
import { chromium } from 'playwright-core';

const program = process.env.CHROMIUM ?? '/usr/bin/chromium';

const flags = [
	'--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
	'--no-proxy-server',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-default-apps',
	'--disable-domain-reliability',
	'--disable-quic',
	'--disable-sync',
	'--no-first-run',
	'--no-pings',
];

/* `options` are those of Playwright's launch(); `args` come after the flags above. */
export function launch({ args = [], ...options } = {}) {
	return chromium.launch({
		executablePath: program,
		/* The sandbox does not start as root, which is what containers run as. */
		chromiumSandbox: process.getuid() !== 0,
		args: [...flags, ...args],
		...options,
	});
}

/*
 * The list of what a page, and the frames in it, complain about: errors on the
 * console, exceptions that nobody caught, a crash. It grows as they come. The
 * icon that browsers ask every server for need not be there.
 */
export function complaintsOf(page) {
	const complaints = [];

	page.on('console', (message) => {
		const { url } = message.location();

		if (message.type() === 'error' && !url.endsWith('/favicon.ico'))
			complaints.push(`${message.text()} (${url})`);
	});
	page.on('pageerror', (error) => complaints.push(error.stack ?? String(error)));
	page.on('crash', () => complaints.push('the page has crashed'));
	return complaints;
}
