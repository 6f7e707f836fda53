/* The demo page in a real Chromium: two people on two nodes, a node that goes and comes back. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import { Broker } from '../integration/lib/broker.mjs';
import { jwtFlags, tokenFor } from '../integration/lib/jwt.mjs';
import { Redis } from '../integration/lib/redis.mjs';
import { until } from '../integration/lib/wait.mjs';
import { complaintsOf, launch } from './lib/chromium.mjs';

/* One person with the page open, in a browser profile of their own. */
class Person {
	static async open(browser, origin, { nickname = '', path = '/', ...options } = {}) {
		const person = new Person();

		person.context = await browser.newContext(options);
		person.page = await person.context.newPage();
		person.page.setDefaultTimeout(10_000);
		person.complaints = complaintsOf(person.page);
		await person.page.goto(origin + path);
		await person.untilState('Connected');
		await person.untilJoined();
		if (nickname) await person.page.getByLabel('Nickname').fill(nickname);
		return person;
	}

	untilState(text) {
		return this.page
			.getByRole('status')
			.filter({ hasText: text })
			.waitFor();
	}

	untilJoined() {
		return until(
			async () => (await this.page.locator('#room-hint').textContent()) === '' &&
				/hello/.test(await this.page.locator('#empty').textContent()),
			'the room to be joined',
		);
	}

	async say(text) {
		await this.page.getByLabel('Message', { exact: true }).fill(text);
		await this.page.keyboard.press('Enter');
	}

	/* The element of a message with exactly this text, once it is there. */
	async untilHears(text) {
		const message = this.page
			.getByRole('log')
			.getByRole('article')
			.filter({ has: this.page.getByText(text, { exact: true }) });

		await message.waitFor();
		return message;
	}

	/* What is wider than the page; empty when nothing is. */
	overflow() {
		return this.page.evaluate(() => {
			const { scrollWidth, clientWidth } = document.documentElement;
			const right = document.querySelector('#composer').getBoundingClientRect().right;

			return Math.max(scrollWidth, right) > clientWidth
				? `${scrollWidth} and ${right} in ${clientWidth}`
				: '';
		});
	}

	close() {
		return this.context.close();
	}
}

