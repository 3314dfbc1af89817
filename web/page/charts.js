/*
 * charts - the time lines: one panel each, drawn by uPlot, with a table that says the same
 *
 * Lines differ by colour and by dashes. The keys above a plot are buttons that show and hide
 * a line; they tell its sum, or its value where the cursor stands. Dragging zooms all panels,
 * a double click goes back; the buttons of range.js do the same from the keyboard.
 */

import uPlot from "./uplot.js";
import { api } from "./api.js";
import { range_is_live, range_now, range_reset, range_zoom } from "./range.js";
import { count, el, id, log, plain, seconds, time, when } from "./text.js";

const PANELS = [
	{ what: "volume", title: "Mail by outcome: out, to mailboxes here, refused to clients" },
	{ what: "failed", title: "Not delivered, by provider" },
	{ what: "delay", title: "Time to deliver", unit: seconds },
	{ what: "providers", title: "Attempts by provider" },
	{ what: "tls", title: "Encryption of outgoing mail" },
	{ what: "logins", title: "Logins" },
];
// Lines that mean something keep their colour: --line-N of page.css.
const COLOURS = { delivered: 1, deferred: 2, bounced: 3, expired: 4, rejected: 5, accepted: 1,
	failed: 3, plain: 3, encrypted: 6, verified: 1 };
const DASHES = [[], [7, 3], [2, 3], [10, 3, 2, 3], [5, 5], [1, 2], [12, 4], [6, 2, 2, 2, 2, 2]];
const REFRESH_MS = 60000;
const HEIGHT = 210;
// Delays reach from a tenth of a second to days: they are drawn by their logarithm.
const LEAST_S = 0.1;
const MARKS_S = [0.1, 1, 10, 60, 600, 3600, 36000, 86400, 864000];
const TABLE_ROWS = 400;
const DRAGGED = 8; // pixels: less is a click with a shaking hand
const HOUR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit",
	hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const MONTH = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric" });

const panels = [];
let asked = 0; // numbers the loads: a late answer to an earlier one is dropped
let shown = false;

/* --- looks --- */

