/*
 * text - what is shown: elements, times, numbers
 *
 * Whatever comes from a log is a stranger's text. It reaches the page through textContent
 * alone, by el(); plain() takes the teeth out of control and direction characters.
 */

// C0, C1, and characters that turn or hide what stands around them (Unicode 15, Bidi_Control
// and the invisible ones).
const HIDDEN = new RegExp("[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200b-\\u200f" +
	"\\u2028-\\u202e\\u2060-\\u2069\\ufeff]", "g");

export function plain(text) {
	return String(text ?? "").replace(HIDDEN, (c) =>
		`\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/* el("p", { class: "hint", onclick: f }, "text", child): children that are null are left out. */
export function el(name, attributes = {}, ...children) {
	const made = document.createElement(name);

	for (const [key, value] of Object.entries(attributes)) {
		if (value === null || value === undefined || value === false)
			continue;
		if (key.startsWith("on"))
			made.addEventListener(key.slice(2), value);
		else
			made.setAttribute(key, value === true ? "" : String(value));
	}
	made.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ""));
	return made;
}

/* A stranger's text, set apart from what stands beside it. */
export function log(text, name = "span") {
	return el(name, { class: "log" }, plain(text));
}

export function id(name) {
	return document.getElementById(name);
}

/* --- times --- */

const SAME_DAY = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit",
	hourCycle: "h23" });
const THIS_YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short",
	hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const FULL = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short",
	year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit",
	second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric",
	month: "short", year: "numeric" });

export function utc(date) {
	return Number.isNaN(date.getTime()) ? "" :
		date.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
}

function minute(date) {
	const now = new Date();

	if (date.toDateString() === now.toDateString())
		return SAME_DAY.format(date);
	return (date.getFullYear() === now.getFullYear() ? THIS_YEAR : FULL).format(date);
}

/* A time of the browser's zone; UTC on hover. With `clock` the seconds of it, without a day. */
export function time(text, { clock = false } = {}) {
	const date = new Date(text);

	if (Number.isNaN(date.getTime()))
		return log(text);
	return el("time", { datetime: text, title: utc(date) },
		clock ? CLOCK.format(date) : minute(date));
}

export function when(seconds) {
	return FULL.format(new Date(seconds * 1000));
}

export function dayOf(seconds) {
	return DAY.format(new Date(seconds * 1000));
}

const SPANS = [[86400 * 365, "year"], [86400, "day"], [3600, "hour"], [60, "minute"]];

/* "3 days", "1 hour"; of what is shorter than a minute: "a moment". */
export function span(seconds) {
	for (const [size, word] of SPANS) {
		const n = Math.floor(seconds / size);

		if (n >= 1)
			return `${n} ${word}${n === 1 ? "" : "s"}`;
	}
	return "a moment";
}

export function since(text) {
	return span(Math.max(0, (Date.now() - new Date(text).getTime()) / 1000));
}

/* --- numbers --- */

const WHOLE = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

export function count(n) {
	return WHOLE.format(n);
}

export function times(n) {
	return n === 1 ? "once" : `${count(n)} times`;
}

export function seconds(n) {
	if (n >= 86400)
		return `${(n / 86400).toFixed(1)} d`;
	if (n >= 3600)
		return `${(n / 3600).toFixed(1)} h`;
	if (n >= 60)
		return `${(n / 60).toFixed(1)} min`;
	return `${n < 10 ? n.toFixed(1) : Math.round(n)} s`;
}

export function bytes(n) {
	if (n >= 1024 * 1024)
		return `${(n / 1024 / 1024).toFixed(1)} MiB`;
	return n >= 1024 ? `${(n / 1024).toFixed(1)} KiB` : `${n} bytes`;
}