describe('page', () => {
	let browser;
	let redis;
	let nodes = [];
	let people = [];

	before(async () => {
		redis = await Redis.start();
		browser = await launch();
	});
	after(async () => {
		await browser?.close();
		await redis?.end();
	});
	beforeEach(async () => {
		for (let i = 0; i < 2; i++) nodes.push(await Broker.start([`--redis-url=${redis.url}`]));
	});
	afterEach(async () => {
		for (const person of people) await person.close();
		for (const node of nodes) await node.stop();
		people = [];
		nodes = [];
	});

	async function enter(node, options) {
		const person = await Person.open(browser, node.origin, options);

		people.push(person);
		return person;
	}

	it('carries a talk between two nodes', async () => {
		const a = await enter(nodes[0], { nickname: '수현' });
		const b = await enter(nodes[1], { nickname: 'Robin' });
		const texts = ['안녕하세요 👩‍👩‍👧 🇰🇷', '<b>not bold</b> &amp; "so"', 'two\nlines'];

		for (const text of texts) {
			await a.say(text);
			const own = await a.untilHears(text);
			const other = await b.untilHears(text);

			await own.getByText(/^\d+ ms$/).waitFor();
			assert.equal(await other.locator('.text').textContent(), text);
			assert.match(await other.textContent(), /수현/);
		}
		assert.equal(await b.page.locator('.log b').count(), 0);
		assert.match(await a.page.locator('#facts').textContent(), /WebSocket.*\d+ ms/);
		await b.say('😀');
		await a.untilHears('😀');
		assert.equal(await a.page.getByRole('article').count(), texts.length + 1);
		for (const { complaints } of people) assert.deepEqual(complaints, []);
	});

	it('counts what is said in other rooms', async () => {
		const a = await enter(nodes[0], { nickname: 'A' });
		const b = await enter(nodes[1], { nickname: 'B' });

		await a.page.getByRole('button', { name: 'help' }).click();
		await a.untilJoined();
		await b.say('one');
		await a.page.getByRole('button', { name: /general 1 unread/ }).click();
		await a.untilHears('one');
		assert.equal(await a.page.locator('.count').count(), 0);
		for (const { complaints } of people) assert.deepEqual(complaints, []);
	});

	it('comes back when the node does', async () => {
		const a = await enter(nodes[0], { nickname: 'A' });
		const b = await enter(nodes[1], { nickname: 'B' });
		const { port } = nodes[0];

		await nodes[0].stop();
		await a.untilState('Reconnecting');
		await a.say('too early');
		await a.page.getByText(/^Not connected/).waitFor();
		nodes[0] = new Broker(port, [`--redis-url=${redis.url}`], {});
		await nodes[0].untilStatus('/ready', 200);
		await a.untilState('Connected');
		await a.untilJoined();
		/* What could not be sent has not been lost. */
		await a.page.getByLabel('Message', { exact: true }).press('Enter');
		await b.untilHears('too early');
		await b.say('welcome back');
		await a.untilHears('welcome back');
		/* That the node was not there is what the browser itself complains about. */
		assert.deepEqual(
			a.complaints.filter((text) => !/ERR_CONNECTION_REFUSED|WebSocket/.test(text)),
			[],
		);
	});

	it('needs no mouse', async () => {
		const a = await enter(nodes[0]);
		const { keyboard } = a.page;
		const focused = () =>
			a.page.evaluate(() => document.activeElement.id || document.activeElement.dataset.room);

		assert.equal(await focused(), 'nickname');
		await keyboard.type('Kay');
		await keyboard.press('Enter');
		assert.equal(await focused(), 'text');
		await keyboard.type('from the keyboard');
		await keyboard.press('Enter');
		await a.untilHears('from the keyboard');
		for (let i = 0; i < 10 && (await focused()) !== 'help'; i++)
			await keyboard.press('Shift+Tab');
		await keyboard.press('Enter');
		await a.page.getByRole('heading', { name: '# help' }).waitFor();
		for (let i = 0; i < 10 && (await focused()) !== 'room-name'; i++)
			await keyboard.press('Shift+Tab');
		/* After the rooms comes the field for one's own. */
		for (let i = 0; i < 30 && (await focused()) !== 'room-name'; i++)
			await keyboard.press('Tab');
		await keyboard.type('영화 모임');
		await keyboard.press('Enter');
		await a.page.getByRole('heading', { name: '# 영화-모임' }).waitFor();
		assert.equal(await focused(), 'text');
		assert.deepEqual(a.complaints, []);
	});

	it('leaves Enter to the input method while it composes', async () => {
		const a = await enter(nodes[0], { nickname: 'A' });
		const field = a.page.getByLabel('Message', { exact: true });

		await field.fill('한');
		await field.evaluate((node) =>
			node.dispatchEvent(
				new KeyboardEvent('keydown', {
					key: 'Enter',
					isComposing: true,
					bubbles: true,
					cancelable: true,
				}),
			),
		);
		assert.equal(await field.inputValue(), '한');
		await field.press('Enter');
		await a.untilHears('한');
		assert.equal(await field.inputValue(), '');
	});

	it('fits into a narrow phone', async () => {
		const a = await enter(nodes[0], {
			nickname: 'W'.repeat(24),
			viewport: { width: 360, height: 640 },
			hasTouch: true,
			isMobile: true,
		});

		assert.equal(await a.overflow(), '');
		await a.say('long'.repeat(200));
		await a.page.getByRole('article').waitFor();
		assert.equal(await a.overflow(), '');
		/* As with a keyboard on the screen. */
		await a.page.setViewportSize({ width: 360, height: 320 });
		const box = await a.page.getByLabel('Message', { exact: true }).boundingBox();

		assert.ok(box.y >= 0 && box.y + box.height <= 320, JSON.stringify(box));
		assert.equal(await a.overflow(), '');
		assert.deepEqual(a.complaints, []);
	});
});

describe('page without a token', () => {
	it('says why and takes one', async () => {
		const broker = await Broker.start(['--auth-anonymous=reject', ...jwtFlags]);
		const browser = await launch();

		try {
			const page = await browser.newPage();
			const complaints = complaintsOf(page);

			await page.goto(`${broker.origin}/`);
			await page.getByRole('status').filter({ hasText: 'Not let in' }).waitFor();
			assert.notEqual(await page.locator('#refused-why').textContent(), '');
			await page.getByLabel('Access token').fill(tokenFor('alice'));
			await page.keyboard.press('Enter');
			await page.getByRole('status').filter({ hasText: 'Connected' }).waitFor();
			assert.equal(await page.getByLabel('Access token').isVisible(), false);
			/* It is kept nowhere. */
			const stored = await page.evaluate(() => JSON.stringify({ ...localStorage }));

			assert.doesNotMatch(stored, /eyJ/);
			assert.deepEqual(complaints, []);
		} finally {
			await browser.close();
			await broker.stop();
		}
	});
});