function style(name) {
	return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function colour_number(name, i) {
	return COLOURS[name] ?? i % 8 + 1;
}

function axis_times(plot, splits, axis, space, step) {
	let last = "";

	return splits.map((at) => {
		const date = new Date(at * 1000);

		if (step >= 28 * 86400)
			return MONTH.format(date);
		if (step >= 86400)
			return DAY.format(date);
		const day = DAY.format(date), same = day === last;

		last = day;
		return same ? HOUR.format(date) : `${HOUR.format(date)}\n${day}`;
	});
}

const COUNTS_AXIS = {
	incrs: [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8].flatMap((n) => [n, 2 * n, 5 * n]),
	values: (u, splits) => splits.map((n) =>
		n >= 1000000 ? `${n / 1000000} M` : n >= 10000 ? `${n / 1000}k` : String(n)),
};

function height_of(value) {
	return value === null ? null : Math.log10(Math.max(value, LEAST_S) / LEAST_S);
}

const SECONDS_AXIS = {
	splits: (u, axis, low, high) => MARKS_S.map(height_of).filter((y) => y <= high),
	values: (u, splits) => splits.map((y, i) => seconds(MARKS_S[i]).replace(".0 ", " ")),
};

function options(panel, lines) {
	const axis = { stroke: style("--quiet"), font: "12px system-ui, sans-serif",
		grid: { stroke: style("--grid"), width: 1 }, ticks: { show: false } };

	return {
		width: Math.max(200, panel.plot.clientWidth), height: HEIGHT,
		legend: { show: false },
		// The bounds come with the data: panels then stand exactly below one another.
		scales: {
			x: { time: true, range: () => [panel.data.from, panel.data.until] },
			y: { range: (u, low, high) => [0, high > 0 ? high * 1.08 : 1] },
		},
		padding: [8, 12, 0, 0],
		cursor: {
			sync: { key: "lines", setSeries: false,
				filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
			drag: { x: true, y: false, setScale: false },
			bind: { dblclick: () => () => {
				range_reset();
				return null;
			} },
			points: { size: 7 },
		},
		axes: [{ ...axis, values: axis_times, space: 70, size: 40 },
			{ ...axis, size: 56, ...(panel.unit ? SECONDS_AXIS : COUNTS_AXIS) }],
		series: [{}, ...lines.map((line, i) => ({
			label: plain(line.name), stroke: style(`--line-${colour_number(line.name, i)}`),
			width: panel.data.time.length > 200 ? 1.25 : 1.75,
			dash: DASHES[i % DASHES.length], show: !panel.off.has(line.name),
			points: { show: lone_points, size: 5 },
		}))],
		hooks: {
			setSelect: [(u) => selected(u)],
			setCursor: [(u) => keys_say(panel, u.cursor.idx)],
		},
	};
}

/* A value between two gaps is no line: it gets a point. */
function lone_points(u, series, first, last) {
	const values = u.data[series];

	for (let i = first; i <= last; i++)
		if (values[i] !== null && (values[i - 1] ?? null) === null &&
		    (values[i + 1] ?? null) === null)
			return true;
	return false;
}

function selected(u) {
	const { left, width } = u.select;

	if (width < DRAGGED)
		return;
	const from = u.posToVal(left, "x"), until = u.posToVal(left + width, "x");

	u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
	range_zoom(from, until);
}

/* --- the keys --- */

function swatch(i, name) {
	const space = "http://www.w3.org/2000/svg";
	const svg = document.createElementNS(space, "svg");
	const line = document.createElementNS(space, "path");

	svg.setAttribute("viewBox", "0 0 26 8");
	svg.setAttribute("aria-hidden", "true");
	svg.setAttribute("class", `swatch line-${colour_number(name, i)}`);
	line.setAttribute("d", "M1 4h24");
	line.setAttribute("stroke-dasharray", DASHES[i % DASHES.length].join(" "));
	svg.append(line);
	return svg;
}

function sum(values) {
	return values.reduce((total, n) => total + (n ?? 0), 0);
}

function toggle(panel, line, i, button) {
	const on = panel.off.has(line.name);

	if (on)
		panel.off.delete(line.name);
	else
		panel.off.add(line.name);
	button.setAttribute("aria-pressed", String(on));
	panel.chart?.setSeries(i + 1, { show: on });
}

function keys_make(panel) {
	panel.values = [];
	panel.keys.replaceChildren(...panel.data.lines.map((line, i) => {
		const value = el("span", { class: "value" });
		const button = el("button", { type: "button", class: "key",
			"aria-pressed": String(!panel.off.has(line.name)),
			onclick: () => toggle(panel, line, i, button) },
			swatch(i, line.name), log(line.name.replace(/_/g, " ")), " ", value);

		panel.values.push(value);
		return button;
	}));
}

/* Values at a step, or without one what the span comes to. */
function keys_say(panel, step) {
	const { data, unit } = panel;
	const at = step === null || step === undefined ? null : data.time[step];

	panel.at.textContent = at === null || at === undefined ? "" : when(at);
	data.lines.forEach((line, i) => {
		const n = at === null ? null : line.values[step] ?? null;
		let text = "";

		if (at !== null)
			text = n === null ? "–" : (unit ?? count)(n);
		else if (!unit)
			text = count(sum(line.values));
		panel.values[i].textContent = text;
	});
}

/* --- the table --- */

function table_make(panel) {
	const { data, title, unit } = panel;
	const cell = (line, i) => {
		const n = line.values[i] ?? null;

		return el("td", {}, n === null ? "–" : (unit ?? count)(n));
	};
	const steps = data.time.map((at, i) => i).reverse().slice(0, TABLE_ROWS);

	panel.table.replaceChildren(el("table", {},
		el("caption", {}, `${title}, by ${data.step >= 86400 ? "day" : "hour"}, newest first`),
		el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Begin"),
			data.lines.map((line) => el("th", { scope: "col" }, log(line.name))))),
		el("tbody", {}, steps.map((i) => el("tr", {},
			el("th", { scope: "row" },
				time(new Date(data.time[i] * 1000).toISOString())),
			data.lines.map((line) => cell(line, i)))))));
}

function table_toggle(panel) {
	const open = panel.table.hidden;

	panel.table.hidden = !open;
	panel.button.setAttribute("aria-expanded", String(open));
	panel.button.textContent = open ? "Hide the table" : "Show as table";
	if (open && panel.data !== null)
		table_make(panel);
}

/* --- panels --- */

