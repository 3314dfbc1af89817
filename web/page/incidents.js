/*
 * incidents - the list of what is open, and all about one incident
 */

import { acknowledge } from "./ack.js";
import { el, id, log, plain, since, span, time, times } from "./text.js";

const SHAPES = {
	critical: "M8 1l7 13.5H1z",			// triangle
	warning: "M8 .8L15.2 8 8 15.2.8 8z",		// diamond
	info: "M8 1a7 7 0 110 14A7 7 0 018 1z",		// circle
	resolved: "M1.5 8.5l4.5 4.5L14.5 3.5",		// tick
};

/* A shape for each severity, so that it does not hang on colour. */
function sign(name) {
	const space = "http://www.w3.org/2000/svg";
	const svg = document.createElementNS(space, "svg");
	const path = document.createElementNS(space, "path");

	svg.setAttribute("viewBox", "0 0 16 16");
	svg.setAttribute("aria-hidden", "true");
	path.setAttribute("d", SHAPES[name] ?? SHAPES.info);
	svg.append(path);
	return svg;
}

function badge(incident) {
	const name = incident.state === "resolved" ? "resolved" : incident.severity;

	return el("span", { class: `badge badge-${name in SHAPES ? name : "info"}` }, sign(name),
		plain(name));
}

export function verdict_sign(verdict) {
	const names = { ok: "resolved", warning: "warning", critical: "critical" };

	return sign(names[verdict] ?? "info");
}

function link(incident) {
	return el("a", { href: `#/incident/${encodeURIComponent(incident.id)}`, class: "log" },
		plain(incident.summary || incident.rule));
}

function taken_by(incident) {
	const ack = incident.acknowledged;

	if (!ack)
		return null;
	return el("p", { class: "taken" }, "Acknowledged by ", log(ack.who || "somebody"), ", ",
		time(ack.at), ack.note ? ": " : "", ack.note ? log(ack.note) : null);
}

function ack_button(incident, writes) {
	if (!writes || incident.state === "resolved" || incident.acknowledged)
		return null;
	return el("button", { type: "button", class: "ack", "data-incident": incident.id,
		"aria-label": `Acknowledge: ${plain(incident.summary || incident.rule)}`,
		onclick: () => acknowledge(incident) }, "Acknowledge");
}

function spans(incident) {
	if (incident.state === "resolved" && incident.resolved)
		return ["From ", time(incident.opened), " to ", time(incident.resolved)];
	return ["Since ", time(incident.opened), ` (${since(incident.opened)})`];
}

function entry(incident, writes) {
	return el("li", { class: `incident edge-${plain(incident.state === "resolved" ?
		"resolved" : incident.severity)}`, "data-incident": incident.id },
		el("div", { class: "incident-text" },
			el("h3", {}, badge(incident), " ", link(incident)),
			el("p", { class: "facts" }, spans(incident), ` · seen ${times(incident.count)}`,
				` · last ${since(incident.last_seen)} ago`,
				incident.group?.host ? [" · ", log(incident.group.host)] : null,
				incident.silenced_until ? [" · silenced until ",
					time(incident.silenced_until)] : null),
			taken_by(incident)),
		ack_button(incident, writes));
}

/* Fills a place with a list; `none` is said of an empty one. What has the focus keeps it. */
export function incidents_list(place, incidents, { writes, none }) {
	const focused = place.contains(document.activeElement) ?
		[document.activeElement.tagName,
			document.activeElement.closest("[data-incident]")?.dataset.incident] : null;

	place.replaceChildren(incidents.length === 0 ? el("p", { class: "empty" }, none) :
		el("ul", { class: "incidents" }, incidents.map((i) => entry(i, writes))));
	if (focused === null)
		return;
	const row = [...place.querySelectorAll("li")].find((li) =>
		li.dataset.incident === focused[1]);

	(row?.querySelector(focused[0]) ?? row?.querySelector("a") ?? id("open-title"))?.focus();
}

/* --- one --- */

function fact(name, ...value) {
	if (value.flat().every((v) => v === null || v === undefined || v === ""))
		return null;
	return el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
}

function group_facts(incident) {
	return Object.entries(incident.group ?? {})
		.filter(([, value]) => value !== "" && value !== null)
		.map(([key, value]) => fact(plain(key), log(value)));
}

function people(n, word) {
	return n > 0 ? `${n > 100 ? "about " : ""}${n} ${word}${n === 1 ? "" : "s"}` : null;
}

