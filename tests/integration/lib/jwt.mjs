/* Tokens as an application's login would hand them out. */
import { createHmac } from 'node:crypto';

export const KEY = 'a key of at least thirty-two bytes';

function part(value) {
	return Buffer.from(JSON.stringify(value)).toString('base64url');
}

export function sign(claims, { key = KEY, alg = 'HS256', hash = 'sha256' } = {}) {
	const signed = `${part({ alg, typ: 'JWT' })}.${part(claims)}`;

	if (alg === 'none') return `${signed}.`;
	return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
}

/* A token that is good for an hour. */
export function tokenFor(name, claims = {}) {
	return sign({ sub: name, exp: Math.floor(Date.now() / 1000) + 3600, ...claims });
}

export const jwtFlags = ['--auth-jwt-algorithms=HS256', `--auth-jwt-key=raw:${KEY}`];
