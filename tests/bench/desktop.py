#!/usr/bin/python3
"""What mailwarden-desktop costs: memory, wake-ups while nothing happens, and how soon a
delivery is in the icon.

    tests/bench/desktop.py [--seconds N] [--mails N]

In a session of its own (Xvfb, dunst, xfce4-panel) with one host on this machine, a Maildir,
and `mailwarden run` on a log. It takes the programs of build/release, or MAILWARDEN_BUILD.
Memory: resident (Rss), the program's share of it (Pss: what it has with others counts by
their number), and what is its own (private). A wake-up is a voluntary context switch of any
of its threads.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("MAILWARDEN_BUILD", str(HERE.parent.parent / "build" / "release"))
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "desk")]
from desk import Desk, Host, Item, Program, missing  # noqa: E402
from support import wait_until  # noqa: E402

LAST_MAIL_S = 30


def field(path, name):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise SystemExit(f"{path} has no {name}")


def memory(pid):
    path = f"/proc/{pid}/smaps_rollup"  # exact, unlike VmRSS
    mib = {name: field(path, name) / 1024
           for name in ("Rss", "Pss", "Private_Clean", "Private_Dirty", "Swap")}
    own = mib["Private_Clean"] + mib["Private_Dirty"]
    swapped = f", swapped {mib['Swap']:.1f} MiB" if mib["Swap"] else ""
    return f"resident {mib['Rss']:.1f} MiB, share {mib['Pss']:.1f}, own {own:.1f}{swapped}"


def switches(pid):
    """{thread: voluntary switches}, by names."""
    out = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        out[name] = out.get(name, 0) + field(task / "status", "voluntary_ctxt_switches")
    return out


def processor_s(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def idle(pids, seconds):
    before = {name: (switches(pid), processor_s(pid)) for name, pid in pids.items()}
    time.sleep(seconds)
    for name, pid in pids.items():
        woken, spent = before[name]
        more = {thread: n - woken.get(thread, 0) for thread, n in switches(pid).items()}
        threads = ", ".join(f"{thread} {n}" for thread, n in sorted(more.items()) if n)
        print(f"{name}, {seconds} s idle: {sum(more.values())} wake-ups"
              f"{f' ({threads})' if threads else ''}, "
              f"{processor_s(pid) - spent:.2f} s of the processor")


def main():
    parser = argparse.ArgumentParser(description="what mailwarden-desktop costs")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--mails", type=int, default=1000)
    options = parser.parse_args()
    if missing("dunst"):
        raise SystemExit(missing("dunst"))
    with tempfile.TemporaryDirectory(prefix="mailwarden-bench-") as folder:
        folder = pathlib.Path(folder)
        desk, host = Desk(folder), Host(folder)
        try:
            measure(folder, desk, host, options)
        finally:
            host.stop()
            desk.stop()


def measure(folder, desk, host, options):
    for name in ("tmp", "new", "cur"):
        (folder / "Maildir" / name).mkdir(parents=True)
    config = folder / "desktop.yaml"
    config.write_text(f"hosts: [{{name: mx1, program: {host.entry()['program']}, state: "
                      f"{host.state}}}]\nmail:\n  addresses: ['*@example.org']\n"
                      f"  mailboxes: [{folder}/Maildir]\n  settle: 0s\n")
    host.start()
    empty = desk.screen()
    begin = time.monotonic()
    program = Program(desk, "--config", config, "--state", folder / "kept.json", "--hidden")
    try:
        item = Item(desk, empty, program)
        item.wait_icon("mailwarden-idle")
        print(f"start: listens after {1000 * (time.monotonic() - begin):.0f} ms")
        pids = {"mailwarden-desktop": program.process.pid, "events": program.source()}
        time.sleep(LAST_MAIL_S / 3)  # what the session's start brings
        for name, pid in pids.items():
            print(f"{name} at the start: {memory(pid)}")
        idle(pids, options.seconds)
        soon = []
        for n in range(1, 21):
            begin = time.monotonic()
            host.deliver("joe@example.org")
            wait_until(lambda: item.title().startswith(f"{n} new"), "told")
            soon.append(1000 * (time.monotonic() - begin))
        print(f"from the log to the icon: median {statistics.median(soon):.0f} ms, "
              f"most {max(soon):.0f} ms")
        host.block()
        for _ in range(options.mails):
            host.deliver("joe@example.org")
        wait_until(lambda: item.title().startswith(f"{options.mails + 20} new"), "all", 600)
        time.sleep(LAST_MAIL_S)
        for name, pid in pids.items():
            print(f"{name} after {options.mails} mails and an incident: {memory(pid)}")
        idle(pids, options.seconds)
    finally:
        program.stop()


if __name__ == "__main__":
    main()