function facts(incident) {
	const whom = [people(incident.senders, "sender"), people(incident.recipients, "recipient")]
		.filter((t) => t !== null).join(", ");
	const lasted = incident.resolved ? span((new Date(incident.resolved) -
		new Date(incident.opened)) / 1000) : since(incident.opened);

	return el("dl", { class: "fact-list" },
		fact(incident.state === "resolved" ? "lasted" : "open for", lasted),
		fact("from", time(incident.opened)),
		incident.resolved ? fact("to", time(incident.resolved)) : null,
		fact("seen", times(incident.count)),
		fact("last seen", time(incident.last_seen)),
		fact("affected", whom),
		incident.relapses > 0 ? fact("came back", times(incident.relapses)) : null,
		group_facts(incident),
		incident.provider && !incident.group?.provider ?
			fact("provider", log(incident.provider)) : null,
		incident.category ? fact("category", log(incident.category)) : null,
		incident.code_id ? fact("code", log(incident.code_id)) : null,
		fact("rule", log(incident.rule)),
		incident.silenced_until ? fact("silenced until", time(incident.silenced_until)) : null,
		fact("id", log(incident.id)));
}

function paragraphs(text) {
	return plain(text).split(/\n\s*\n/).filter((p) => p.trim() !== "")
		.map((p) => el("p", {}, p.trim()));
}

function outside(url) {
	if (!/^https?:\/\//i.test(url ?? ""))
		return null;
	return el("p", {}, el("a", { href: url, rel: "noreferrer noopener", target: "_blank",
		class: "log" }, plain(url)));
}

function part(title, ...content) {
	const there = content.flat().filter((c) => c !== null && c !== undefined);

	return there.length === 0 ? null : el("section", {}, el("h2", {}, title), there);
}

function notice_line(notice) {
	const channels = (notice.channels ?? []).map((c) => plain(c.channel ?? c.name ?? ""))
		.filter((c) => c !== "").join(", ");

	return [notice.sent ?? notice.due, [`Notice (${plain(notice.notice)}) ${
		notice.sent ? "sent" : "waits"}`, channels === "" ? "" :
		` ${notice.sent ? "by" : "for"} ${channels}`,
	notice.error ? [": ", log(notice.error)] : null]];
}

function capital(word) {
	const text = plain(word);

	return text.charAt(0).toUpperCase() + text.slice(1);
}

function timeline(incident) {
	const ack = incident.acknowledged;
	const rows = [
		...(incident.changes ?? []).map((c) => [c.at, [capital(c.change),
			c.change === "acknowledged" && ack?.at === c.at ?
				[" by ", log(ack.who || "somebody"), ack.note ? [": ", log(ack.note)] : null] :
				null]]),
		...(incident.notices ?? []).map(notice_line),
	].sort((a, b) => new Date(a[0]) - new Date(b[0]));

	return rows.length === 0 ? null : el("ol", { class: "timeline" },
		rows.map(([at, what]) => el("li", {}, time(at), " ", el("span", {}, what.flat(3)))));
}

function evidence(incident) {
	const lines = incident.evidence?.lines ?? incident.samples ?? [];

	return lines.length === 0 ? null : el("ol", { class: "evidence", tabindex: "0",
		"aria-label": "Log lines" }, lines.map((line) => el("li", {}, log(line, "code"))));
}

export function incident_show(place, incident, { writes }) {
	place.replaceChildren(
		el("header", { class: "incident-head" },
			el("h1", { tabindex: "-1" }, badge(incident), " ",
				log(incident.summary || incident.rule)),
			taken_by(incident),
			ack_button(incident, writes),
			!writes && incident.state !== "resolved" && !incident.acknowledged ?
				el("p", { class: "hint" }, "To acknowledge it from here, set ",
					el("code", {}, "web.token_file"), "; in a shell: ",
					el("code", {}, `mailwarden ack ${plain(incident.id)}`)) : null),
		el("div", { class: "incident-body" },
			el("div", {}, ...[
				part("What it means", incident.meaning ? paragraphs(incident.meaning) : null),
				part("What to do", incident.advice ? paragraphs(incident.advice) : null,
					outside(incident.url)),
				part("What the log says", evidence(incident)),
				part("What happened", timeline(incident)),
			].filter((p) => p !== null)),
			el("aside", { "aria-label": "Facts" }, facts(incident))));
}
