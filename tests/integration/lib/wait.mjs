/* Waiting always has a deadline, and a failure says what was waited for. */

const PATIENCE_MS = 10_000;

/* Turns a text or a function that gives one into a text; the function is called late, for details. */
function text(what) {
	return typeof what === 'function' ? what() : what;
}

export async function within(promise, what, ms = PATIENCE_MS) {
	const late = new Error();
	let timer;

	const deadline = new Promise((resolve, reject) => {
		timer = setTimeout(() => {
			late.message = `not within ${ms} ms: ${text(what)}`;
			reject(late);
		}, ms);
	});
	try {
		return await Promise.race([promise, deadline]);
	} finally {
		clearTimeout(timer);
	}
}

/* Asks `condition` again and again until its answer is true; returns the answer. */
export async function until(condition, what, ms = PATIENCE_MS, everyMs = 10) {
	const deadline = performance.now() + ms;
	const late = new Error();

	for (;;) {
		const answer = await condition();

		if (answer) return answer;
		if (performance.now() > deadline) {
			late.message = `not within ${ms} ms: ${text(what)}`;
			throw late;
		}
		await new Promise((resolve) => setTimeout(resolve, everyMs));
	}
}

/* A promise with its handles outside. */
export function promised() {
	const p = {};

	p.promise = new Promise((resolve, reject) => {
		p.resolve = resolve;
		p.reject = reject;
	});
	return p;
}
