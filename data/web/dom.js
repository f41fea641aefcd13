/* Small helpers; text is always set as text. */

export const $ = id => document.getElementById(id);

/* By attribute: elements of SVG have no such property. */
export function show(element, visible) {
	element.toggleAttribute("hidden", !visible);
}

/* A fault in a .message element; NULL hides it. */
export function tell(element, fault) {
	element.replaceChildren();
	show(element, Boolean(fault));
	if (!fault)
		return;
	const cause = document.createElement("b"), remedy = document.createElement("span");
	cause.textContent = fault.message;
	remedy.textContent = fault.remedy;
	element.append(cause, remedy);
}

/* data-do="name" of a clicked button calls actions[name]. */
export function actions(root, table) {
	root.addEventListener("click", event => {
		const button = event.target.closest("[data-do]");
		if (button && table[button.dataset.do])
			table[button.dataset.do](button);
	});
}

export const pause = ms => new Promise(done => setTimeout(done, ms));

/* What a state is called, and the stage while it changes. */
const NAMES = {
	none: "Not made yet", off: "Off", starting: "Starting", running: "Running",
	stopping: "Shutting down", failed: "Failed",
};

export function stateText(desktop) {
	return NAMES[desktop.state] || desktop.state;
}
