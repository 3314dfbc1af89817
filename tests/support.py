"""What the whole-program tests share: the program, generated logs, `run` as a child
process, and a look into its store.

MAILWARDEN_BUILD and MAILWARDEN_SOURCE name the build and the source folder. Nothing
here ends a process that it did not start.
"""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest
import weakref

SOURCE = pathlib.Path(os.environ.get("MAILWARDEN_SOURCE",
                                     pathlib.Path(__file__).resolve().parent.parent))
BUILD = pathlib.Path(os.environ.get("MAILWARDEN_BUILD", SOURCE / "build"))
PROGRAM = str(BUILD / "mailwarden")
# A sanitized program is several times slower, and so is a loaded machine.
PATIENCE_S = int(os.environ.get("MAILWARDEN_PATIENCE", 60))
OUTCOMES = ("delivered", "deferred", "bounced", "expired", "rejected")
# Stamps without a zone are local; the tests' logs are in UTC.
ENVIRONMENT = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}

# Numbers of core/event.h and rules/incident.h as they stand in the store.
KIND_ATTEMPT, KIND_REJECT = 3, 4
DIRECTION_LOCAL, DIRECTION_INTERNAL = 3, 4
STATE_PENDING = 0
NOTICE_OPENED, NOTICE_REMINDER = 1, 7


def mailwarden(*words, input=b"", timeout=120, **options):
    """Runs the program to its end; standard output and error as bytes."""
    return subprocess.run([PROGRAM, *map(str, words)], input=input, capture_output=True,
                          timeout=timeout, env=ENVIRONMENT, **options)


def wait_until(condition, what, seconds=PATIENCE_S):
    """Asks until the answer is true, and gives it back; fails after the deadline."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def seed():
    """A new one for each run, or MAILWARDEN_SEED to repeat one. Print it in failures."""
    return int(os.environ.get("MAILWARDEN_SEED", random.SystemRandom().randrange(10**6)))


class Case(unittest.TestCase):
    """A test with a folder of its own that goes with it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailwarden-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.log = self.folder / "mail.log"
        self.state = self.folder / "state" / "mailwarden.db"

    def run_once(self, *more, exit_code=0):
        done = mailwarden("run", "--once", "--file", self.log, "--state", self.state, *more)
        self.assertEqual(done.returncode, exit_code, done.stderr.decode(errors="replace"))
        return done.stderr.decode(errors="replace")

    def daemon(self, *more, file=None):
        daemon = Daemon("--file", file or self.log, "--state", self.state, *more)
        self.addCleanup(daemon.kill)
        return daemon

    def status(self):
        done = mailwarden("status", "--json", "--state", self.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)


class Daemon:
    """`mailwarden run` in the background, or another program; what it says is kept in a
    file."""

    program = (PROGRAM, "run")

    def __init__(self, *words, stdin=subprocess.DEVNULL, environment=None):
        self.said_file = tempfile.TemporaryFile()
        self.said_file_close = weakref.finalize(self, self.said_file.close)
        self.process = subprocess.Popen([*self.program, *map(str, words)], stdin=stdin,
                                        stdout=subprocess.DEVNULL,
                                        stderr=self.said_file,
                                        env={**ENVIRONMENT, **(environment or {})})

    def said(self):
        size = os.fstat(self.said_file.fileno()).st_size
        return os.pread(self.said_file.fileno(), size, 0).decode(errors="replace")

    def until(self, condition, what, seconds=PATIENCE_S):
        """wait_until() that notices when the program ends meanwhile."""
        def fulfilled():
            ended = self.process.poll() is not None
            answer = condition()
            if ended and not answer:
                raise AssertionError(f"ended with {self.process.returncode} before: {what}\n"
                                     f"{self.said()[:4000]}")
            return answer
        return wait_until(fulfilled, what, seconds)

    def wait_for(self, words, seconds=PATIENCE_S):
        self.until(lambda: words in self.said(), f"says {words!r}", seconds)

    def children(self):
        """Process ids of what it started itself."""
        try:
            path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
            return [int(word) for word in pathlib.Path(path).read_text().split()]
        except OSError:
            return []

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self, seconds=PATIENCE_S):
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(seconds)


class Notifier(Daemon):
    """`mailwarden-notify`, as its service starts it."""

    program = (str(BUILD / "mailwarden-notify"),)


# --- logs ---

def genlog():
    """The log generator of bench/, built by CMake or here."""
    built = BUILD / "tests" / "genlog"
    if built.exists():
        return str(built)
    ours = pathlib.Path(tempfile.gettempdir()) / f"mailwarden-genlog-{os.getpid()}"
    if not ours.exists():
        subprocess.run(["cc", "-O2", "-ffp-contract=off", "-o", ours,
                        SOURCE / "tests" / "bench" / "genlog.c", "-lm"], check=True)
    return str(ours)


