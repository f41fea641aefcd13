/* User name and password, and what is wrong with them. */

import * as api from "./api.js";
import { $, show, tell } from "./dom.js";

let go = null, waiting = 0;

export function enter(context) {
	go = context.go;
	$("signin-host").textContent = location.host;
	tell($("signin-message"), context.fault);
	$("signin-message").classList.toggle("calm", Boolean(context.fault));
	$("password").value = "";
	($("user").value ? $("password") : $("user")).focus();
}

export function leave() {
	clearInterval(waiting);
	busy(false);
	reveal(false);
	$("password").value = "";
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
	const user = $("user"), password = $("password");
	if (missing(user, "Type your user name.") || missing(password, "Type your password."))
		return;
	tell($("signin-message"), null);
	busy(true);
	try {
		await api.signIn(user.value.trim(), password.value);
	} catch (fault) {
		tell($("signin-message"), fault);
		$("signin-message").classList.remove("calm");
		busy(false);
		if (fault.wait)
			holdOff(fault.wait);
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
$("reveal").addEventListener("click", () => reveal($("password").type === "password"));
$("password").addEventListener("keydown", caps);
$("password").addEventListener("keyup", caps);
$("password").addEventListener("blur", () => show($("caps"), false));
