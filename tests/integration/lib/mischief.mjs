/* What guests do besides sending and receiving. Each is given the storm and a guest in it. */
import { receivers, upgrade } from './sockjs.mjs';
import { Guest, overHttp, pick, random, transports } from './storm.mjs';

const SLOW_MOST = 20; /* who read nothing at one time */

function post(url, length, more = '') {
	return `POST ${url} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${more}\r\n`;
}

/* Some of it, and then nothing, or the end. */
async function half(storm, text, how) {
	const connection = await storm.connect();

	connection.write(text);
	await storm.pause(random(0, 300));
	if (how === 'end') {
		connection.socket.end();
		await storm.pause(random(0, 300));
	}
	connection.drop({ hard: how === 'reset' });
}

const ends = ['end', 'reset', 'close'];

/* Whoever it belongs to, or to nobody. */
function someUrl(storm, guest) {
	const other = pick(storm.guests);

	return pick([guest.url, other.url, `${storm.endpoint}/000/nobody${random(0, 1e9)}`]);
}

async function receiveOnce(storm, url, transport) {
	const { method, query = '' } = receivers[transport];
	const connection = await storm.connect();

	connection.request(`${url}/${transport}${query}`, { method });
	await storm.pause(random(0, 500));
	connection.drop({ hard: Math.random() < 0.5 });
}

