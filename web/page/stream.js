/*
 * stream - what the server tells by itself, over a connection that is mended when it breaks
 *
 * stream_open({ incident, event, status, state }): the first three get the object of a
 * server-sent event; state gets "open" or "lost". The browser reconnects where the
 * connection breaks, with the id of the last event; where the server refuses (it restarts,
 * or has too many connections) we do, more slowly each time.
 */

const FIRST_WAIT_MS = 1000, LONGEST_WAIT_MS = 30000;

export function stream_open(handlers) {
	let source = null, last = null, wait = FIRST_WAIT_MS, timer = 0;

	function on(name) {
		source.addEventListener(name, (e) => {
			let object;

			last = e.lastEventId || last;
			try {
				object = JSON.parse(e.data);
			} catch {
				return; // cut by a broken connection: it comes again
			}
			handlers[name]?.(object);
		});
	}

	function open() {
		clearTimeout(timer);
		source?.close();
		source = new EventSource("/api/v1/stream" +
			(last === null ? "" : `?since=${encodeURIComponent(last)}`));
		source.addEventListener("open", () => {
			wait = FIRST_WAIT_MS;
			handlers.state("open");
		});
		source.addEventListener("error", () => {
			handlers.state("lost");
			if (source.readyState !== EventSource.CLOSED)
				return;
			timer = setTimeout(open, wait);
			wait = Math.min(wait * 2, LONGEST_WAIT_MS);
		});
		for (const name of ["incident", "event", "status"])
			on(name);
	}

	open();
	addEventListener("online", () => {
		if (source.readyState !== EventSource.OPEN)
			open();
	});
	// Six connections a host are all that a browser opens: a page that nobody sees gives its own
	// back.
	addEventListener("pagehide", () => source.close());
	addEventListener("pageshow", (e) => {
		if (e.persisted)
			open();
	});
}
