/* One desktop: started if need be, shown by noVNC, and got back when the line
 * breaks. What is on the screen is live, or greyed under a notice that says
 * what is going on; a picture never just stands still. */

import * as api from "./api.js";
import { $, actions, pause, show } from "./dom.js";
import { Clipboard } from "./clipboard.js";
import { Line } from "./line.js";

const NOVNC = "/web/novnc/rfb.js";
const RETRY_S = [0.3, 1, 2, 4, 8, 15];
const STEADY_MS = 5000;
const SCALING = "oriel-scaling";

/* id: the desktop's, once it has been running since the user asked for it;
 * tries: since it was last shown for a while */
let pool = "", id = "", visit = 0, tries = 0, steady = 0;
let RFB = null, rfb = null, line = null, wake = () => {};
const clipboard = new Clipboard();

export function enter(context) {
	pool = context.argument;
	id = "";
	visit++;
	tries = 0;
	$("desktop-name").textContent = pool;
	$("scaling").value = stored();
	begin();
}

export function leave() {
	visit++;
	wake();
	hangUp();
	clipboard.close();
	hideNotice();
	forgetLast();
	say("", "");
	show($("toast"), false);
	if (document.fullscreenElement)
		document.exitFullscreen();
}

/* ---- what is told ---- */

function say(kind, text) {
	$("link-state").className = "state " + kind;
	$("link-state").textContent = text;
}

function notice({ title, text = "", button = "", spin = false, fraction = null }) {
	$("notice-title").textContent = title;
	$("notice-text").textContent = text;
	show($("notice-spinner"), spin);
	show($("notice-progress"), fraction !== null);
	$("notice-progress").value = fraction || 0;
	show($("notice-go"), Boolean(button));
	$("notice-go").textContent = button;
	const appeared = $("notice").hidden;
	show($("notice"), true);
	if (appeared && button)
		$("notice-go").focus();
}

function hideNotice() {
	show($("notice"), false);
}

function stopped(fault, title = "The desktop cannot be shown", button = "Try again") {
	say("bad", "Not connected");
	notice({ title, text: [fault.message, fault.remedy].filter(Boolean).join("\n"), button });
}

/* ---- the way to a picture ---- */

/* Runs once per visit and after each loss; whoever leaves ends it. */
async function begin() {
	const mine = visit;
	const still = () => mine === visit;
	try {
		if (!RFB)
			RFB = await load();
		for (;;) {
			const desktop = await started(still);
			if (!still() || !desktop)
				return;
			say("busy", "Connecting");
			const { ticket } = await api.call("POST", `/desktops/${desktop.id}/ticket`, {});
			if (!still())
				return;
			const loss = await connect(desktop, ticket);
			if (!still())
				return;
			if (loss.code === 4401) { /* its own end, or somebody ended this connection */
				const now = await api.call("GET", `/desktops/${id}`);
				if (!still())
					return;
				if (now.state !== "running")
					continue;
				stopped(new api.Fault("denied", loss.reason || "This connection was ended.", ""), "Disconnected", "Open again");
				return;
			}
			await retry(loss.reason || "The connection to the desktop broke.", still);
			if (!still())
				return;
		}
	} catch (fault) {
		if (!still() || !api.session)
			return;
		if (!(fault instanceof api.Fault)) {
			stopped(new api.Fault("internal", "The page itself failed: " + fault.message, "Reload it; if that does not help, tell your administrator."));
		} else if (["offline", "unavailable", "busy", "timeout"].includes(fault.code)) {
			await retry([fault.message, fault.remedy].filter(Boolean).join("\n"), still);
			if (still())
				begin();
		} else {
			stopped(fault);
		}
	}
}

async function load() {
	try {
		return (await import(NOVNC)).default;
	} catch (error) {
		if (!await api.exists(NOVNC))
			throw new api.Fault("missing", "noVNC, which shows desktops in browsers, is not installed on this server.",
				"An administrator installs it with 'make web' where Oriel was built. Oriel's own client and VNC viewers work meanwhile.");
		throw new api.Fault("offline", "noVNC could not be loaded.", String(error.message));
	}
}

/* The desktop once it runs; NULL when somebody has switched it off and the
 * user has to say that it shall start again. */
async function started(still) {
	const start = () => api.call("POST", `/pools/${encodeURIComponent(pool)}/desktop`, {}, 60);
	say("busy", "Connecting");
	let desktop = id ? await api.call("GET", `/desktops/${id}`) : await start();
	while (still() && desktop.state !== "running") {
		if (id && desktop.state === "off") {
			id = "";
			say("", "Off");
			notice({ title: "The desktop is off", text: "It has been shut down.", button: "Start it" });
			return null;
		}
		if (desktop.state === "failed") {
			const error = desktop.error || {};
			throw new api.Fault("conflict", error.cause || "The desktop failed.", error.remedy);
		}
		say("busy", desktop.state === "stopping" ? "Shutting down" : "Starting");
		notice({
			title: desktop.state === "stopping" ? "The desktop is shutting down" : "Starting your desktop",
			text: desktop.stage || "", spin: true, fraction: desktop.fraction || 0,
		});
		const next = await api.call("GET", `/desktops/${desktop.id}?wait=${desktop.serial}`, undefined, 45);
		/* it was on its way down when we asked for it: ask again */
		desktop = next.state === "off" && !id ? await start() : next;
	}
	id = desktop.id;
	return desktop;
}

