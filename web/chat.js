/* The chat page: rooms, what is typed, and what is shown of the connection. */
import { Connection } from './connection.js';
import {
	TEXT_LIMIT,
	againstName,
	againstRoom,
	againstText,
	cleanRoom,
	lengthOf,
	newId,
	nodeOf,
	readBody,
	showProgress,
} from './messages.js';

const KEPT = 200; /* messages of a room */
const ROOMS = 30; /* joined or not */
const ECHO_MS = 10_000;
const defaults = ['general', 'watch-party', 'help'];

const $ = (id) => document.getElementById(id);
const settings = await loadSettings();
const rooms = new Map();
const pending = new Map(); /* id to own message whose echo has not come */
let current = null;
let connection = null;
let countdown = 0;

async function loadSettings() {
	const usual = {
		endpoint: '/ws',
		app: '/pub',
		broker: '/sub',
		tokenHeader: 'Authorization',
		tokenScheme: 'Bearer',
		anonymous: true,
	};

	try {
		const response = await fetch(new URL('settings.json', import.meta.url));

		return response.ok ? { ...usual, ...(await response.json()) } : usual;
	} catch {
		return usual;
	}
}

/* Private windows may have no storage; then nothing is kept. */
function keep(name, value) {
	try {
		localStorage.setItem(`stompbox.${name}`, value);
	} catch {
		/* Not kept. */
	}
}

function kept(name) {
	try {
		return localStorage.getItem(`stompbox.${name}`) ?? '';
	} catch {
		return '';
	}
}

function complain(text) {
	$('trouble').textContent = text;
}

/* --- rooms --- */

function addRoom(name) {
	if (!rooms.has(name))
		rooms.set(name, { name, messages: [], unread: 0, joined: false, live: false, sub: null });
	return rooms.get(name);
}

function keepRooms() {
	keep('rooms', JSON.stringify([...rooms.keys()].filter((name) => !defaults.includes(name))));
}

function restoreRooms() {
	let own = [];

	for (const name of defaults) addRoom(name);
	try {
		own = JSON.parse(kept('rooms') || '[]');
	} catch {
		/* Somebody else's; it is written anew. */
	}
	for (const name of Array.isArray(own) ? own.slice(0, ROOMS) : [])
		if (typeof name === 'string' && againstRoom(name) === '') addRoom(name);
}

function subscribe(room) {
	const { client, state } = connection;

	room.live = false;
	if (state !== 'connected') return;
	room.sub = client.subscribe(
		`${settings.broker}/demo/${room.name}`,
		({ body }) => onMessage(room, body),
		() => {
			room.live = true;
			showRoom();
		},
	);
}

function join(name) {
	const room = addRoom(name);

	if (!room.joined) {
		room.joined = true;
		subscribe(room);
	}
	room.unread = 0;
	current = room;
	keep('room', name);
	keepRooms();
	history.replaceState(null, '', `#${encodeURIComponent(name)}`);
	complain('');
	showRooms();
	showRoom();
	showLog();
}

function leave(room) {
	if (room.sub && connection.state === 'connected') connection.client.unsubscribe(room.sub.id);
	for (const message of room.messages) pending.delete(message.id);
	Object.assign(room, { joined: false, live: false, sub: null, messages: [], unread: 0 });
	if (!defaults.includes(room.name)) rooms.delete(room.name);
	const next = [...rooms.values()].find((other) => other.joined);

	join(next?.name ?? defaults[0]);
	$('rooms').querySelector('[aria-current]')?.focus();
}

function showRooms() {
	const focused = document.activeElement?.dataset?.room;
	const items = [...rooms.values()].map((room) => {
		const item = document.createElement('li');
		const button = document.createElement('button');
		const name = document.createElement('bdi');

		button.type = 'button';
		button.dataset.room = room.name;
		button.dataset.joined = room.joined;
		if (room === current) button.setAttribute('aria-current', 'page');
		name.className = 'room-name';
		name.textContent = room.name;
		button.append(name);
		if (room.unread > 0) {
			const count = document.createElement('span');
			const unit = document.createElement('span');

			count.className = 'count';
			count.textContent = room.unread > 99 ? '99+' : room.unread;
			unit.className = 'unseen';
			unit.textContent = ' unread';
			count.append(unit);
			button.append(' ', count);
		}
		button.addEventListener('click', () => {
			join(room.name);
			/* On touch screens the keyboard would come up; there nobody asked for it. */
			if (matchMedia('(pointer: fine)').matches) $('text').focus();
		});
		item.append(button);
		return item;
	});

	$('rooms').replaceChildren(...items);
	if (focused) $('rooms').querySelector(`[data-room="${CSS.escape(focused)}"]`)?.focus();
	const unread = [...rooms.values()].reduce((sum, room) => sum + room.unread, 0);

	document.title = `${unread > 0 ? `(${unread}) ` : ''}${current?.name ?? 'chat'} · stompbox`;
}

