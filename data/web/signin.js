/* User name and password, then the code of who has one; what is wrong with them. */

import * as api from "./api.js";
import { $, show, tell } from "./dom.js";

let go = null, waiting = 0, asksCode = false, label = null;

/* One more step; the password stays in its field until it is over. */
function step(code) {
	asksCode = code;
	$("code").value = "";
	$("code").removeAttribute("aria-invalid");
	show($("credentials"), !code);
	show($("code-step"), code);
	show($("signin-back"), code);
	show($("signin-provider"), !code && Boolean(label));
}

export function enter(context) {
	go = context.go;
	$("signin-host").textContent = location.host;
	tell($("signin-message"), context.fault);
	$("signin-message").classList.toggle("calm", Boolean(context.fault));
	step(false);
	$("password").value = "";
	($("user").value ? $("password") : $("user")).focus();
	const back = api.wayBack();
	if (back)
		comeBack(back);
	offerProvider();
}

/* ---- a sign-in provider ---- */

function complain(fault) {
	tell($("signin-message"), fault);
	$("signin-message").classList.remove("calm");
}

async function offerProvider() {
	try {
		label = await api.provider();
	} catch {
		return; /* signing in with a password tells what is wrong */
	}
	$("signin-provider").textContent = label ? "Sign in with " + label : "";
	show($("signin-provider"), !asksCode && Boolean(label));
}

async function leaveForProvider() {
	tell($("signin-message"), null);
	$("signin-provider").disabled = true;
	try {
		await api.leaveForProvider(location.pathname);
	} catch (fault) {
		$("signin-provider").disabled = false;
		complain(fault);
	}
}

async function comeBack(back) {
	busy(true);
	try {
		go(await api.signInFromProvider(back));
	} catch (fault) {
		busy(false);
		complain(fault);
	}
}

/* ---- a password ---- */

export function leave() {
	clearInterval(waiting);
	busy(false);
	reveal(false);
	step(false);
	$("password").value = "";
}

function back() {
	step(false);
	tell($("signin-message"), null);
	$("password").value = "";
	$("password").focus();
}

function busy(is, text) {
	$("signin-go").disabled = is;
	$("signin-go").textContent = text || (is ? "Signing in…" : "Sign in");
}

function reveal(is) {
	const button = $("reveal"), label = is ? "Hide the password" : "Show the password";
	$("password").type = is ? "text" : "password";
	button.setAttribute("aria-pressed", is);
	button.setAttribute("aria-label", label);
	button.title = label;
}

function missing(input, what) {
	const empty = !input.value;
	input.setAttribute("aria-invalid", empty);
	if (!empty)
		return false;
	tell($("signin-message"), new api.Fault("invalid", what, ""));
	$("signin-message").classList.remove("calm");
	input.focus();
	return true;
}

/* The server makes guessing slow; count down instead of failing again. */
function holdOff(seconds) {
	let left = seconds;
	const tick = () => {
		if (left <= 0) {
			clearInterval(waiting);
			busy(false);
		} else {
			busy(true, `Try again in ${left} s`);
		}
		left--;
	};
	clearInterval(waiting);
	waiting = setInterval(tick, 1000);
	tick();
}

async function submit(event) {
	event.preventDefault();
	const user = $("user"), password = $("password"), code = $("code");
	if (missing(user, "Type your user name.") || missing(password, "Type your password.") ||
	    asksCode && missing(code, "Type the code."))
		return;
	tell($("signin-message"), null);
	busy(true);
	try {
		await api.signIn(user.value.trim(), password.value, asksCode ? code.value.replace(/\s/g, "") : undefined);
	} catch (fault) {
		busy(false);
		if (fault.needs === "code") {
			step(true);
			code.focus();
			return;
		}
		tell($("signin-message"), asksCode && fault.code === "denied" ? new api.Fault("denied", "This code is not accepted.",
			"Each code works once and for half a minute: wait for the next one and type that. If it fails too, check the clock of the device that shows it.") : fault);
		$("signin-message").classList.remove("calm");
		if (fault.wait)
			holdOff(fault.wait);
		if (asksCode) {
			code.value = "";
			code.focus();
			return;
		}
		password.select();
		password.focus();
		return;
	}
	go(location.pathname);
}

function caps(event) {
	if (event.getModifierState)
		show($("caps"), event.getModifierState("CapsLock"));
}

$("signin-form").addEventListener("submit", submit);
$("signin-provider").addEventListener("click", leaveForProvider);
/* back from the provider by the browser's own button */
window.addEventListener("pageshow", () => $("signin-provider").disabled = false);
$("signin-back").addEventListener("click", back);
$("reveal").addEventListener("click", () => reveal($("password").type === "password"));
$("password").addEventListener("keydown", caps);
$("password").addEventListener("keyup", caps);
$("password").addEventListener("blur", () => show($("caps"), false));