function panel_make(about) {
	const title = `panel-${about.what}`;
	const panel = {
		...about, data: null, chart: null, off: new Set(), values: [],
		keys: el("div", { class: "keys", role: "group", "aria-label": "Lines shown" }),
		plot: el("div", { class: "plot", role: "img" }),
		at: el("span", { class: "at hint" }),
		said: el("p", { class: "empty" }),
		table: el("div", { class: "table", id: `table-${about.what}`, role: "region",
			"aria-labelledby": title, tabindex: "0", hidden: true }),
	};

	panel.button = el("button", { type: "button", class: "small", "aria-expanded": "false",
		"aria-controls": panel.table.id, onclick: () => table_toggle(panel) }, "Show as table");
	panel.place = el("section", { class: "card panel", "aria-labelledby": title,
		"data-what": about.what },
		el("div", { class: "panel-head" }, el("h3", { id: title }, about.title), panel.at),
		panel.keys, panel.plot, panel.said,
		el("div", { class: "panel-foot" }, panel.button), panel.table);
	return panel;
}

function describe(panel) {
	const { from, until } = panel.data;
	const sums = panel.unit ? panel.data.lines.map((l) => plain(l.name)) :
		panel.data.lines.map((l) => `${plain(l.name)} ${count(sum(l.values))}`);

	panel.plot.setAttribute("aria-label", `${panel.title}, ${when(from)} to ${when(until)}: ` +
		`${sums.join(", ")}. The table below says the same.`);
}

/* What uPlot draws: times, then the lines. */
function drawn(panel, data) {
	return [data.time, ...data.lines.map((line) =>
		panel.unit ? line.values.map(height_of) : line.values)];
}

function is_empty(data) {
	return data.lines.every((line) => line.values.every((n) => n === null || n === 0));
}

function panel_draw(panel) {
	const { data } = panel, empty = is_empty(data);

	panel.chart?.destroy();
	panel.chart = null;
	panel.plot.hidden = panel.keys.hidden = empty;
	panel.said.hidden = !empty;
	panel.said.textContent = empty ? "Nothing in this span." : "";
	keys_make(panel);
	if (empty)
		return;
	describe(panel);
	panel.chart = new uPlot(options(panel, data.lines), drawn(panel, data), panel.plot);
	keys_say(panel, null);
}

/* The same lines as before: only their values have changed, what is hovered stays. */
function panel_update(panel, data) {
	const names = (d) => d.lines.map((line) => line.name).join("\n");
	const same = panel.chart !== null && names(panel.data) === names(data) && !is_empty(data);

	panel.data = data;
	panel.place.dataset.from = data.from;
	panel.place.dataset.until = data.until;
	if (same) {
		panel.chart.setData(drawn(panel, data));
		describe(panel);
		keys_say(panel, panel.chart.cursor.idx);
	} else {
		panel_draw(panel);
	}
	if (!panel.table.hidden)
		table_make(panel);
}

async function panel_load(panel, number) {
	const { from, until } = range_now();
	let data;

	try {
		data = await api.lines(panel.what, from, until);
	} catch (e) {
		if (number !== asked)
			return;
		panel.said.hidden = false;
		panel.said.textContent = `Not shown: ${plain(e.message)}`;
		return;
	}
	if (number === asked)
		panel_update(panel, data);
}

export async function charts_load() {
	const number = ++asked;

	id("panels").setAttribute("aria-busy", "true");
	await Promise.all(panels.map((panel) => panel_load(panel, number)));
	if (number === asked)
		id("panels").removeAttribute("aria-busy");
}

/* Pointless while nobody looks. */
export function charts_show(is_shown) {
	const again = is_shown && !shown && panels.some((p) => p.data !== null);

	shown = is_shown;
	if (again)
		void charts_load();
}

export function charts_start() {
	panels.push(...PANELS.map(panel_make));
	id("panels").replaceChildren(...panels.map((p) => p.place));

	const sizes = new ResizeObserver(() => panels.forEach((p) => {
		if (p.chart !== null && p.plot.clientWidth > 0 && p.plot.clientWidth !== p.chart.width)
			p.chart.setSize({ width: p.plot.clientWidth, height: HEIGHT });
	}));

	sizes.observe(id("panels"));
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
		panels.forEach((p) => p.data !== null && panel_draw(p)));
	setInterval(() => {
		if (shown && range_is_live() && document.visibilityState === "visible")
			void charts_load();
	}, REFRESH_MS);
	void charts_load();
}