function showRoom() {
	const waits = connection.state === 'connected' && current.joined && !current.live;

	$('room-title').textContent = `# ${current.name}`;
	$('room-hint').textContent = waits ? 'Joining…' : current.joined ? '' : 'Not joined';
	$('leave').hidden = [...rooms.values()].filter((room) => room.joined).length < 2;
	$('text').placeholder = `Message #${current.name}`;
	$('empty').textContent = current.live
		? 'Nothing has been said here since you came. Say hello!'
		: 'Messages appear here once you are connected.';
	$('empty').hidden = current.messages.length > 0;
	$('log').setAttribute('aria-label', `Messages in ${current.name}`);
}

/* --- the log --- */

function isAtEnd() {
	const log = $('log');

	return log.scrollHeight - log.scrollTop - log.clientHeight < 60;
}

function toEnd() {
	$('log').scrollTop = $('log').scrollHeight;
	$('newer').hidden = true;
}

/* Another room's old messages are not news: they are not read out. */
function showLog() {
	const log = $('log');

	log.setAttribute('aria-live', 'off');
	log.replaceChildren(
		...current.messages.map((message, i) => nodeOf(message, current.messages[i - 1])),
	);
	toEnd();
	setTimeout(() => log.setAttribute('aria-live', 'polite'), 100);
}

function put(room, message) {
	const before = room.messages.at(-1);
	const stay = !isAtEnd() && !message.mine;

	room.messages.push(message);
	const old = room.messages.length > KEPT ? room.messages.shift() : null;

	if (old) pending.delete(old.id);
	if (room !== current) {
		if (!message.notice) room.unread++;
		showRooms();
		return;
	}
	$('empty').hidden = true;
	$('log').append(nodeOf(message, before));
	old?.node?.remove();
	if (stay) $('newer').hidden = false;
	else toEnd();
}

function notice(room, text) {
	put(room, { notice: true, text, at: new Date() });
}

function onMessage(room, body) {
	const message = readBody(body);
	const own = pending.get(message.id);

	if (own) {
		pending.delete(message.id);
		own.trip = Math.max(1, Math.round(performance.now() - own.sent));
		own.progress = 'here';
		showProgress(own);
		$('trip').hidden = false;
		$('trip-ms').textContent = `${own.trip} ms`;
		return;
	}
	/* One's own that was sent again comes twice. */
	const isKnown = (other) =>
		message.id !== '' &&
		other.id === message.id &&
		other.nickname === message.nickname &&
		other.text === message.text;

	if (!room.messages.some(isKnown)) put(room, message);
}

/* --- what is typed --- */

function give(room, message) {
	const { nickname, text, id, at } = message;
	const body = JSON.stringify({ nickname, text, id, at: at.toISOString() });

	message.sent = performance.now();
	message.progress = 'sending';
	pending.set(id, message);
	if (!connection.client.send(`${settings.app}/demo/${room.name}`, body)) doubt(message);
	setTimeout(() => {
		if (pending.get(id) === message && performance.now() - message.sent >= ECHO_MS - 50)
			doubt(message);
	}, ECHO_MS);
	showProgress(message);
}

/* It may have arrived or not: an echo that still comes settles it. */
function doubt(message) {
	message.progress = 'doubt';
	showProgress(message);
}

function sayName() {
	const name = $('nickname').value.normalize('NFC').trim();
	const against = againstName(name);

	$('nickname').setAttribute('aria-invalid', String(against !== ''));
	if (against === '') keep('nickname', name);
	return { name, against };
}

function againstSending() {
	if (connection.state !== 'connected')
		return 'Not connected: your message stays here until you are.';
	if (!current.joined) return 'You are not in this room; choose it again to try once more.';
	return current.live ? '' : 'Still joining the room; try again in a moment.';
}

function sendText() {
	const text = $('text').value;
	const { name, against } = sayName();

	if (against !== '') {
		complain(against);
		$('nickname').focus();
		return;
	}
	const refused = againstText(text) || againstSending();

	complain(refused);
	if (refused !== '') return;
	const message = {
		nickname: name,
		text: text.trim(),
		id: newId(),
		at: new Date(),
		mine: true,
		progress: 'sending',
	};
	const room = current;

	message.onAgain = () => {
		if (connection.state === 'connected') give(room, message);
		else complain('Not connected yet.');
	};
	put(room, message);
	give(room, message);
	$('text').value = '';
	fit();
}

/* The field grows with its text, up to what the style sheet allows. */
function fit() {
	const text = $('text');
	const room = TEXT_LIMIT - lengthOf(text.value.slice(0, TEXT_LIMIT * 8));

	text.style.height = 'auto';
	text.style.height = `${text.scrollHeight + 2}px`;
	$('left').textContent = room < TEXT_LIMIT / 5 ? `${room} left` : '';
	$('left').dataset.over = room < 0;
}

/* --- the connection --- */

const words = {
	connecting: 'Connecting…',
	connected: 'Connected',
	waiting: 'Reconnecting',
	refused: 'Not let in',
};

