/*
 * page - which view is shown, and what all views share: health, incidents, the connection
 */

import { ack_start } from "./ack.js";
import { api } from "./api.js";
import { incident_show, incidents_list, verdict_sign } from "./incidents.js";
import { range_from, range_start } from "./range.js";
import { stream_open } from "./stream.js";
import { tail_event, tail_incident, tail_show, tail_start } from "./tail.js";
import { trace_show, trace_start } from "./trace.js";
import { el, id, plain } from "./text.js";

const TOGETHER_MS = 100; // changes that come together are asked for once
const REFRESH_MS = 60000;
const TITLES = { overview: "Overview", incident: "Incident", trace: "Find a message",
	live: "Live" };

let writes = false, shown_incident = null, charts = null, first = true;

/* --- health and incidents --- */

function set_text(place, text) {
	if (place.textContent !== text)
		place.textContent = text; // saying it again would have it read aloud again
}

function title(view) {
	const open = id("health").dataset.open ?? "0";

	document.title = `${open === "0" ? "" : `(${open}) `}${TITLES[view]} – mailwarden`;
}

async function load_health() {
	const place = id("health");
	let health;

	try {
		health = await api.health();
	} catch (e) {
		place.dataset.verdict = "unknown";
		id("health-sign").replaceChildren(verdict_sign("unknown"));
		set_text(id("health-sentence"), `Unknown: ${plain(e.message)}`);
		return;
	}
	writes = health.writes === true;
	place.dataset.verdict = plain(health.verdict);
	place.dataset.open = health.open;
	set_text(id("health-sentence"), plain(health.sentence));
	id("health-sign").replaceChildren(verdict_sign(health.verdict));
	set_text(id("host"), plain(health.host));
	set_text(id("version"), `mailwarden ${plain(health.version)}`);
	title(route().view);
}

async function load_open() {
	try {
		const { incidents } = await api.incidents("open");
		const order = { critical: 0, warning: 1, info: 2 };

		incidents.sort((a, b) => (order[a.severity] ?? 3) - (order[b.severity] ?? 3) ||
			new Date(b.opened) - new Date(a.opened));
		incidents_list(id("open-list"), incidents, { writes, none: "No trouble is open." });
	} catch (e) {
		id("open-list").replaceChildren(el("p", { class: "wrong" }, plain(e.message)));
	}
}

async function load_recent() {
	if (!id("recent").open)
		return;
	try {
		const { incidents } = await api.incidents("recent");

		incidents_list(id("recent-list"), incidents.filter((i) => i.state === "resolved"),
			{ writes, none: "Nothing was resolved lately." });
	} catch (e) {
		id("recent-list").replaceChildren(el("p", { class: "wrong" }, plain(e.message)));
	}
}

async function load_incident(key) {
	const place = id("incident"), again = shown_incident === key;
	let incident;

	if (!again)
		place.replaceChildren(el("p", { class: "empty" }, "Loading…"));
	shown_incident = key;

	try {
		incident = await api.incident(key);
	} catch (e) {
		if (shown_incident === key)
			place.replaceChildren(el("h1", { tabindex: "-1" }, "Not to be shown"),
				el("p", { class: "wrong" }, plain(e.message)));
		return;
	}
	if (shown_incident !== key)
		return;
	const focused = place.contains(document.activeElement);

	incident_show(place, incident, { writes });
	if (!again || focused)
		place.querySelector("h1").focus({ preventScroll: true });
}

/* Who may write is known from health: the lists come after it. */
async function load_all() {
	const { view, rest } = route();

	await load_health();
	await Promise.all([load_open(), load_recent(),
		view === "incident" ? load_incident(rest) : null]);
}

/* However fast changes come, one load at a time, and one more after the last change. */
let loading = false, once_more = false;
async function load_soon() {
	once_more = true;
	if (loading)
		return;
	loading = true;
	try {
		while (once_more) {
			once_more = false;
			await load_all();
			await new Promise((resolve) => setTimeout(resolve, TOGETHER_MS));
		}
	} finally {
		loading = false;
	}
}

/* --- views --- */

function route() {
	const [path, search = ""] = location.hash.replace(/^#/, "").split("?");
	const [, name = "", rest = ""] = path.split("/");
	const parameters = new URLSearchParams(search);

	if (name === "incident" && rest !== "") {
		try {
			return { view: "incident", rest: decodeURIComponent(rest), parameters };
		} catch {
			return { view: "overview", rest: "", parameters };
		}
	}
	return { view: name === "trace" || name === "live" ? name : "overview", rest: "",
		parameters };
}

async function show_lines(is_shown) {
	if (charts === null && !is_shown)
		return;
	if (charts === null) {
		charts = import("./charts.js");
		const { charts_start, charts_show } = await charts;

		charts_start();
		charts_show(true);
		return;
	}
	(await charts).charts_show(is_shown);
}

function show_view() {
	const { view, rest, parameters } = route();

	for (const section of document.querySelectorAll(".view"))
		section.hidden = section.id !== `view-${view}`;
	for (const link of document.querySelectorAll("nav a"))
		if (link.dataset.view === view)
			link.setAttribute("aria-current", "page");
		else
			link.removeAttribute("aria-current");
	title(view);
	tail_show(view === "live");
	if (view === "overview")
		range_from(parameters);
	void show_lines(view === "overview");
	if (view === "trace")
		trace_show(parameters.get("q") ?? "");
	if (view === "incident")
		void load_incident(rest);
	else
		shown_incident = null;
	if (first) {
		first = false;
		return;
	}
	// Who reads by ear or by keyboard goes on where the new view begins.
	scrollTo(0, 0);
	(document.querySelector(`#view-${view} h1`) ?? id("main")).focus({ preventScroll: true });
}

/* --- the connection --- */

function announce(text) {
	id("announce").replaceChildren(el("p", {}, plain(text)));
}

function on_incident(change) {
	const incident = change.incident ?? {};

	tail_incident(change);
	if (change.change === "opened" || change.change === "escalated")
		announce(`${change.change === "opened" ? "New" : "Graver"}: ${incident.severity ?? ""}, ${
			incident.summary ?? incident.rule ?? incident.id}`);
	else if (change.change === "resolved")
		announce(`Resolved: ${incident.summary ?? incident.rule ?? incident.id}`);
	void load_soon();
}

function on_state(state) {
	const place = id("link-state");

	place.dataset.state = state;
	set_text(place, state === "open" ? "Connected" : "Connection lost, trying again…");
	if (state === "open")
		void load_soon(); // what happened while it was broken
}

function start() {
	id("skip").addEventListener("click", (e) => {
		e.preventDefault(); // the address is the view's
		id("main").focus();
		id("main").scrollIntoView();
	});
	id("recent").addEventListener("toggle", () => void load_recent());
	range_start(() => void charts?.then((c) => c.charts_load()));
	trace_start();
	tail_start();
	ack_start(() => void load_soon());
	addEventListener("hashchange", show_view);
	void load_soon();
	show_view();
	stream_open({ incident: on_incident, event: tail_event,
		status: () => void load_soon(),
		state: on_state });
	setInterval(() => {
		if (document.visibilityState === "visible")
			void load_soon(); // "3 minutes ago" grows old, too
	}, REFRESH_MS);
}

start();
