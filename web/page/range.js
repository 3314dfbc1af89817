/*
 * range - which span of time the lines show: a picked one, zoomed into or not
 *
 * All times are seconds since 1970. What is picked is written into the address, so that a
 * reload or a bookmark shows the same.
 */

import { dayOf, el, id, when } from "./text.js";

const HOUR = 3600, DAY = 86400;
const PRESETS = [["24h", "24 hours", DAY], ["7d", "7 days", 7 * DAY], ["30d", "30 days", 30 * DAY],
	["1y", "1 year", 365 * DAY]];
const FIRST = "7d";
const LEAST = 4 * HOUR, MOST = 2 * 366 * DAY;

let picked = { name: FIRST };
let zoomed = null; // { from, until } while zoomed in
let changed = () => {};

function now() {
	return Math.ceil(Date.now() / 1000 / HOUR) * HOUR;
}

function base() {
	const preset = PRESETS.find(([name]) => name === picked.name);

	return preset ? { from: now() - preset[2], until: now() } : picked;
}

export function range_now() {
	return zoomed ?? base();
}

/* Does it reach the present, so that it must be asked for again now and then? */
export function range_is_live() {
	return zoomed === null && picked.name !== undefined;
}

/* --- change --- */

function tell() {
	const values = picked.name ? { range: picked.name } : { from: picked.from,
		until: picked.until };

	history.replaceState(null, "", `#/?${new URLSearchParams(values)}`);
	show();
	changed();
}

function pick(span) {
	picked = span;
	zoomed = null;
	tell();
}

export function range_zoom(from, until) {
	const middle = (from + until) / 2;
	const wide = Math.min(Math.max(until - from, LEAST), MOST);
	let end = Math.ceil((middle + wide / 2) / HOUR) * HOUR;

	end = Math.min(end, now());
	zoomed = { from: Math.floor((end - wide) / HOUR) * HOUR, until: end };
	tell();
}

export function range_reset() {
	if (zoomed === null)
		return;
	zoomed = null;
	tell();
}

function scale(factor) {
	const { from, until } = range_now(), half = (until - from) * factor / 2;

	range_zoom((from + until) / 2 - half, (from + until) / 2 + half);
}

function move(share) {
	const { from, until } = range_now(), by = (until - from) * share;

	range_zoom(from + by, until + by);
}

/* The range of an address; what is wrong there counts as nothing. */
export function range_from(parameters) {
	const from = Number(parameters.get("from")), until = Number(parameters.get("until"));
	const name = parameters.get("range");

	if (PRESETS.some((p) => p[0] === name))
		picked = { name };
	else if (from > 0 && until - from >= HOUR && until - from <= MOST)
		picked = { from, until };
	zoomed = null;
	show();
}

/* --- the tools --- */

function show() {
	const { from, until } = range_now();
	const reset = id("range-reset");

	for (const button of id("range").querySelectorAll("[data-range]"))
		button.setAttribute("aria-pressed", String(button.dataset.range === picked.name));
	id("range-dates").setAttribute("aria-pressed", String(picked.name === undefined));
	if (zoomed === null && document.activeElement === reset)
		id("range-in").focus(); // a disabled button would lose the focus to nowhere
	reset.disabled = zoomed === null;
	id("range-in").disabled = until - from <= LEAST;
	id("range-later").disabled = until >= now();
	id("range-said").textContent = until - from <= 3 * DAY ? `${when(from)} to ${when(until)}` :
		`${dayOf(from)} to ${dayOf(until - 1)}`;
}

function day_text(at) {
	const d = new Date(at * 1000), two = (n) => String(n).padStart(2, "0");

	return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

function dates_open(open) {
	const { from, until } = range_now();

	id("range-form").hidden = !open;
	id("range-dates").setAttribute("aria-expanded", String(open));
	if (!open)
		return;
	id("range-from").value = day_text(from);
	id("range-until").value = day_text(until - 1);
	id("range-from").max = id("range-until").max = day_text(now());
	id("range-wrong").textContent = "";
	id("range-from").focus();
}

function dates_take(e) {
	e.preventDefault();
	// Without a zone the browser's own is meant; the last day is shown whole.
	const from = new Date(`${id("range-from").value}T00:00`).getTime() / 1000;
	const last = new Date(`${id("range-until").value}T00:00`);

	last.setDate(last.getDate() + 1);
	const until = Math.min(last.getTime() / 1000, now());

	if (!(until > from))
		id("range-wrong").textContent = "The first day must come before the last.";
	else if (until - from > MOST)
		id("range-wrong").textContent = "Two years are kept: choose a shorter span.";
	else {
		dates_open(false);
		pick({ from, until });
		id("range-dates").focus();
	}
}

function tool(name, label, text, onclick) {
	return el("button", { type: "button", id: name, class: "small", "aria-label": label,
		title: label, onclick }, text);
}

export function range_start(on_change) {
	changed = on_change;
	id("range").append(
		el("div", { class: "group", role: "group", "aria-label": "Span of time" },
			PRESETS.map(([name, words]) => el("button", { type: "button", "data-range": name,
				onclick: () => pick({ name }) }, words)),
			el("button", { type: "button", id: "range-dates", "aria-expanded": "false",
				"aria-controls": "range-form",
				onclick: () => dates_open(id("range-form").hidden) }, "Dates…")),
		el("div", { class: "group", role: "group", "aria-label": "Move and zoom" },
			tool("range-earlier", "Earlier", "←", () => move(-0.5)),
			tool("range-later", "Later", "→", () => move(0.5)),
			tool("range-in", "Zoom in", "+", () => scale(0.5)),
			tool("range-out", "Zoom out", "−", () => scale(2)),
			tool("range-reset", "Back to the picked span", "Reset", range_reset)),
		el("form", { id: "range-form", class: "dates", hidden: true, onsubmit: dates_take },
			el("label", { for: "range-from" }, "From"),
			el("input", { id: "range-from", type: "date", required: true }),
			el("label", { for: "range-until" }, "to"),
			el("input", { id: "range-until", type: "date", required: true }),
			el("button", { type: "submit", class: "main" }, "Show"),
			el("p", { class: "wrong", id: "range-wrong", role: "alert" })));
	show();
}
