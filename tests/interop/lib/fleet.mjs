/* One Spring server and one node of stompbox, joined by a Redis, with the same secret. */
import { Broker } from '../../integration/lib/broker.mjs';
import { jwtFlags } from '../../integration/lib/jwt.mjs';
import { Redis } from '../../integration/lib/redis.mjs';
import { until } from '../../integration/lib/wait.mjs';
import { MARK, Page } from './page.mjs';
import { Spring } from './spring.mjs';

const MARK_EVERY_MS = 20;
const SILENCE_MS = 200;

/* What the application's interceptor asks of a token, stompbox asks as well. */
export const authFlags = [...jwtFlags, '--auth-jwt-require=type=access', '--auth-anonymous=reject'];

export class Fleet {
	static async start(flags = []) {
		const fleet = new Fleet();

		try {
			fleet.redis = await Redis.start();
			[fleet.spring, fleet.stompbox] = await Promise.all([
				Spring.start([`--spring.data.redis.port=${fleet.redis.port}`]),
				Broker.start([
					...authFlags,
					`--redis-url=${fleet.redis.url}`,
					...flags,
				]),
			]);
		} catch (error) {
			await fleet.end();
			throw error;
		}
		return fleet;
	}

	/* As any other server would. */
	publish(destination, content) {
		return this.redis.publish(JSON.stringify({ destination, content }));
	}

	/* Spring does not tell when a subscription is live: something is published until it is heard. */
	async untilLive(...listeners) {
		for (const listener of listeners) {
			const before = listener.marks;

			await until(
				async () => {
					await this.publish(listener.destination, MARK);
					return listener.marks > before;
				},
				() => `a live subscription to ${listener.destination}`,
				undefined,
				MARK_EVERY_MS,
			);
		}
	}

	/* Nothing comes any more. */
	async quiet(listeners) {
		let before;
		let now = -1;

		await until(
			() => {
				before = now;
				now = listeners.reduce((sum, { heard }) => sum + heard.length, 0);
				return before === now;
			},
			'silence',
			undefined,
			SILENCE_MS,
		);
	}

	/* Ends all that is there; what has failed on the way is told when nothing is left. */
	async end() {
		const failed = [];

		for (const task of [
			() => Page.endAll(),
			() => this.spring?.kill(),
			() => this.stompbox?.stop(),
			() => this.stompbox?.kill(),
			() => this.redis?.end(),
		])
			await task().catch?.((error) => failed.push(error));
		if (failed.length > 0) throw failed[0];
	}
}
