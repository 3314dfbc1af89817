/*
 * trace - finds messages and shows what became of them
 */

import { api } from "./api.js";
import { bytes, el, id, log, plain, seconds, time } from "./text.js";

let asked = null; // the last question: answers to earlier ones are dropped

const OUTCOME_SIGNS = { delivered: "✓", deferred: "…", bounced: "✕", expired: "✕",
	rejected: "⊘" };

export function outcome(name) {
	if (!name)
		return null;
	return el("span", { class: `outcome outcome-${plain(name)}` },
		el("span", { "aria-hidden": "true" }, `${OUTCOME_SIGNS[name] ?? "·"} `), plain(name));
}

export function address(text) {
	return text === "" ? "<>" : text;
}

function relay(event) {
	const name = event.relay_name ?? "", ip = event.relay_ip ? `[${event.relay_ip}]` : "";

	return name + ip;
}

/* A reply mostly begins with its codes. */
function answer(event) {
	const codes = [event.smtp_code, event.status].filter((c) => c).map(String);
	const reply = event.reply ?? "";

	return [...codes.filter((code) => !reply.startsWith(code) && !reply.includes(` ${code} `)),
		reply].join(" ");
}

function attempt(event) {
	const cell = (title, ...content) => el("td", { "data-title": title }, ...content);

	return el("tr", {},
		cell("time", time(event.time)),
		cell("recipient", log(address(event.recipient ?? event.original_recipient ?? "?"))),
		cell("outcome", outcome(event.outcome) ?? log(event.dsn_action ?? event.kind ?? "")),
		cell("relay", log(relay(event) || event.mailer || "–")),
		cell("answer", log(answer(event))),
		cell("delay", event.delay === undefined ? "–" : seconds(event.delay)));
}

function attempts(hop) {
	if (!hop.attempts?.length)
		return el("p", { class: "hint" }, "No delivery of it has been tried yet.");
	return el("div", { class: "wide" }, el("table", { class: "attempts" },
		el("thead", {}, el("tr", {}, ["Time", "Recipient", "Outcome", "Relay", "Answer", "Delay"]
			.map((t) => el("th", { scope: "col" }, t)))),
		el("tbody", {}, hop.attempts.map(attempt))));
}

function came_from(m) {
	const words = [];

	if (m.sender !== undefined)
		words.push("from ", log(address(m.sender)));
	if (relay(m) !== "")
		words.push(words.length > 0 ? ", handed in by " : "handed in by ", log(relay(m)));
	if (m.helo)
		words.push(" (HELO ", log(m.helo), ")");
	if (m.sasl_user)
		words.push(", login ", log(m.sasl_user));
	if (m.size !== undefined)
		words.push(`, ${bytes(m.size)}`);
	if (m.recipients !== undefined)
		words.push(`, ${m.recipients} recipient${m.recipients === 1 ? "" : "s"}`);
	return words;
}

function title(m, name) {
	return el(name, {}, log(m.host ?? "?"), " · ", log(m.queue_id ?? "no queue id"),
		m.time ? [" · ", time(m.time)] : []);
}

function hop(part, name) {
	const m = part.message ?? {};

	return el("section", { class: "hop" }, title(m, name),
		el("p", {}, ...came_from(m), part.parent ? [", after ", log(part.parent)] : []),
		attempts(part),
		part.left_out ? el("p", { class: "hint" },
			`${part.left_out} more attempts are left out.`) : null);
}

function message(trace) {
	const name = trace.message_id;

	return el("article", { class: "card" }, name ? el("h2", {}, log(name)) : null,
		(trace.hops ?? []).map((part) => hop(part, name ? "h3" : "h2")),
		trace.complete === false ? el("p", { class: "hint" },
			"There is more of it; `mailwarden trace` follows it further.") : null);
}

async function search(q) {
	asked = q;
	id("trace-said").textContent = "Searching…";
	id("trace-found").replaceChildren();
	let found;

	try {
		found = await api.trace(q);
	} catch (e) {
		if (asked === q)
			id("trace-said").textContent = plain(e.message);
		return;
	}
	if (asked !== q)
		return;
	const n = found.messages.length;

	id("trace-said").textContent = n === 0 ? `No message with “${plain(q)}” is known.` :
		`${n} message${n === 1 ? "" : "s"}${found.truncated ?
			", the newest; say more of the address or id to see others" : ""}.`;
	id("trace-found").replaceChildren(...found.messages.map(message));
}

/* The view is shown for that question; empty: none yet. */
export function trace_show(q) {
	if (q === "") {
		asked = null;
		id("trace-said").textContent = "";
		id("trace-found").replaceChildren();
	} else if (q !== asked) {
		void search(q);
	}
	id("trace-q").value = q;
}

export function trace_start() {
	id("trace-form").addEventListener("submit", (e) => {
		e.preventDefault();
		const q = id("trace-q").value.trim(), hash = `#/trace?${new URLSearchParams({ q })}`;

		if (q === "")
			return;
		if (location.hash === hash)
			void search(q);
		else
			location.hash = hash;
	});
}
