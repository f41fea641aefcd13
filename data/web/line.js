/* The WebSocket to the display, and whether it is still alive.
 *
 * The ticket goes as a subprotocol, since addresses get logged. The gateway
 * accepts every handshake of this page and closes refused ones with a code,
 * 4000 + HTTP status, and the reason (docs/tunnel.md). A browser notices a
 * dead network only after minutes: input that nothing answers makes us ask. */

import { alive } from "./api.js";

const OPEN_MS = 15000;   /* handshake and first byte */
const SILENT_MS = 4000;  /* after input */
const PROBE_S = 4;
const CALM_MS = 10000;   /* between two probes */

export class Line {
	constructor(ticket, lost) {
		this.lost = lost;
		this.heard = performance.now();
		this.probed = 0;
		this.over = false;
		this.socket = new WebSocket(`wss://${location.host}/tunnel/v1/rfb`, ["binary", "oriel-ticket." + ticket]);
		this.socket.addEventListener("message", () => {
			this.heard = performance.now();
			clearTimeout(this.timer);
			this.timer = 0;
		});
		this.socket.addEventListener("close", event => this.end({ code: event.code, reason: event.reason }));
		this.timer = setTimeout(() => this.end({ code: 0, reason: "The display did not answer." }), OPEN_MS);
		this.onInput = () => this.input();
		this.onOffline = () => this.probe();
		for (const kind of ["keydown", "pointerdown", "wheel"])
			document.getElementById("screen").addEventListener(kind, this.onInput, { capture: true, passive: true });
		window.addEventListener("offline", this.onOffline);
	}

	input() {
		if (this.timer || this.over || performance.now() - this.probed < CALM_MS)
			return;
		this.timer = setTimeout(() => this.probe(), SILENT_MS);
	}

	/* Nothing came back. An unchanged screen is quiet, too: ask elsewhere. */
	async probe() {
		this.timer = 0;
		this.probed = performance.now();
		const before = this.heard;
		if (await alive(PROBE_S) || this.heard !== before)
			return;
		this.end({ code: 0, reason: "The server does not answer any more." });
	}

	end(loss) {
		if (this.over)
			return;
		this.drop();
		this.lost(loss);
	}

	/* Without telling: whoever calls it knows. With a reason: telling. */
	drop(reason) {
		if (this.over)
			return;
		if (reason) {
			this.end({ code: 0, reason });
			return;
		}
		this.over = true;
		clearTimeout(this.timer);
		for (const kind of ["keydown", "pointerdown", "wheel"])
			document.getElementById("screen").removeEventListener(kind, this.onInput, { capture: true });
		window.removeEventListener("offline", this.onOffline);
		this.socket.close();
	}
}
