/* The user's desktops, each with its state and its picture. */

import * as api from "./api.js";
import { $, show, stateText, tell } from "./dom.js";

const CALM_MS = 5000, BUSY_MS = 1000; /* between looks at the server */
const PICTURE_MS = 10000;
const PICTURE_WIDTH = 640;

let go = null, timer = 0, visit = 0;
const cards = new Map(); /* pool -> card */

export function enter(context) {
	go = context.go;
	visit++;
	$("who").textContent = api.session.user;
	tell($("list-message"), context.fault);
	show($("empty"), false);
	refresh();
}

export function leave() {
	visit++;
	clearTimeout(timer);
	for (const card of cards.values())
		drop(card);
	cards.clear();
	$("cards").replaceChildren();
}

function drop(card) {
	card.element.remove();
	URL.revokeObjectURL(card.shown);
}

async function refresh() {
	const mine = visit;
	let busy = false;
	clearTimeout(timer);
	try {
		if (!document.hidden) {
			const { desktops } = await api.call("GET", "/desktops");
			if (mine !== visit)
				return;
			tell($("list-message"), null);
			update(desktops);
			busy = desktops.some(d => d.state === "starting" || d.state === "stopping");
		}
	} catch (fault) {
		if (mine !== visit)
			return;
		tell($("list-message"), fault);
	}
	timer = setTimeout(refresh, busy ? BUSY_MS : CALM_MS);
}

function update(desktops) {
	const there = new Set(desktops.map(d => d.pool));
	for (const [pool, card] of cards)
		if (!there.has(pool)) {
			drop(card);
			cards.delete(pool);
		}
	desktops.sort((a, b) => a.pool < b.pool ? -1 : 1);
	for (const desktop of desktops) {
		if (!cards.has(desktop.pool))
			cards.set(desktop.pool, make(desktop.pool));
		fill(cards.get(desktop.pool), desktop);
	}
	show($("empty"), desktops.length === 0);
}

function make(pool) {
	const element = $("card").content.cloneNode(true).firstElementChild;
	const part = selector => element.querySelector(selector);
	const card = {
		element, desktop: null, shown: "", at: 0, loading: false,
		picture: part(".picture"), image: part("img"), none: part(".none"), name: part("h2"), state: part(".state"),
		detail: part(".detail"), progress: part("progress"),
		open: part(".open"), file: part(".file"), shutdown: part(".shutdown"), off: part(".off"),
	};
	part("h2").textContent = pool;
	part("h2").id = "card-" + pool;
	for (const button of [card.open, card.file, card.shutdown, card.off])
		button.setAttribute("aria-describedby", "card-" + pool);
	card.open.addEventListener("click", () => go("/" + encodeURIComponent(pool)));
	card.picture.addEventListener("click", () => go("/" + encodeURIComponent(pool)));
	card.file.addEventListener("click", () => save(card));
	card.shutdown.addEventListener("click", () => act(card, "shutdown", "Shut down"));
	card.off.addEventListener("click", () => act(card, "off", "Switch off"));
	$("cards").append(element);
	return card;
}

function detailOf(desktop) {
	if (desktop.error)
		return [desktop.error.cause, desktop.error.remedy].filter(Boolean).join(" ");
	if (desktop.state === "starting" || desktop.state === "stopping")
		return desktop.stage || "";
	if (desktop.warning)
		return typeof desktop.warning === "string" ? desktop.warning : desktop.warning.cause;
	return desktop.image ? "Image " + desktop.image : "";
}

function fill(card, desktop) {
	const { state } = desktop, runs = state === "running", changes = state === "starting" || state === "stopping";
	card.desktop = desktop;
	card.state.className = "state " + state;
	card.state.textContent = stateText(desktop);
	card.detail.textContent = detailOf(desktop);
	show(card.detail, Boolean(card.detail.textContent));
	show(card.progress, state === "starting");
	card.progress.value = desktop.fraction || 0;
	card.open.textContent = runs ? "Open" : state === "starting" ? "Watch" : "Start";
	card.open.disabled = state === "stopping";
	show(card.file, runs);
	show(card.shutdown, runs);
	show(card.off, runs || changes);
	if (!runs)
		unpicture(card);
	else if (!card.loading && Date.now() - card.at > PICTURE_MS)
		repicture(card);
}

function unpicture(card) {
	URL.revokeObjectURL(card.shown);
	card.shown = "";
	card.at = 0;
	show(card.image, false);
	show(card.none, true);
}

async function repicture(card) {
	const { id } = card.desktop, mine = visit;
	card.loading = true;
	card.at = Date.now();
	try {
		const url = URL.createObjectURL(await api.picture(id, PICTURE_WIDTH));
		if (mine !== visit || card.desktop.id !== id || card.desktop.state !== "running") {
			URL.revokeObjectURL(url);
			return;
		}
		URL.revokeObjectURL(card.shown);
		card.shown = url;
		card.image.src = url;
		show(card.image, true);
		show(card.none, false);
	} catch {
		/* no picture just now; the state tells what matters */
	} finally {
		card.loading = false;
	}
}

/* What remote-viewer opens, with a ticket in it. */
async function save(card) {
	try {
		const { file } = await api.call("POST", `/desktops/${card.desktop.id}/viewer`, {});
		const link = document.createElement("a"), url = URL.createObjectURL(new Blob([file], { type: "application/x-virt-viewer" }));
		link.href = url;
		link.download = card.desktop.pool + ".vv";
		link.click();
		setTimeout(() => URL.revokeObjectURL(url), 10000);
		tell($("list-message"), null);
	} catch (fault) {
		tell($("list-message"), fault);
	}
}

async function act(card, action, what) {
	const unsaved = "What is not saved there is lost.";
	if (action === "off" && !confirm(`${what} ${card.desktop.pool}? ${unsaved}`))
		return;
	try {
		await api.call("POST", `/desktops/${card.desktop.id}/${action}`, {});
		tell($("list-message"), null);
	} catch (fault) {
		tell($("list-message"), fault);
		return;
	}
	refresh();
}

document.addEventListener("visibilitychange", () => {
	if (!document.hidden && !$("desktops").hidden)
		refresh();
});
