/*
 * tail - events as they come, newest first
 *
 * At most ROWS are kept, and the page is touched once a frame at most: a burst of a thousand
 * lines costs what one screen of them costs.
 */

import { address, outcome } from "./trace.js";
import { count, el, id, log, plain, time } from "./text.js";

const ROWS = 300;
const KINDS = ["incident", "accepted", "attempt", "reject", "stored", "dsn", "removed", "tls",
	"auth", "limit", "filter", "lifecycle", "warning", "complaint", "dmarc", "tls_report",
	"connection"];
// Said in words before the rest, or of no use in a row.
const SAID = new Set(["type", "id", "time", "kind", "host", "mta", "outcome", "sender",
	"recipient", "relay_name", "relay_ip", "reply", "text", "process", "pid", "source",
	"offset", "queue_id", "message_id", "delay", "delays"]);

const rows = []; // newest first: what event_row() and incident_row() make
const held = []; // what came and is not in rows yet: while paused, what waits
let paused = false, waiting = 0, drawn = false, shown = false;

function rest(event) {
	return Object.entries(event).filter(([key, value]) => !SAID.has(key) && value !== "" &&
		typeof value !== "object").map(([key, value]) => `${key}=${value}`).join(" ");
}

/* [words, value, ...]: what of an event is said, in order. */
function parts(event) {
	const relay = (event.relay_name ?? "") + (event.relay_ip ? `[${event.relay_ip}]` : "");
	const said = [];
	const add = (word, value) => {
		if (value !== undefined && value !== "")
			said.push([word, value]);
	};

	add("", event.queue_id);
	if (event.sender !== undefined)
		add("from", address(event.sender));
	add("to", event.recipient);
	add("relay", relay);
	add("", event.reply ?? event.text);
	add("rest", rest(event));
	return said;
}

function event_row(event) {
	const said = parts(event);

	return {
		at: event.time, kind: plain(event.kind ?? "event"), outcome: event.outcome,
		host: event.host ?? "", said,
		text: [event.kind, event.host, event.outcome, ...said.map((p) => p[1])].join(" ")
			.toLowerCase(),
	};
}

function incident_row(change) {
	const incident = change.incident ?? {};
	const said = [["", change.change ?? ""], ["", incident.summary ?? incident.rule ?? ""]];

	return {
		at: change.at ?? incident.opened, kind: "incident", severity: incident.severity,
		id: incident.id, host: "", said,
		text: ["incident", incident.severity, ...said.map((p) => p[1])].join(" ").toLowerCase(),
	};
}

function row_shown(row) {
	const kind = id("tail-kind").value, words = id("tail-text").value.trim().toLowerCase();

	return (kind === "" || row.kind === kind) && (words === "" || row.text.includes(words));
}

function row_element(row) {
	const said = row.said.flatMap(([word, value]) => word === "rest" ?
		[el("span", { class: "rest" }, log(value)), " "] :
		[word === "" ? "" : `${word} `, log(value), " "]);

	return el("tr", {},
		el("td", {}, time(row.at, { clock: true })),
		el("td", {}, row.kind),
		el("td", {}, outcome(row.outcome), row.outcome ? " " : "",
			row.id ? el("a", { href: `#/incident/${encodeURIComponent(row.id)}` },
				plain(row.severity ?? "incident")) : "",
			row.id ? " " : "", ...said,
			row.host ? el("span", { class: "hint" }, plain(row.host)) : ""));
}

function draw() {
	drawn = true;
	if (!shown)
		return;
	const matching = rows.filter(row_shown);

	id("tail").hidden = matching.length === 0;
	id("tail-rows").replaceChildren(...matching.map(row_element));
	say(matching.length);
}

function say(n) {
	let text = rows.length === 0 ? "Nothing has come yet. New events appear here by themselves." :
		n === 0 ? "No event matches." : "";

	if (paused)
		text = waiting === 0 ? "Paused." :
			`Paused: ${count(waiting)} new event${waiting === 1 ? " waits" : "s wait"}.`;
	if (id("tail-said").textContent !== text)
		id("tail-said").textContent = text;
}

function add(row) {
	held.unshift(row);
	held.length = Math.min(held.length, ROWS);
	if (!KINDS.includes(row.kind)) {
		KINDS.push(row.kind);
		id("tail-kind").append(el("option", { value: row.kind }, row.kind));
	}
	if (paused) {
		waiting++;
		if (shown)
			say(1);
		return;
	}
	release();
}

function release() {
	rows.unshift(...held);
	rows.length = Math.min(rows.length, ROWS);
	held.length = 0;
	waiting = 0;
	if (!drawn)
		return;
	drawn = false;
	requestAnimationFrame(draw);
}

export function tail_event(event) {
	add(event_row(event));
}

export function tail_incident(change) {
	add(incident_row(change));
}

export function tail_show(is_shown) {
	shown = is_shown;
	if (shown)
		draw();
}

function pause() {
	paused = !paused;
	id("tail-pause").setAttribute("aria-pressed", String(paused));
	id("tail-pause").textContent = paused ? "Go on" : "Pause";
	if (!paused)
		release();
	draw();
}

export function tail_start() {
	id("tail-kind").append(el("option", { value: "" }, "all"),
		...KINDS.map((kind) => el("option", { value: kind }, kind.replace("_", " "))));
	id("tail-kind").addEventListener("change", draw);
	id("tail-text").addEventListener("input", draw);
	id("tail-pause").addEventListener("click", pause);
	id("tail-clear").addEventListener("click", () => {
		rows.length = held.length = waiting = 0;
		draw();
	});
	drawn = true;
}
