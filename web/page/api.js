/*
 * api - questions to the server that sent this page, and to no other
 */

const BASE = "/api/v1/";
const WAIT_MS = 20000;

export class ApiError extends Error {
	constructor(status, text) {
		super(text);
		this.status = status; // 0: no answer came
	}
}

async function answer(path, options) {
	let reply;

	try {
		reply = await fetch(BASE + path, { cache: "no-store", credentials: "same-origin",
			redirect: "error", signal: AbortSignal.timeout(WAIT_MS), ...options });
	} catch {
		throw new ApiError(0, "mailwarden does not answer: does `mailwarden serve` still run?");
	}
	const body = await reply.json().catch(() => null);

	if (!reply.ok)
		throw new ApiError(reply.status, body?.error ?? `the server answered ${reply.status}`);
	if (body === null)
		throw new ApiError(reply.status, "the answer is not JSON");
	return body;
}

function query(values) {
	const given = Object.entries(values).filter(([, v]) => v !== undefined && v !== null);

	return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

export const api = {
	health: () => answer("health"),
	incidents: (state) => answer(`incidents${query({ state })}`),
	incident: (id) => answer(`incidents/${encodeURIComponent(id)}`),
	lines: (what, from, until) => answer(`lines${query({ what, from, until })}`),
	trace: (q) => answer(`trace${query({ q })}`),
	acknowledge: (id, token, body) => answer(`incidents/${encodeURIComponent(id)}/ack`, {
		method: "POST",
		headers: { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" },
		body: JSON.stringify(body),
	}),
};
