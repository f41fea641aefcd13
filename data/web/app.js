/* Which view is shown: sign-in, the list, or one desktop.
 *
 * The address says it: "/" is the list, "/POOL" the user's desktop in that
 * pool, the same addresses that Oriel's own client takes. */

import * as api from "./api.js";
import { $, actions, show } from "./dom.js";
import * as signin from "./signin.js";
import * as list from "./list.js";
import * as desktop from "./desktop.js";

const views = { signin, desktops: list, desktop };
let current = null;

function wanted() {
	if (!api.session)
		return ["signin"];
	const pool = decodeURIComponent(location.pathname.slice(1));
	return pool ? ["desktop", pool] : ["desktops"];
}

/* fault: why one is here, for the view to tell. */
function route(fault) {
	const [name, argument] = wanted();
	if (current)
		views[current].leave();
	current = name;
	for (const view of Object.keys(views))
		show($(view), view === name);
	document.title = name === "desktop" ? argument + " - Oriel" : "Oriel";
	views[name].enter({ argument, fault, go });
}

function go(path) {
	if (path !== location.pathname)
		history.pushState(null, "", path);
	route();
}

async function signOut() {
	views[current].leave();
	await api.signOut();
	history.replaceState(null, "", "/");
	current = null;
	route();
}

api.onSessionEnd(fault => route(fault));
window.addEventListener("popstate", () => route());
actions(document.body, { "sign-out": signOut, back: () => go("/") });
route();