export const deeds = {
	async send(storm, guest) {
		await guest.send(storm.texts(guest));
	},

	async sendToAnyone(storm, guest) {
		const name = pick(['xhr_send', 'jsonp_send']);
		const body = JSON.stringify(storm.texts(guest, 'foreign'));
		const headers = { 'Content-Type': 'text/plain' };
		const options = { method: 'POST', headers, body };

		await storm.ask([200, 204, 404], `${someUrl(storm, guest)}/${name}`, options);
	},

	async keepAlive(storm, guest) {
		const connection = await storm.connect();

		for (let i = random(2, 5); i > 0 && !connection.over; i--) {
			await storm.askOn(connection, [200], `${storm.endpoint}/info`);
			if (!(await guest.send(storm.texts(guest), connection))) break;
		}
		connection.drop();
	},

	secondReceiver(storm, guest) {
		return receiveOnce(storm, guest.url, pick(overHttp));
	},

	/* Maybe it is between two polls. */
	thief(storm, guest) {
		return receiveOnce(storm, someUrl(storm, guest), pick(overHttp));
	},

	halfHead(storm, guest) {
		const text = post(`${guest.url}/xhr_send`, 5);

		return half(storm, text.slice(0, random(1, text.length - 1)), pick(ends));
	},

	halfBody(storm, guest) {
		const url = `${someUrl(storm, guest)}/${pick(['xhr_send', 'jsonp_send', 'xhr'])}`;

		return half(storm, `${post(url, 1000)}["${'x'.repeat(random(0, 900))}`, pick(ends));
	},

	wholeRequestThenGone(storm, guest) {
		const url = someUrl(storm, guest);

		return half(
			storm,
			pick([
				`${post(`${url}/xhr_send`, 2)}[]`,
				post(`${url}/xhr`, 0),
				`GET ${url}/eventsource HTTP/1.1\r\nHost: x\r\n\r\n`,
				`GET ${url}/htmlfile?c=x HTTP/1.0\r\n\r\n`,
			]),
			pick(ends),
		);
	},

	async drip(storm, guest) {
		const connection = await storm.connect();

		connection.write(post(`${guest.url}/xhr_send`, 1000), '["');
		for (let i = 0; i < 2 * random(1, 8) && !connection.over; i++) {
			await storm.pause(storm.bodyMs / 8);
			connection.write('x');
		}
		connection.drop();
	},

	async tooLong(storm, guest) {
		const connection = await storm.connect();
		const length = pick([storm.bodyLimit + 1, 2 ** 31, 2 ** 32 + 1]);

		connection.write(post(`${guest.url}/xhr_send`, length), 'x'.repeat(random(0, 100_000)));
		connection.methods.push('POST');
		/* A reset may overtake the answer when the body was under way. */
		const answer = await connection.wholeAnswer().catch(() => null);

		if (answer && answer.status !== 413) storm.surprise(`${answer.status} for a long body`);
		connection.drop();
	},

	async chunked(storm, guest) {
		const connection = await storm.connect();

		connection.write(
			`POST ${guest.url}/xhr_send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
			`4\r\n["x"\r\n1\r\n]\r\n0\r\n\r\n`,
		);
		await storm.pause(random(0, 300));
		connection.drop();
	},

	/* Behind a poll that hangs: nothing of it may get into the poll's answer. */
	async pipelined(storm, guest) {
		if (guest.transport === 'websocket' || guest.connection.over) return;
		guest.gone = true; /* it asks for no more than it has asked for */
		guest.connection.write(
			pick([
				`GET ${storm.endpoint}/info HTTP/1.1\r\nHost: x\r\n\r\n`,
				`${post(`${guest.url}/xhr_send`, 2)}[]`,
				post(`${guest.url}/xhr`, 0).slice(0, 20),
			]),
		);
		await storm.pause(random(0, 200));
		guest.drop({ hard: Math.random() < 0.5 });
	},

	async brokenJson(storm, guest) {
		if (guest.transport === 'websocket' && Math.random() < 0.1) {
			guest.connection.socket.send(pick(['["x', '{}', '[1]', '[[]]']));
			return;
		}
		const body = pick(['["x', '{}', '[1]', '', 'null', '['.repeat(5000), '["\\ud800', '\0']);

		await storm.ask([500], `${guest.url}/xhr_send`, { method: 'POST', body });
	},

	async wrongMethod(storm, guest) {
		const name = pick([...transports, 'xhr_send']);
		const method = pick(['PUT', 'DELETE', 'PATCH']);

		await storm.ask([405, 404, 400], `${guest.url}/${name}`, { method });
	},

	async wrongTarget(storm, guest) {
		const target = pick([
			`${guest.url}/nothing`,
			`${guest.url}/`,
			`${storm.endpoint}/a.b/c/xhr`,
			`${storm.endpoint}/000/${'s'.repeat(200)}/xhr`,
			`${guest.url}/%2e%2e/xhr`,
			`${guest.url}/xhr/x`,
		]);

		await storm.ask([404], target, { method: 'POST' });
	},

	wrongProtocol(storm) {
		return half(
			storm,
			pick(['\x16\x03\x01\x02\0\x01', 'GET\r\n\r\n', '\r\n\r\n\r\n', 'x'.repeat(20_000)]),
			pick(ends),
		);
	},

	/* The upgrade, and then no frames. */
	halfUpgrade(storm, guest) {
		const lines = Object.entries(upgrade).map(([name, value]) => `${name}: ${value}\r\n`);
		const text = `GET ${guest.url}/websocket HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`;

		return half(storm, text + pick(['', '\xff\xff\xff', '\x81', '\x88\x80']), pick(ends));
	},

	/* One name for two sessions: over WebSocket that is no harm. */
	async sameName(storm, guest) {
		const twin = new Guest(storm, 'websocket', { id: guest.id });

		await twin.open();
		await storm.pause(random(0, 300));
		twin.drop({ hard: Math.random() < 0.5 });
		await twin.done;
	},

	/* The message and the end of its receiver cross each other. */
	async abortAtMessage(storm, guest) {
		if (guest.transport === 'websocket') {
			await guest.send(storm.texts(guest));
			guest.drop({ hard: Math.random() < 0.5 });
			return;
		}
		const connection = await storm.connect();

		connection.request(`${guest.url}/xhr_send`, {
			method: 'POST',
			body: JSON.stringify(storm.texts(guest)),
		});
		if (Math.random() < 0.5) await storm.pause(random(0, 3));
		guest.drop({ hard: Math.random() < 0.7 });
		await connection.wholeAnswer().catch(() => {});
		connection.drop();
	},

	async slow(storm, guest) {
		if (storm.slow >= SLOW_MOST) return;
		storm.slow++;
		try {
			await storm.flood(guest);
		} finally {
			storm.slow--;
		}
	},
};

/* Only there are such endpoints. */
export const deedsOfTestServer = {
	/* The server closes it; everybody who asks later gets to know. */
	async closed(storm) {
		const guest = new Guest(storm, pick(transports), { endpoint: '/close' });

		await guest.open();
		await guest.done;
		if (guest.transport === 'websocket') return;
		if (guest.end !== 'c[3000,"Go away!"]')
			storm.surprise(`/close by ${guest.transport}: ${guest.end}`);
		await receiveOnce(storm, guest.url, pick(overHttp));
	},

	async amplify(storm) {
		const guest = new Guest(storm, pick(transports), { endpoint: '/amplify' });

		await guest.open();
		await guest.send(['1', String(random(1, 16))]);
		await storm.pause(random(0, 1000));
		guest.drop();
		await guest.done;
	},
};
