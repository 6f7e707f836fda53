/* Spring's WebSocketStompClient, SockJsClient and ReactorNettyTcpStompClient, in Java, on stompbox. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Broker } from '../integration/lib/broker.mjs';
import { freePort } from '../integration/lib/child.mjs';
import { authFlags } from './lib/fleet.mjs';
import { Page } from './lib/page.mjs';
import { accessToken, runClients } from './lib/spring.mjs';

const TRANSPORTS = ['websocket', 'sockjs-websocket', 'sockjs-xhr_streaming', 'sockjs-xhr', 'tcp'];
const MESSAGES = 500; /* that they send in order */

describe("Spring's Java clients on stompbox", { concurrency: true }, () => {
	let stompbox;
	let page;
	let tcpPort;

	before(async () => {
		tcpPort = await freePort();
		/* One message without an acknowledgement at a time: each must have its own. */
		stompbox = await Broker.start([
			...authFlags,
			'--heartbeat-send=1s',
			'--heartbeat-receive=1s',
			'--limits-unacked=1',
			'--allow-user-send',
			`--tcp-listen=127.0.0.1:${tcpPort}`,
		]);
		page = await Page.open(stompbox.origin, 'kim@example.com');
	});
	after(async () => {
		await Page.endAll();
		try {
			await stompbox?.stop();
		} finally {
			await stompbox?.kill();
		}
	});

	function urlOf(transport) {
		const http = `127.0.0.1:${stompbox.port}/ws`;

		if (transport === 'tcp') return `tcp://127.0.0.1:${tcpPort}`;
		return transport === 'websocket' ? `ws://${http}` : `http://${http}`;
	}

	for (const transport of TRANSPORTS)
		it(transport, async () => {
			const room = `java/${transport}`;
			const listener = page.listen(`/sub/${room}/order`);
			const said = await runClients(
				transport,
				urlOf(transport),
				accessToken('java@example.com'),
				room,
			);

			assert.deepEqual(said, [
				'refused: not a token',
				'texts',
				'own queue',
				'heart-beats',
				'objects',
				'acknowledgements',
				`order: ${MESSAGES}`,
				'disconnected',
			]);
			/* A page in the same room has heard the same. */
			await listener.untilCount(MESSAGES);
			assert.deepEqual(
				listener.bodies.map((body) => JSON.parse(body).content),
				Array.from({ length: MESSAGES }, (_, i) => String(i)),
			);
		});
});
