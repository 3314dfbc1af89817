"""Runs `mailwarden replay` over a simulated log and holds its incidents against what was
put into it.
"""

import collections
import contextlib
import json
import os
import subprocess
import tempfile

import accuracy_troubles as troubles
from accuracy_opensmtpd import Opensmtpd
from accuracy_postfix import Postfix
from accuracy_sendmail import OldSendmail, Sendmail
from accuracy_world import HOUR, IMAP, World, stamp_of, us_of

SERVERS = {"postfix": Postfix, "sendmail": Sendmail, "opensmtpd": Opensmtpd,
           "sendmail-8.14": OldSendmail}
GRACE = HOUR            # a trouble may be told so long after its end
CONSEQUENCES = 24 * HOUR
# Mondays, Wednesdays and Fridays after a month of history, but for the holidays' week.
SLOTS = (32, 34, 36, 39, 41, 43, 50, 53, 55, 57)
# What falls silent, and how much of it one rule looks at: IMAP and POP3 are apart.
STREAMS = {"silence: in": ("in", 1), "silence: out": ("out", 1),
           "silence: logins": ("login", IMAP)}

GROUPS = 3

Job = collections.namedtuple("Job", "server size seed days group turn")
# group None: nothing is put in.


class Failed(Exception):
    pass


def groups_of(server):
    """Which logs with troubles a server gets."""
    if server == "sendmail-8.14":  # only what it tells otherwise than sendmail does
        return [list(troubles.KINDS).index("block suspected") % GROUPS]
    return list(range(GROUPS))


def plan(job):
    """The troubles of one log: every third kind, in mixed strengths, never two of a day."""
    server, seed, days, group, turn = job.server, job.seed, job.days, job.group, job.turn
    kinds = [k for i, k in enumerate(troubles.KINDS) if i % GROUPS == group]
    kinds = kinds[seed % len(kinds):] + kinds[:seed % len(kinds)]  # on other weekdays
    later = max(0, days - 60)
    return [troubles.make_trouble(
                kind, troubles.LEVELS[(list(troubles.KINDS).index(kind) // GROUPS + turn) % 3],
                later - later % 7 + day, server)
            for kind, day in zip(kinds, SLOTS)]


def run(program, job, keep=None, rules=None):
    """Simulates, replays and scores one job."""
    put_in = []
    if job.group is not None:
        put_in = plan(job)
    world = World(SERVERS[job.server], job.size, job.days, job.seed * 1000 + job.turn * 10 +
                  (job.group or 0) + (0 if put_in else 500), put_in)
    with contextlib.ExitStack() as stack:
        if keep:
            log = stack.enter_context(open(keep, "w", encoding="ascii"))
        else:
            log = stack.enter_context(tempfile.NamedTemporaryFile(
                "w", prefix="accuracy-", suffix=".log", encoding="ascii"))
        world.run(log.write)
        log.flush()
        incidents, summary = replay(program, log.name, rules)
    for t in put_in:
        if t.kind in STREAMS:
            t.needed = world.silence_needed(STREAMS[t.kind][0], t.begin, STREAMS[t.kind][1])
    found, extra, outside = score(put_in, incidents)
    return {"job": job._asdict(), "lines": world.lines, "found": found, "extra": extra,
            "outside": outside, "unparsed": summary.get("unparsed"),
            "seconds": summary.get("seconds")}


def replay(program, path, rules):
    folder = ["--rules", rules] if rules else []
    done = subprocess.run([program, "replay", "--json", "--threads", "1", *folder, path],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          env={**os.environ, "TZ": "UTC", "LC_ALL": "C"})
    if done.returncode != 0:
        raise Failed(f"{program} replay: exit {done.returncode}: "
                     f"{done.stderr.decode(errors='replace')[:2000]}")
    incidents, summary, told = [], {}, {}
    for line in done.stdout.splitlines():
        item = json.loads(line)
        if item.get("type") == "notice" and item["notice"] == "opened":
            told.setdefault(item["id"], []).append(us_of(item["at"]))
        elif item.get("type") == "incident":
            # It opens with its first sign; it is noticed when there are enough of them.
            notices = told.pop(item["id"], None) or [us_of(item.get("noticed", item["opened"]))]
            item["at"], item["told_again"] = notices[0], len(notices) - 1
            item["until"] = us_of(item["resolved"]) if "resolved" in item else None
            incidents.append(item)
        elif item.get("type") == "summary":
            summary = item
    return sorted(incidents, key=lambda i: i["at"]), summary


def brief(incident, about=None):
    """What a reader needs to mend a rule."""
    keys = ("rule", "severity", "opened", "told_again", "resolved", "group", "count", "summary")
    item = {k: incident[k] for k in keys if k in incident}
    item["sample"] = (incident.get("samples") or [""])[0][:300]
    if about:
        item["during"] = f"{about.kind}, {about.level}"
    return item


def score(put_in, incidents):
    found, extra, outside, taken = [], [], [], set()
    for t in put_in:
        until = min([t.end + GRACE] + [u.begin for u in put_in if u.begin > t.begin])
        right = [i for i in incidents if t.begin <= i["at"] < until and
                 troubles.is_answer(t.kind, i["rule"])]
        open_before = [i for i in incidents if i["at"] < t.begin and
                       (i["until"] is None or i["until"] > t.begin) and
                       troubles.is_answer(t.kind, i["rule"])]
        found.append(answer_of(t, right, open_before))
        taken.update(id(i) for i in right[:1])
    for i in incidents:
        if id(i) in taken and not i["told_again"]:
            continue
        during = [t for t in put_in if t.since <= i["at"] < t.end + CONSEQUENCES]
        during = [t for t in during if t.begin <= i["at"]] or during
        if during:
            same = troubles.is_answer(during[-1].kind, i["rule"])
            times = i["told_again"] + (id(i) not in taken)
            extra.append({**brief(i, during[-1]), "same": same, "times": times})
        else:
            outside.append(brief(i))
    return found, extra, outside


def answer_of(t, right, open_before):
    item = {"kind": t.kind, "level": t.level, "begin": stamp_of(t.begin), "shown": len(t.hits),
            "delay_in": t.delay_in, "wanted": t.critical, "found": bool(right), "needed": t.needed}
    if not t.hits or (t.needed or 0) > t.end - t.begin:
        item["nothing"] = True  # no mail, so no trouble; or over before one could know
    if right:
        first = right[0]
        item.update(rule=first["rule"], severity=first["severity"], told=stamp_of(first["at"]),
                    delay=max(0, first["at"] - (t.begin if t.needed else min(t.hits, default=0))),
                    critical=any(i["severity"] == "critical" for i in right))
        if t.delay_in == "messages":
            item["delay"] = sum(at <= first["at"] for at in t.messages.values())
    elif open_before:
        item["masked"] = brief(open_before[-1])
    return item


def quiet_days(job):
    return job["days"] if job["group"] is None else 0


def clock(us):
    """A span in a few characters."""
    seconds = us / 1e6
    for unit, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit * 1.5:
            return f"{seconds / unit:.0f} {letter}" if seconds >= 10 * unit else \
                f"{seconds / unit:.1f} {letter}"
    return f"{seconds:.0f} s"
