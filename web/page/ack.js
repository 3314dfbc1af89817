/*
 * ack - asks for the token and says that somebody works on an incident
 *
 * The token is kept in the tab's session storage, so that a reload does not ask again, and
 * forgotten as soon as the server refuses it.
 */

import { api } from "./api.js";
import { id, plain } from "./text.js";

const TOKEN = "mailwarden.token", WHO = "mailwarden.who";
let about = null; // the incident while the dialog is open
let busy = false;

function kept(key) {
	try {
		return sessionStorage.getItem(key) ?? "";
	} catch {
		return ""; // storage is switched off: it is asked for each time
	}
}

function keep(key, value) {
	try {
		if (value === "")
			sessionStorage.removeItem(key);
		else
			sessionStorage.setItem(key, value);
	} catch {
		// as above
	}
}

export function acknowledge(incident) {
	about = incident;
	id("ack-summary").textContent = plain(incident.summary || incident.rule);
	id("ack-token").value = kept(TOKEN);
	id("ack-who").value = kept(WHO);
	id("ack-note").value = "";
	say("");
	id("ack").showModal();
	id(kept(TOKEN) === "" ? "ack-token" : "ack-note").focus();
}

function say(text) {
	id("ack-wrong").textContent = plain(text);
}

async function send() {
	const token = id("ack-token").value.trim(), who = id("ack-who").value.trim();

	say("");
	// A header holds no other characters; the server would never see the request.
	if (!/^[\x21-\x7e]+$/.test(token)) {
		say("A token has neither spaces nor special characters.");
		id("ack-token").focus();
		return false;
	}
	try {
		await api.acknowledge(about.id, token, { who, note: id("ack-note").value.trim() });
	} catch (e) {
		say(e.status === 401 ? "Refused: this is not the token of web.token_file." :
			`Not acknowledged: ${e.message}`);
		if (e.status === 401) {
			keep(TOKEN, "");
			id("ack-token").select();
		}
		return false;
	}
	keep(TOKEN, token);
	keep(WHO, who);
	return true;
}

/* done() is called after each acknowledgement that the server took. */
export function ack_start(done) {
	id("ack-form").addEventListener("submit", async (e) => {
		e.preventDefault();
		if (busy)
			return;
		busy = true;
		const taken = await send();

		busy = false;
		if (!taken)
			return;
		id("ack").close();
		done(about);
	});
	id("ack-cancel").addEventListener("click", () => id("ack").close());
	id("ack").addEventListener("close", () => {
		id("ack-token").value = "";
	});
}
