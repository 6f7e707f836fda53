/* A destination of its own for each test, one who sends there and one who hears it. */
import assert from 'node:assert/strict';

let rooms = 0;

export class Room {
	static async open(
		broker,
		{ sender = '1.2', receiver = '1.2', receiverNode = broker } = {},
	) {
		const room = new Room();

		room.broker = broker;
		room.path = `room-${process.pid}-${++rooms}`;
		room.to = `/pub/${room.path}`;
		room.from = `/sub/${room.path}`;
		room.receiver = await receiverNode.connect({ version: receiver });
		room.sender = await broker.connect({ version: sender });
		await room.receiver.subscribe(room.from);
		return room;
	}

	/* Sends and returns what arrives. */
	async pass(headers, body) {
		const pairs = Array.isArray(headers) ? headers : Object.entries(headers);

		this.sender.send('SEND', [['destination', this.to], ...pairs], body);
		return this.receiver.next('MESSAGE');
	}

	/* Nothing has come: what is sent now, by another client, is what comes next. */
	async assertQuiet() {
		const other = await this.broker.connect();

		await other.ask('SEND', { destination: this.to }, 'fence');
		assert.equal((await this.receiver.next('MESSAGE')).body, 'fence');
	}
}