async function retry(why, still) {
	const seconds = RETRY_S[Math.min(tries++, RETRY_S.length - 1)];
	say("busy", "Reconnecting");
	if (tries > 1 || why)
		notice({ title: "Reconnecting…", text: why, spin: true, button: "Try now" });
	await Promise.race([pause(seconds * 1000), new Promise(done => { wake = done; })]);
	if (still() && !navigator.onLine)
		await Promise.race([pause(5000), new Promise(done => { wake = done; })]);
}

/* Resolves when the connection is over: {code, reason}. */
function connect(desktop, ticket) {
	return new Promise(done => {
		hangUp();
		line = new Line(ticket, loss => {
			keepLast();
			hangUp();
			done(loss);
		});
		rfb = new RFB($("screen"), line.socket, { shared: true });
		rfb.background = "transparent";
		rfb.qualityLevel = 8;
		rfb.showDotCursor = true;
		scale();
		clipboard.attach(rfb);
		rfb.addEventListener("connect", () => {
			steady = setTimeout(() => { tries = 0; }, STEADY_MS);
			hideNotice();
			forgetLast();
			say("good", "Connected");
			rfb.focus();
		});
		rfb.addEventListener("desktopname", event => {
			$("desktop-name").title = event.detail.name;
		});
		rfb.addEventListener("securityfailure", event => line.drop(event.detail.reason || "The display refused the connection."));
	});
}

function hangUp() {
	clearTimeout(steady);
	clipboard.attach(null);
	line?.drop();
	rfb?.disconnect();
	rfb = line = null;
	$("screen").replaceChildren();
}

/* The last picture, greyed, so that one sees where one was. */
function keepLast() {
	try {
		const url = rfb?.toDataURL("image/png");
		if (url && url.length > 64) {
			$("last").src = url;
			show($("last"), true);
		}
	} catch {
		/* nothing was drawn yet */
	}
}

function forgetLast() {
	show($("last"), false);
	$("last").removeAttribute("src");
}

/* ---- the tools ---- */

function stored() {
	const value = localStorage.getItem(SCALING);
	return ["match", "fit", "actual"].includes(value) ? value : "match";
}

function scale() {
	const value = $("scaling").value;
	if (!rfb)
		return;
	rfb.resizeSession = value === "match";
	rfb.scaleViewport = value !== "actual";
	rfb.clipViewport = false;
}

async function fullScreen() {
	if (document.fullscreenElement) {
		document.exitFullscreen();
		return;
	}
	try {
		await $("desktop").requestFullscreen({ navigationUI: "hide" });
		/* Alt-Tab, Esc and the like go to the desktop; held Esc leaves */
		await navigator.keyboard?.lock?.();
	} catch {
		toast("The browser does not allow full screen here.");
	}
}

let toastTimer = 0;
function toast(text) {
	$("toast").textContent = text;
	show($("toast"), true);
	clearTimeout(toastTimer);
	toastTimer = setTimeout(() => show($("toast"), false), 4500);
}

actions($("desktop"), {
	"ctrl-alt-del": () => {
		rfb?.sendCtrlAltDel();
		rfb?.focus();
	},
	"full-screen": fullScreen,
	clipboard: () => clipboard.toggle(),
	"clipboard-send": () => clipboard.send(),
	"clipboard-copy": () => clipboard.copy(),
	"clipboard-close": () => {
		clipboard.close();
		rfb?.focus();
	},
});

$("notice-go").addEventListener("click", () => {
	if ($("notice-spinner").hidden) { /* it had given up */
		id = "";
		tries = 0;
		visit++;
		hideNotice();
		begin();
	}
	wake();
});

$("scaling").addEventListener("change", () => {
	localStorage.setItem(SCALING, $("scaling").value);
	scale();
	rfb?.focus();
});

document.addEventListener("fullscreenchange", () => {
	const full = document.fullscreenElement === $("desktop");
	$("desktop").classList.toggle("full", full);
	document.querySelector("[data-do=full-screen]").setAttribute("aria-pressed", full);
	if (full)
		toast("Move to the upper edge, or press Ctrl+Alt+Shift, for the tools. Hold Esc to leave.");
	rfb?.focus();
});

window.addEventListener("online", () => wake());
document.addEventListener("visibilitychange", () => {
	if (!document.hidden)
		wake();
});

/* The desktop takes every key, Tab too; pressing and releasing these three
 * together, and nothing else, is the keyboard's way to the tools. */
let alone = false;
window.addEventListener("keydown", event => {
	alone = event.ctrlKey && event.altKey && event.shiftKey && ["Control", "Alt", "Shift", "Meta"].includes(event.key);
}, true);
window.addEventListener("keyup", () => {
	if (!alone || $("desktop").hidden)
		return;
	alone = false;
	setTimeout(() => {
		rfb?.blur();
		$("tools").querySelector("button").focus();
	});
}, true);
