/* Text between the desktop's clipboard and the browser's.
 *
 * Where the browser lets the page read and write its clipboard, both follow
 * each other; elsewhere the panel is the way, by hand. */

import { $, show } from "./dom.js";

export class Clipboard {
	constructor() {
		this.rfb = null;
		this.text = ""; /* that both sides have, as far as we know */
		this.heard = event => this.fromDesktop(event.detail.text);
		window.addEventListener("focus", () => this.fromBrowser());
		$("clipboard").addEventListener("keydown", event => {
			if (event.key !== "Escape")
				return;
			this.close();
			this.button().focus();
		});
	}

	attach(rfb) {
		this.rfb?.removeEventListener("clipboard", this.heard);
		this.rfb = rfb;
		rfb?.addEventListener("clipboard", this.heard);
		rfb?.addEventListener("connect", () => this.fromBrowser());
	}

	button() {
		return document.querySelector("[data-do=clipboard]");
	}

	toggle() {
		if (!$("clipboard").hidden) {
			this.close();
			return;
		}
		show($("clipboard"), true);
		this.button().setAttribute("aria-expanded", "true");
		$("clipboard-text").focus();
		$("clipboard-text").select();
	}

	close() {
		show($("clipboard"), false);
		this.button().setAttribute("aria-expanded", "false");
	}

	hint(text) {
		$("clipboard-hint").textContent = text;
	}

	async fromDesktop(text) {
		this.text = text;
		$("clipboard-text").value = text;
		try {
			await navigator.clipboard.writeText(text);
			this.hint("Copied in the desktop, and now in this computer's clipboard, too.");
		} catch {
			this.hint("Copied in the desktop. 'Copy' takes it to this computer's clipboard.");
		}
	}

	/* Only where the user has allowed it before: no question out of nowhere. */
	async fromBrowser() {
		try {
			const leave = await navigator.permissions.query({ name: "clipboard-read" });
			if (leave.state !== "granted" || !this.rfb)
				return;
			const text = await navigator.clipboard.readText();
			if (text && text !== this.text)
				this.give(text);
		} catch {
			/* not in this browser */
		}
	}

	give(text) {
		this.text = text;
		$("clipboard-text").value = text;
		this.rfb?.clipboardPasteFrom(text);
	}

	send() {
		this.give($("clipboard-text").value);
		this.hint("Sent. Paste it in the desktop.");
	}

	async copy() {
		try {
			await navigator.clipboard.writeText($("clipboard-text").value);
			this.hint("It is in this computer's clipboard now.");
		} catch {
			$("clipboard-text").select();
			this.hint("The browser does not allow it: press Ctrl+C for the marked text.");
		}
	}
}
