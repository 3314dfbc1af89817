#!/usr/bin/python3
"""How soon an alert is told, and what mailwarden costs while nothing happens.

usage: latency.py [--build DIR] [--alerts N] [--idle SECONDS] [--steady SECONDS]

Latency: from write() of a line to a log file, and from an entry handed to a journal, to the
message accepted by an SMTP server on loopback: p50, p99 and the longest. Each alert is a
trouble of its own (a host that Microsoft blocks), written up to 0.2 s after the one before has
been told: lines that follow one another closely are taken together (watcher/source.c).
Idle: context switches, processor time and memory (PSS) of all processes over a span without
lines. Steady: processor time at 1,000 lines a second.

The journal is a file that systemd-journal-remote writes; without it that part is left out.
"""

import argparse
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
REMOTE = "/lib/systemd/systemd-journal-remote"
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 30
GAPS = random.Random(1)
BLOCKED = ("to=<joe@hotmail.com>, relay=hotmail-com.olc.protection.outlook.com[203.0.113.20]:25, "
           "delay=1, delays=0/0/0/1, dsn=5.7.1, status=bounced (host hotmail-com.olc.protection."
           "outlook.com[203.0.113.20] said: 550 5.7.1 Unfortunately, messages from [192.0.2.1] "
           "weren't sent. part of their network is on our block list (S3140). (in reply to MAIL "
           "FROM command))")
SENT = ("to=<jane@example.org>, relay=mx.example.org[203.0.113.10]:25, delay=1, "
        "delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)")


