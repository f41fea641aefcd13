/* The server's API (docs/api.md), and who is signed in.
 *
 * The token lives in this tab alone: no cookie carries it, so no other page
 * can make requests in the user's name, and closing the tab forgets it. */

const KEY = "oriel-session", AWAY = "oriel-away";

/* What went wrong, in the server's own words where it has said any. */
export class Fault extends Error {
	constructor(code, cause, remedy, wait, needs) {
		super(cause);
		this.code = code;
		this.remedy = remedy || "";
		this.wait = wait || 0; /* seconds */
		this.needs = needs || ""; /* "code": right so far, a code is wanted */
	}
}

export let session = read();
let ended = () => {};

function read() {
	try {
		return JSON.parse(sessionStorage.getItem(KEY));
	} catch {
		return null;
	}
}

function keep(value) {
	session = value;
	try {
		if (value)
			sessionStorage.setItem(KEY, JSON.stringify(value));
		else
			sessionStorage.removeItem(KEY);
	} catch {
		/* a browser that stores nothing: signed in until reloaded */
	}
}

/* Called when the server no longer takes the token. */
export function onSessionEnd(callback) {
	ended = callback;
}

async function ask(method, path, body, seconds) {
	const headers = { Accept: "application/json" };
	if (session)
		headers.Authorization = "Bearer " + session.token;
	if (body !== undefined)
		headers["Content-Type"] = "application/json";
	const stop = new AbortController();
	const timer = setTimeout(() => stop.abort(), seconds * 1000);
	try {
		return await fetch(path, {
			method, headers, signal: stop.signal, cache: "no-store", credentials: "omit",
			body: body === undefined ? undefined : JSON.stringify(body),
		});
	} catch {
		throw new Fault("offline", "The server cannot be reached.", "Is the network there, and is the server running?");
	} finally {
		clearTimeout(timer);
	}
}

async function refusal(answer) {
	let error = {};
	try {
		error = (await answer.json()).error || {};
	} catch {
		/* from something between us and the server */
	}
	return new Fault(error.code || "internal", error.cause || "The server answered with status " + answer.status + ".",
		error.remedy, Number(answer.headers.get("Retry-After")), error.needs);
}

async function check(answer) {
	if (answer.ok)
		return answer;
	const fault = await refusal(answer);
	if (answer.status === 401 && session) {
		keep(null);
		ended(fault);
	}
	throw fault;
}

export async function call(method, path, body, seconds = 30) {
	const answer = await check(await ask(method, "/api/v1" + path, body, seconds));
	return answer.status === 204 ? null : answer.json();
}

export async function picture(id, width) {
	return (await check(await ask("GET", `/api/v1/desktops/${id}/picture?width=${width}`, undefined, 30))).blob();
}

/* Whether the server answers at all, and soon. */
export async function alive(seconds) {
	try {
		return (await ask("GET", "/healthz", undefined, seconds)).ok;
	} catch {
		return false;
	}
}

/* TRUE when a file of this page exists on the server. */
export async function exists(path) {
	const answer = await ask("HEAD", path, undefined, 15);
	return answer.ok;
}

export async function signIn(user, password, code) {
	keep(null);
	const body = code === undefined ? { user, password } : { user, password, code };
	const answer = await check(await ask("POST", "/api/v1/sessions", body, 60));
	const { token, user: name, role } = await answer.json();
	keep({ token, user: name, role });
}

/* With a sign-in provider: null where there is none, else what it is called. */
export async function provider() {
	return (await call("GET", "/oidc")).label;
}

/* Leaves for the provider. What is kept meanwhile is this tab's alone, so
 * that a link which somebody else made signs nobody in. */
export async function leaveForProvider(path) {
	const { url, state, key } = await call("POST", "/oidc", {}, 60);
	sessionStorage.setItem(AWAY, JSON.stringify({ state, key, path }));
	location.assign(url);
}

/* What this page was opened with, if it is the way back; it is told once, and
 * is gone from the address then. */
export function wayBack() {
	const query = new URLSearchParams(location.search), state = query.get("state");
	if (!state || !query.has("code") && !query.has("error"))
		return null;
	history.replaceState(null, "", location.pathname);
	let away = null;
	try {
		away = JSON.parse(sessionStorage.getItem(AWAY));
		sessionStorage.removeItem(AWAY);
	} catch {
		/* nothing was kept */
	}
	return { away: away && away.state === state ? away : null, state, code: query.get("code"), error: query.get("error") };
}

export async function signInFromProvider({ away, state, code, error }) {
	if (!away)
		throw new Fault("denied", "This sign-in was not begun in this window.", "Sign in again, in one window from begin to end.");
	if (!code)
		throw new Fault("denied", "The provider has not signed you in" + (error === "access_denied" ? "." : ` (${error.slice(0, 64)}).`), "Sign in again, or ask an administrator.");
	const answer = await check(await ask("POST", "/api/v1/oidc/sessions", { code, state, key: away.key }, 60));
	const { token, user: name, role } = await answer.json();
	keep({ token, user: name, role });
	return away.path;
}

export async function signOut() {
	const old = session;
	if (!old)
		return;
	try {
		await call("DELETE", "/sessions/current");
	} catch {
		/* it ends by itself; this tab forgets it in any case */
	}
	keep(null);
}
