#!/usr/bin/python3
"""`serve`, its page and `digest` over a year of 10 million messages; what clients cost the watcher.

    tests/bench/serve.py [--messages N] [--lines N] [--rounds R] [--store FILE] [--part NAME]...

Parts: answers (each address alone and six at once), page (chromium), digest, load (200
connections while `run` catches up with a file). All of them unless some are named. It takes
the programs of build/release, or MAILWARDEN_BUILD. --store keeps the store for the next time.
Nothing fails for being slow. On a machine that does other things, too, the processor's time tells
more than the clock's: the server steps back behind all others.
"""

import argparse
import concurrent.futures
import http.client
import itertools
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("MAILWARDEN_BUILD", str(HERE.parent.parent / "build" / "release"))
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "page")]
from support import BUILD, ENVIRONMENT, PROGRAM, generate  # noqa: E402

DAY_S = 86400
PARTS = ("answers", "page", "digest", "load")
LINES = ("volume", "providers", "failed", "delay", "tls", "logins")


def milliseconds(begin):
    return 1000 * (time.monotonic() - begin)


def median_and_most(times):
    return f"median {statistics.median(times):6.1f} ms, most {max(times):6.1f} ms"


def run(*words):
    """(seconds, seconds of the processor)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    subprocess.run([*map(str, words)], check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    took = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def watch(log, state):
    return run(PROGRAM, "run", "--once", "--config", "/dev/null", "--file", log, "--state",
               state)


class Server:
    def __init__(self, state):
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--state", str(state), "--config", "/dev/null", "--listen",
             "127.0.0.1:0"], stderr=subprocess.PIPE, env=ENVIRONMENT, text=True)
        for line in self.process.stderr:
            if "listening port=" in line:
                self.port = int(line.split("listening port=")[1].split()[0])
                return
        raise SystemExit("serve did not start")

    def ask(self, path):
        """(milliseconds, status, bytes)"""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        begin = time.monotonic()
        link.request("GET", path)
        answer = link.getresponse()
        size = len(answer.read())
        link.close()
        return milliseconds(begin), answer.status, size

    def memory(self):
        place = pathlib.Path(f"/proc/{self.process.pid}")

        def mib(file, name):
            return int((place / file).read_text().split(name + ":")[1].split()[0]) / 1024

        return (f"resident {mib('status', 'VmRSS'):.1f} MiB, at most "
                f"{mib('status', 'VmHWM'):.1f} MiB, proportional "
                f"{mib('smaps_rollup', 'Pss'):.1f} MiB")

    def processor_s(self):
        return int(pathlib.Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]
                   ) / 1e9

    def stop(self):
        self.process.terminate()
        self.process.wait()


# --- the store ---

def make_store(o, state):
    """A year of rollups, and the lines of its last days, message by message."""
    if state.exists():
        return
    begin = time.monotonic()
    run(BUILD / "tests" / "figures_year", state, o.messages, 30, int(time.time()))
    log = state.with_suffix(".log")
    generate(log, o.lines, "mixed", 1, "--start", str(int(time.time()) - 6 * DAY_S), "--days",
             "6")
    watch(log, state)
    log.unlink()
    print(f"store of {o.messages} messages in a year and {o.lines} lines of 6 days: "
          f"{state.stat().st_size / 2**20:.0f} MiB, made in {milliseconds(begin) / 1000:.0f} s")


# --- answers ---

def paths(server):
    now = int(time.time())
    year, month, week = now - 365 * DAY_S, now - 60 * DAY_S, now - 7 * DAY_S
    yield from ("/", "/healthz", "/api/v1/health", "/api/v1/status", "/metrics",
                "/api/v1/incidents?state=open", "/api/v1/incidents?state=recent")
    link = http.client.HTTPConnection("127.0.0.1", server.port)
    link.request("GET", "/api/v1/incidents?state=recent")
    found = json.load(link.getresponse())["incidents"]
    link.close()
    if found:
        yield f"/api/v1/incidents/{found[0]['id']}"
    for name, since in (("year", year), ("week", week)):
        yield f"/api/v1/figures?from={since}&until={now}&{name}"
    for what in LINES:
        for name, since, step in (("year", year, 0), ("60d", month, 3600), ("week", week, 0)):
            yield f"/api/v1/lines?what={what}&from={since}&until={now}&step={step}&{name}"
    for pattern in ("nobody@example.org", "@gmail.com", "alice@", "4bXkWz000001",
                    "a@b@c.example"):
        yield f"/api/v1/trace?q={pattern}"


def measure_answers(o, server):
    slowest = {}
    later = itertools.count()

    def fresh(path):
        """An hour later each time: the server keeps answers until the store changes."""
        shift = 3600 * (next(later) % 48)
        return re.sub(r"(from|until)=(\d+)", lambda m: f"{m[1]}={int(m[2]) + shift}", path)

    for path in paths(server):
        used = server.processor_s()
        alone = [server.ask(fresh(path)) for _ in range(o.rounds * 2)]
        used = 1000 * (server.processor_s() - used) / len(alone)
        together = []
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for _ in range(o.rounds):
                together += pool.map(server.ask, [fresh(path) for _ in range(6)])
        print(f"{path:76} {alone[0][1]} {alone[0][2]:8} bytes, "
              f"{median_and_most([a[0] for a in alone])}, processor {used:6.1f} ms; six at "
              f"once: {median_and_most([a[0] for a in together])}")
        slowest[path] = statistics.median(a[0] for a in alone)
    worst = max(slowest, key=slowest.get)
    print(f"slowest median: {slowest[worst]:.1f} ms, {worst}")


# --- page ---

PAINTED = """const p = performance.getEntriesByName('first-contentful-paint')[0];
return [p ? p.startTime : null, document.querySelectorAll('.panel canvas').length,
document.getElementById('health-sentence').textContent, performance.now()];"""


def measure_page(o, server):
    import browser  # its modules are not needed for the rest

    if browser.missing():
        print(f"page: left out, {browser.missing()}")
        return
    driver = browser.browser()
    browser.window(driver, 1280, 900)
    now = int(time.time())
    try:
        for name, since in (("a week", now - 7 * DAY_S), ("60 days", now - 60 * DAY_S),
                            ("a year", now - 365 * DAY_S)):
            paints, charts = [], []
            for _ in range(o.rounds):
                driver.get("about:blank")
                driver.get(f"http://127.0.0.1:{server.port}/#/?from={since}&until={now}")
                seen = [None, 0, "", 0]
                while seen[0] is None or seen[1] < len(LINES) - 1:
                    seen = driver.execute_script(PAINTED)
                paints.append(seen[0])
                charts.append(seen[3])
            print(f"page over {name:8}: first paint {median_and_most(paints)}; all charts "
                  f"{median_and_most(charts)}")
    finally:
        driver.quit()


# --- digest ---

def measure_digest(o, state, folder):
    for words in (("--html", folder / "digest.html"), ("--text",), ("--json",)):
        times = [1000 * run(PROGRAM, "digest", "--config", "/dev/null", "--state", state,
                            *words)[0] for _ in range(o.rounds)]
        print(f"digest {words[0]:6}: {median_and_most(times)}")


# --- load ---

def measure_load(o, state, folder, server):
    """The same watcher, alone and with clients, in turns; each file is new to it."""
    rows = {False: [], True: []}
    log = folder / "load.log"
    asked, used = 0, server.processor_s()
    for n in range(2 * o.rounds):
        loaded = n % 4 in (1, 2)  # alone, with, with, alone: what drifts hits both
        generate(log, o.lines // 5, "mixed", 100 + n)
        clients = None
        if loaded:
            clients = subprocess.Popen([sys.executable, HERE / "clients.py",
                                        str(server.port)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
            clients.stdout.readline()  # all are connected
        rows[loaded].append(watch(log, state))
        if clients:
            said = json.loads(clients.communicate("end\n")[0].splitlines()[-1])
            asked += said["answers"]
        log.unlink()
    for loaded, name in ((False, "alone"), (True, "with 200 connections")):
        wall = statistics.median(r[0] for r in rows[loaded])
        cpu = statistics.median(r[1] for r in rows[loaded])
        print(f"watcher {name:20}: {wall:.2f} s, {o.lines / 5 / wall:.0f} lines/s, processor "
              f"{cpu:.2f} s")
    wall, cpu = (100 * (statistics.median(r[i] for r in rows[True]) /
                        statistics.median(r[i] for r in rows[False]) - 1) for i in (0, 1))
    print(f"slower by {wall:+.1f} %, processor {cpu:+.1f} %; {asked} answers, the server took "
          f"{server.processor_s() - used:.1f} s of the processor")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--store", type=pathlib.Path)
    parser.add_argument("--part", action="append", choices=PARTS)
    o = parser.parse_args()
    parts = o.part or PARTS
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mailwarden-bench-"))
    server = None
    try:
        state = o.store or folder / "mailwarden.db"
        make_store(o, state)
        server = Server(state)
        print(f"serve at its start: {server.memory()}")
        if "answers" in parts:
            measure_answers(o, server)
        if "page" in parts:
            measure_page(o, server)
        if "digest" in parts:
            measure_digest(o, state, folder)
        if "load" in parts:
            measure_load(o, state, folder, server)
        print(f"serve at its end: {server.memory()}")
    finally:
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