function showState({ state, until, again, message }) {
	const word = state === 'connecting' && again ? 'Reconnecting' : words[state];

	clearInterval(countdown);
	$('state').dataset.state = state;
	/* The same words are not read out twice. */
	if ($('state-text').textContent !== word) $('state-text').textContent = word;
	$('countdown').textContent = '';
	$('retry').hidden = state !== 'waiting';
	$('facts').hidden = state !== 'connected';
	if (state === 'connected') $('trip').hidden = true;
	if (state === 'waiting') {
		const tick = () => {
			const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));

			$('countdown').textContent = ` in ${left} s`;
		};

		tick();
		countdown = setInterval(tick, 500);
	}
	const isRefused = state === 'refused';

	if (isRefused) {
		$('refused').hidden = false;
		$('refused-why').textContent = message;
		$('token-form').hidden = settings.tokenHeader === '';
		(settings.tokenHeader === '' ? $('again') : $('token')).focus();
	} else if (state === 'connected') {
		$('refused').hidden = true;
	}
	document.body.classList.toggle('is-refused', !$('refused').hidden);
}

function onState({ detail }) {
	const { state } = detail;

	showState(detail);
	if (state !== 'connected') {
		for (const room of rooms.values()) Object.assign(room, { live: false, sub: null });
		for (const message of pending.values()) doubt(message);
	} else {
		for (const room of rooms.values()) if (room.joined) subscribe(room);
		if ($('trouble').textContent.startsWith('Not connected')) complain('');
		if (document.activeElement === document.body) $('text').focus({ preventScroll: true });
	}
	if (current) showRoom();
}

/* What the server has refused is not asked for again by itself. */
function onNotice({ detail: { message, receipt } }) {
	const room = [...rooms.values()].find((one) => receipt && one.sub?.receipt === receipt);

	if (room) Object.assign(room, { joined: false, live: false, sub: null });
	notice(room ?? current, `The server says: ${message}`);
	showRooms();
	showRoom();
}

function useToken(token) {
	const { tokenHeader, tokenScheme } = settings;

	connection.headers = token
		? { [tokenHeader]: tokenScheme ? `${tokenScheme} ${token}` : token }
		: {};
	$('token').value = '';
	connection.open();
}

/* --- beginning --- */

function listen() {
	const on = (id, event, handler) =>
		$(id).addEventListener(event, (e) => {
			if (event === 'submit') e.preventDefault();
			handler(e);
		});

	on('composer', 'submit', sendText);
	on('text', 'input', () => {
		complain('');
		fit();
	});
	/* While a syllable is being composed, Enter belongs to the input method; 229 is Safari's. */
	on('text', 'keydown', (e) => {
		if (e.key !== 'Enter' || e.shiftKey || e.isComposing || e.keyCode === 229) return;
		e.preventDefault();
		sendText();
	});
	on('who', 'submit', () => {
		const { against } = sayName();

		complain(against);
		if (against === '') $('text').focus();
	});
	on('nickname', 'change', () => complain(sayName().against));
	on('add', 'submit', () => {
		const name = cleanRoom($('room-name').value);
		const against =
			againstRoom(name) ||
			(rooms.size >= ROOMS && !rooms.has(name) ? 'Leave another room first.' : '');

		complain(against);
		if (against !== '') return;
		$('room-name').value = '';
		join(name);
		$('text').focus();
	});
	on('leave', 'click', () => leave(current));
	on('retry', 'click', () => connection.hurry());
	on('again', 'click', () => useToken(''));
	on('token-form', 'submit', () => useToken($('token').value.trim()));
	on('newer', 'click', toEnd);
	on('log', 'scroll', () => {
		if (isAtEnd()) $('newer').hidden = true;
	});
	addEventListener('online', () => connection.hurry());
	addEventListener('hashchange', () => {
		const name = roomOfAddress();

		if (name && name !== current.name) join(name);
	});
	/* Where the keyboard of a phone lies over the page, the page ends above it. */
	visualViewport?.addEventListener('resize', () => {
		const isCovered = innerHeight - visualViewport.height > 80 && visualViewport.scale === 1;

		document.documentElement.style.setProperty(
			'--height',
			isCovered ? `${visualViewport.height}px` : '100dvh',
		);
		toEnd();
	});
}

function roomOfAddress() {
	let name = '';

	try {
		name = cleanRoom(decodeURIComponent(location.hash));
	} catch {
		/* No room that could be meant. */
	}
	return againstRoom(name) === '' ? name : '';
}

function begin() {
	/* Below a proxy's path the page need not be at the root of its host. */
	const url = new URL(`..${settings.endpoint}`, import.meta.url);

	url.protocol = url.protocol.replace('http', 'ws');
	connection = new Connection(url.href);
	connection.addEventListener('state', onState);
	connection.addEventListener('notice', onNotice);
	restoreRooms();
	$('nickname').value = kept('nickname');
	const last = kept('room');

	join(roomOfAddress() || (againstRoom(last) === '' && last) || defaults[0]);
	listen();
	connection.open();
	($('nickname').value === '' ? $('nickname') : $('text')).focus();
}

begin();