class Relay:
    """An SMTP server of a few lines that notes when it accepted which message."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.accepted = {}  # host in the subject -> time
        self.news = threading.Condition()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.session, args=(connection,), daemon=True).start()

    def session(self, connection):
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 relay\r\n")
            for line in lines:
                verb = line[:4].upper()
                if verb == b"DATA":
                    connection.sendall(b"354 go\r\n")
                    self.message(lines)
                    connection.sendall(b"250 2.0.0 Ok: queued as 4bXkWz3qLRz9tQf\r\n")
                elif verb == b"QUIT":
                    connection.sendall(b"221 bye\r\n")
                    return
                else:
                    connection.sendall(b"250 relay\r\n")

    def message(self, lines):
        subject = b""
        for line in lines:
            if line.lower().startswith(b"subject:"):
                subject = line
            if line == b".\r\n":
                break
        now = time.monotonic()
        with self.news:
            # "[critical] host17: ..."
            self.accepted[subject.split(b"] ", 1)[-1].split(b":")[0].decode()] = now
            self.news.notify_all()

    def wait(self, host):
        with self.news:
            if not self.news.wait_for(lambda: host in self.accepted, PATIENCE_S):
                raise SystemExit(f"no message about {host} within {PATIENCE_S} s; "
                                 f"told: {list(self.accepted)[-5:]}")
            return self.accepted[host]


class LogFile:
    name = "log file"

    def __init__(self, folder):
        self.path = folder / "mail.log"
        self.path.touch()
        self.words = ["--file", self.path]
        self.file = open(self.path, "ab", buffering=0)

    def write(self, host, ident, text):
        stamp = time.strftime("%b %e %H:%M:%S")
        self.file.write(f"{stamp} {host} postfix/{ident}[9]: {text}\n".encode())


class Journal:
    name = "journal"

    def __init__(self, folder):
        journals = folder / "journal"
        journals.mkdir()
        self.words = [f"--journal={journals}"]
        self.remote = subprocess.Popen([REMOTE, "-o", journals / "mail.journal", "-"],
                                       stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.write("first", "smtp", SENT)

    def write(self, host, ident, text):
        fields = {"__REALTIME_TIMESTAMP": time.time_ns() // 1000,
                  "__MONOTONIC_TIMESTAMP": time.monotonic_ns() // 1000,
                  "_BOOT_ID": "0" * 31 + "1", "_MACHINE_ID": "0" * 31 + "2",
                  "_HOSTNAME": host, "_TRANSPORT": "syslog", "PRIORITY": 6,
                  "SYSLOG_FACILITY": 2, "SYSLOG_IDENTIFIER": f"postfix/{ident}",
                  "SYSLOG_PID": 9, "MESSAGE": text}
        entry = "".join(f"{key}={value}\n" for key, value in fields.items()) + "\n"
        self.remote.stdin.write(entry.encode())
        self.remote.stdin.flush()

    def close(self):
        self.remote.stdin.close()
        self.remote.wait(PATIENCE_S)


class Mailwarden:
    """The daemon and what it starts."""

    def __init__(self, build, folder, relay, source):
        config = folder / "mailwarden.yaml"
        config.write_text("alerts:\n  relay:\n"
                          f"    url: smtp://127.0.0.1:{relay.port}\n    tls: off\n"
                          "    to: admin@example.org\n    from: warden@example.org\n"
                          "    at_most: unlimited\n")
        self.said = open(folder / "said", "w+b")
        self.process = subprocess.Popen(
            [build / "mailwarden", "run", "--config", config, "--state", folder / "state.db",
             *source.words], stdin=subprocess.DEVNULL, stderr=self.said)
        deadline = time.monotonic() + PATIENCE_S
        while len(self.pids()) < 2:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit("mailwarden did not start: " + self.last_words())
            time.sleep(0.05)

    def last_words(self):
        return os.pread(self.said.fileno(), 2000, 0).decode(errors="replace")

    def pids(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        try:
            return [self.process.pid, *map(int, pathlib.Path(path).read_text().split())]
        except OSError:
            return []

    def processor_s(self):
        total = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def switches(self):
        """How often any thread gave up the processor by itself: slept and was woken."""
        total = 0
        for pid in self.pids():
            for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
                for line in status.read_text().splitlines():
                    if line.startswith("voluntary_ctxt_switches"):
                        total += int(line.split()[1])
        return total

    def memory_mib(self):
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)


def measure_latency(build, source_class, alerts):
    relay = Relay()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        source = source_class(folder)
        program = Mailwarden(build, folder, relay, source)
        took = []
        try:
            for i in range(alerts + 1):
                host = f"host{i}"
                time.sleep(GAPS.uniform(0, 0.2))
                began = time.monotonic()
                source.write(host, "smtp", f"4bXk{i:08}: {BLOCKED}")
                took.append((relay.wait(host) - began) * 1000)
        finally:
            program.stop()
            if hasattr(source, "close"):
                source.close()
    took = sorted(took[1:])  # the first waits for the start
    print(f"{source.name:9} {len(took):6} alerts   p50 {statistics.median(took):7.1f} ms   "
          f"p99 {took[len(took) * 99 // 100]:7.1f} ms   longest {took[-1]:7.1f} ms", flush=True)


def measure_quiet(build, idle_s, steady_s):
    relay = Relay()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        source = LogFile(folder)
        program = Mailwarden(build, folder, relay, source)
        try:
            source.write("mx1", "smtp", f"4bXk00000000: {BLOCKED}")
            relay.wait("mx1")
            time.sleep(8)  # what a first message leaves to do: quiet spans, files closed
            if idle_s > 0:
                measure_idle(program, idle_s)
            if steady_s > 0:
                measure_steady(program, source, steady_s)
        finally:
            program.stop()


def measure_idle(program, seconds):
    switches, processor = program.switches(), program.processor_s()
    time.sleep(seconds)
    print(f"idle      {seconds:6} s        {(program.switches() - switches) / seconds:7.3f} "
          f"wake-ups/s   {(program.processor_s() - processor) / seconds * 100:5.2f} % of a core   "
          f"{program.memory_mib():5.1f} MiB in {len(program.pids())} processes", flush=True)


def measure_steady(program, source, seconds):
    processor, began = program.processor_s(), time.monotonic()
    for i in range(seconds * 50):
        wait = began + i * 0.02 - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        stamp = time.strftime("%b %e %H:%M:%S")
        source.file.write("".join(
            f"{stamp} mx1 postfix/smtp[9]: 4bY{i * 20 + j:09}: {SENT}\n"
            for j in range(20)).encode())
    time.sleep(0.5)
    print(f"steady    {seconds:6} s at 1,000 lines/s   "
          f"{(program.processor_s() - processor) / seconds * 100:5.2f} % of a core   "
          f"{program.memory_mib():5.1f} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent.parent / "build/release")
    parser.add_argument("--alerts", type=int, default=1000)
    parser.add_argument("--idle", type=int, default=60)
    parser.add_argument("--steady", type=int, default=30)
    options = parser.parse_args()

    if not (options.build / "mailwarden").exists():
        sys.exit(f"no program in {options.build}: build it, or name its folder with --build")
    if options.alerts > 0:
        measure_latency(options.build, LogFile, options.alerts)
        if os.access(REMOTE, os.X_OK):
            measure_latency(options.build, Journal, options.alerts)
        else:
            print("journal   left out: systemd-journal-remote is not installed")
    measure_quiet(options.build, options.idle, options.steady)


if __name__ == "__main__":
    main()