def generate(path, lines, mta="mixed", number=1, *more):
    """Writes a log and returns the truth about it."""
    truth = path.with_suffix(".truth.json")
    with open(path, "wb") as out:
        subprocess.run([genlog(), "--lines", str(lines), "--mta", mta, "--seed",
                        str(number), "--truth", str(truth), *more], check=True, stdout=out)
    return json.loads(truth.read_text())


def generate_recent(path, lines, number, *more):
    """From now on and for less than a day: all of it is fresh news, and no quiet span
    ends by the clock while the test runs."""
    return generate(path, lines, "mixed", number, "--start", str(int(time.time())),
                    "--days", "0.7", *more)


def truth_outcomes(truth):
    total = {name: 0 for name in OUTCOMES}
    words = {"sent": "delivered", "deferred": "deferred", "bounced": "bounced",
             "expired": "expired", "inbound_reject": "rejected"}
    for counts in truth["lines_by_mta_and_category"].values():
        for word, name in words.items():
            total[name] += counts[word]
    return total


def truth_providers(truth):
    words = {"sent": "delivered", "deferred": "deferred", "bounced": "bounced",
             "expired": "expired"}
    rows = {provider: {name: counts[word] for word, name in words.items()}
            for provider, counts in truth["deliveries_by_provider"].items()}
    return {provider: row for provider, row in rows.items() if any(row.values())}


def providers(rows):
    """A `providers` object of replay or status without rejects and empty rows."""
    rows = {provider: {name: row[name] for name in OUTCOMES if name != "rejected"}
            for provider, row in rows.items()}
    return {provider: row for provider, row in rows.items() if any(row.values())}


def replay(path, *more):
    """(incidents, summary)"""
    done = mailwarden("replay", "--json", path, *more)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode(errors="replace"))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return rows[:-1], rows[-1]


def incident_key(row):
    """What must be the same in every run over the same lines."""
    return (row["id"], row["rule"], json.dumps(row["group"], sort_keys=True),
            row["count"], row["opened"])


# --- the store ---

@contextlib.contextmanager
def database(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def ask(path, sql, *values):
    with database(path) as connection:
        return connection.execute(sql, values).fetchall()


def change(path, sql, *values):
    """Changes the store, mostly one that nothing works on."""
    connection = sqlite3.connect(path, timeout=30)
    try:
        with connection:
            connection.execute(sql, values)
    finally:
        connection.close()


def lines_read(path):
    """Lines that are accounted for; 0 while there is no store yet."""
    try:
        return ask(path, "SELECT coalesce(sum(lines), 0) FROM ledger")[0][0]
    except sqlite3.OperationalError:
        return 0


def store_outcomes(path):
    """Totals of the rollups: attempts, rejects and messages that expired."""
    total = {name: 0 for name in OUTCOMES}
    for kind, outcome, count in ask(
            path, "SELECT kind, outcome, sum(count) FROM rollup WHERE kind = ? OR "
            "(direction <> ? AND (kind = ? OR outcome = 4)) GROUP BY 1, 2",
            KIND_REJECT, DIRECTION_INTERNAL, KIND_ATTEMPT):
        if kind == KIND_REJECT:
            total["rejected"] += count
        elif outcome > 0:
            total[OUTCOMES[outcome - 1]] += count
    return total


def stored_attempts(path):
    """Rows by provider and outcome: attempts, and messages that expired by another line
    (sendmail's notice)."""
    rows = {}
    for provider, direction, outcome, count in ask(
            path, "SELECT word.text, direction, outcome, count(*) FROM "
            "(SELECT direction, outcome, provider FROM attempt WHERE outcome > 0 "
            "UNION ALL SELECT 0, outcome, provider FROM event WHERE outcome = 4) "
            "LEFT JOIN word ON word.id = provider WHERE direction <> ? "
            "GROUP BY 1, 2, 3", DIRECTION_INTERNAL):
        name = "local" if direction == DIRECTION_LOCAL else provider or "other"
        row = rows.setdefault(name, dict.fromkeys(OUTCOMES[:4], 0))
        row[OUTCOMES[outcome - 1]] += count
    return rows


def stored_incidents(path):
    """Keys as of incident_key(), of all that were ever opened."""
    done = mailwarden("incidents", "--all", "--json", "--state", path)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode(errors="replace"))
    return sorted(incident_key(json.loads(line)) for line in done.stdout.splitlines())


def outbox(path):
    """Rows as dictionaries, oldest first."""
    names = ("id", "incident", "notice", "due", "tries", "last_error", "sent")
    return [dict(zip(names, row)) for row in
            ask(path, f"SELECT {', '.join(names)} FROM outbox ORDER BY seq")]
