/* What a message is: made, read from a body, and shown. Nothing in it is ever taken for HTML. */
export const TEXT_LIMIT = 2000;
export const NAME_LIMIT = 24;
const ROOM_LIMIT = 32;
const HUES = 8;
/* Messages of one person within this time stand below one name. */
const TOGETHER_MS = 5 * 60_000;

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const graphemes = globalThis.Intl?.Segmenter ? new Intl.Segmenter() : null;

/* Length as people count it, so that an emoji of many parts is one. */
export function lengthOf(text) {
	return graphemes ? [...graphemes.segment(text)].length : [...text].length;
}

function firstOf(text) {
	const [first] = graphemes ? graphemes.segment(text) : text;

	return first?.segment ?? first ?? '?';
}

/* A reason in words, or an empty text when there is nothing against it. */
export function againstText(text) {
	const over = (text.length > TEXT_LIMIT * 8 ? text.length : lengthOf(text)) - TEXT_LIMIT;

	if (text.trim() === '') return 'Write something first.';
	if (over > 0) return `That is ${over} characters too long; ${TEXT_LIMIT} are allowed.`;
	return '';
}

export function againstName(name) {
	if (name === '') return 'Please choose a nickname first.';
	if (lengthOf(name) > NAME_LIMIT) return `A nickname has at most ${NAME_LIMIT} characters.`;
	return '';
}

export function againstRoom(room) {
	if (room === '') return 'Give the room a name.';
	if ([...room].length > ROOM_LIMIT) return `A room's name has at most ${ROOM_LIMIT} characters.`;
	if (!/^[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]*$/u.test(room))
		return 'A room\u2019s name is made of letters, digits, - and _.';
	return '';
}

export function cleanRoom(name) {
	return name.normalize('NFC').trim().replace(/^#/, '').replace(/\s+/g, '-').toLowerCase();
}

/* randomUUID() is not there on plain HTTP from another machine. */
export function newId() {
	const bytes = crypto.getRandomValues(new Uint8Array(12));

	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function timeOf(at) {
	const date = new Date(typeof at === 'number' || typeof at === 'string' ? at : NaN);

	return Number.isNaN(date.getTime()) ? new Date() : date;
}

/* Bodies of other programs are shown as they are, without a name. */
export function readBody(body) {
	let value = null;

	try {
		value = JSON.parse(body);
	} catch {
		/* Not JSON; that is no error here. */
	}
	if (value === null || typeof value !== 'object' || typeof value.text !== 'string')
		return { nickname: '', text: body, id: '', at: new Date(), foreign: true };
	const { nickname, text, id, at } = value;

	return {
		nickname: typeof nickname === 'string' ? nickname.trim() : '',
		text,
		id: typeof id === 'string' ? id : '',
		at: timeOf(at),
		foreign: false,
	};
}

function element(tag, className, text) {
	const made = document.createElement(tag);

	made.className = className;
	if (text !== undefined) made.textContent = text;
	return made;
}

function hueOf(name) {
	let sum = 0;

	for (const c of name) sum = (sum * 31 + c.codePointAt(0)) % 9973;
	return sum % HUES;
}

/* What others send may be long; what is shown is not. */
function cut(text, limit) {
	return text.length > limit ? `${text.slice(0, limit).replace(/[\ud800-\udbff]$/, '')}…` : text;
}

export function isTogether(message, before) {
	return Boolean(
		before &&
			!before.notice &&
			before.nickname === message.nickname &&
			before.mine === message.mine &&
			Math.abs(message.at - before.at) < TOGETHER_MS,
	);
}

/* Shows how far a message of one's own has got. `onAgain` sends it once more. */
export function showProgress(message) {
	const { node, progress, trip } = message;
	const line = node?.querySelector('.progress');

	if (!line) return;
	node.dataset.progress = progress;
	line.replaceChildren();
	if (progress === 'sending') line.textContent = 'Sending…';
	else if (progress === 'here') line.textContent = `${trip} ms`;
	else {
		const again = element('button', 'quiet', 'Send again');

		again.type = 'button';
		again.addEventListener('click', () => message.onAgain());
		line.append('Not confirmed ', again);
	}
	line.title = progress === 'here' ? 'Time until your message came back from the server' : '';
}

export function nodeOf(message, before) {
	if (message.notice) return element('p', 'notice', message.text);
	const name = cut(message.nickname, 2 * NAME_LIMIT) || 'No name';
	const node = element('article', 'message');
	const head = element('p', 'head');
	const avatar = element('span', 'avatar', message.nickname ? firstOf(name) : '·');
	const time = element('time', 'time', clock.format(message.at));

	if (isTogether(message, before)) node.classList.add('together');
	if (message.mine) node.classList.add('mine');
	avatar.dataset.hue = hueOf(name);
	avatar.ariaHidden = 'true';
	time.dateTime = message.at.toISOString();
	head.append(element('bdi', 'name', name), ' ', time);
	if (message.foreign) head.append(' ', element('span', 'tag', 'plain text'));
	/* Several times the own limit: other programs may have others. */
	node.append(avatar, head, element('p', 'text', cut(message.text, 4 * TEXT_LIMIT)));
	message.node = node;
	if (message.mine) {
		node.append(element('p', 'progress'));
		showProgress(message);
	}
	return node;
}
