#!/usr/bin/python3
"""stories/*.txt: what happened to real administrators, and what mailwarden has to say.

A story is a text. Its first line is the title, lines with # tell it. Each `case` is a log
that grows; behind each `=>` stands what the whole log so far gives:

    case WORDS
    LINE                                      of a log, as the server wrote it
    every 10m for 20d from STAMP: LINE        many; {time} their stamps, {n} a number
    explain                                   a bounce message instead of a log, as it came
    => nothing                                no incident at all
    => RULE SEVERITY, open, count N           ... an incident; all of them are told
    => RULE SEVERITY, after SPAN, count N     ... that is over, after so long (1h2m3s)
       at STAMP | between STAMP and STAMP     when it was opened
       until STAMP                            when it was over, instead of `after`: over
       FIELD=VALUE ...                        of the incident, or of its group
       says WORDS | WORDS                     in summary, advice or link, case aside
       never says WORDS | WORDS
    => attempts delivered 1, internal 1       the figures of the whole log; none is left out
    => answer FIELD=VALUE ...                 to `explain`; may be followed by says
    => trace PATTERN, N messages              what `trace` shows of the store; the same

Counts: `count 12` or `count 12 or more`. Lines with RFC 3339 stamps are put in order of
time, so history can be written apart from what follows it.
"""

import datetime
import json
import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case  # noqa: E402

STORIES = pathlib.Path(__file__).resolve().parent / "stories"
# Stamps without a year are of this one: the last change of the log.
YEAR = 2025
LAST_CHANGE = datetime.datetime(YEAR, 12, 31, 12, tzinfo=datetime.timezone.utc)
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
LONG_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SHORT_STAMP = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d")
EVERY = re.compile(r"every (\w+) for (\w+) from (\S+): (.*)")
HEAD = re.compile(r"(\S+) (info|warning|critical), (open|over|after \w+), count (\d+)( or more)?$")


def seconds(span):
    """Of 1d2h3m4s."""
    parts = re.findall(r"(\d+)([dhms])", span)
    if not parts or "".join(map("".join, parts)) != span:
        raise ValueError(f"no span: {span}")
    return sum(int(number) * UNITS[unit] for number, unit in parts)


def moment(stamp):
    if SHORT_STAMP.fullmatch(stamp):
        stamp = datetime.datetime.strptime(f"{YEAR} {stamp}", "%Y %b %d %H:%M:%S").isoformat()
    return datetime.datetime.fromisoformat(stamp.replace("Z", "")[:19])


def of_late(lines):
    """The lines with the stamps of the last days; weekdays and hours stay."""
    stamped = [(moment(line[:20] if LONG_STAMP.match(line) else line[:15]),
                line[20 if LONG_STAMP.match(line) else 15:]) for line in lines]
    week = datetime.timedelta(days=7)
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    shift = (now - max(at for at, _ in stamped)) // week * week
    return [f"{(at + shift).isoformat()}Z{rest}" for at, rest in stamped]


def repeated(every, span, first, line):
    at, number = moment(first), 0
    end = at + datetime.timedelta(seconds=seconds(span))
    while at < end:
        yield (line.replace("{time}", at.isoformat() + "Z")
               .replace("{n}", f"{number:05d}"))
        at += datetime.timedelta(seconds=seconds(every))
        number += 1


def in_order(lines):
    """By their stamps if they have those of RFC 3339, else as they stand."""
    stamped = [bool(LONG_STAMP.match(line)) for line in lines]
    if not any(stamped):
        return lines
    if not all(stamped):
        raise ValueError(f"two kinds of stamps: {lines[stamped.index(False)]}")
    return sorted(lines, key=lambda line: line[:20])


DETAIL = re.compile(r"(?:at|between|until|says|never says) |\w+=")


class Wanted:
    """What stands behind one =>."""

    def __init__(self, text, where):
        self.text, self.where = text, where
        self.more = []

    def says(self, never=False):
        begin = "never says " if never else "says "
        return [words.strip() for line in self.more if line.startswith(begin)
                for words in line[len(begin):].split("|")]

    def fields(self):
        """FIELD=VALUE; a value with spaces goes on to the next FIELD=."""
        text = " ".join(line for line in [self.text, *self.more]
                        if re.match(r"(answer )?\w+=", line))
        return dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", text))


class Step:
    """Lines that follow, and all that is wanted of the log so far."""

    def __init__(self):
        self.lines, self.wanted, self.is_bounce = [], [], False


class Story:
    def __init__(self, path):
        self.name = path.stem
        self.cases = []  # (words, [Step, ...])
        rows = path.read_text().splitlines()
        self.title = rows[0]
        for number, row in enumerate(rows[1:], 2):
            if not row.startswith("#"):
                self.add(row, f"{path.name}:{number}")

    def add(self, row, where):
        if row.startswith("case "):
            self.cases.append((row[5:], [Step()]))
            return
        steps = self.cases[-1][1] if self.cases else None
        if row.startswith("=> "):
            steps[-1].wanted.append(Wanted(row[3:], where))
        elif steps and steps[-1].wanted and re.match(r" +\S", row):
            if not DETAIL.match(row.strip()):
                raise ValueError(f"{where}: not understood: {row}")
            steps[-1].wanted[-1].more.append(row.strip())
        elif row.strip() or (steps and steps[-1].is_bounce and not steps[-1].wanted):
            if steps[-1].wanted:
                steps.append(Step())
            if row == "explain":
                steps[-1].is_bounce = True
            elif row.startswith("every ") and not steps[-1].is_bounce:
                steps[-1].lines += repeated(*EVERY.fullmatch(row).groups())
            else:
                steps[-1].lines.append(row)


class Stories(Case):
    maxDiff = None

    def write_log(self, lines):
        self.log.write_text("".join(line + "\n" for line in in_order(lines)))
        at = LAST_CHANGE.timestamp()
        os.utime(self.log, (at, at))

    def check_words(self, wanted, text):
        for words in wanted.says():
            self.assertIn(words.lower(), text.lower(), wanted.where)
        for words in wanted.says(never=True):
            self.assertNotIn(words.lower(), text.lower(), wanted.where)

    def check_time(self, wanted, found):
        opened = moment(found["opened"])
        for line in wanted.more:
            if line.startswith("until "):
                self.assertEqual(moment(found["resolved"]), moment(line[6:]), wanted.where)
            elif line.startswith("at "):
                self.assertEqual(opened, moment(line[3:]), wanted.where)
            elif line.startswith("between "):
                first, last = line[8:].split(" and ")
                self.assertLessEqual(moment(first), opened, wanted.where)
                self.assertLessEqual(opened, moment(last), wanted.where)

    def check_incident(self, wanted, found):
        where = f"{wanted.where}: {json.dumps(found, indent=1)}"
        rule, severity, state, count, at_least = HEAD.match(wanted.text).groups()
        self.assertEqual(found["rule"], rule, where)
        self.assertEqual(found["severity"], severity, where)
        if at_least:
            self.assertGreaterEqual(found["count"], int(count), where)
        else:
            self.assertEqual(found["count"], int(count), where)
        opened = moment(found["opened"])
        if state == "open":
            self.assertEqual(found["state"], "open", where)
        else:
            self.assertEqual(found["state"], "resolved", where)
            span = (moment(found["resolved"]) - opened).total_seconds()
            if state != "over":
                self.assertEqual(span, seconds(state[6:]), where)
        for field, value in wanted.fields().items():
            self.assertEqual(str(found["group"].get(field, found.get(field))), value,
                             f"{field}: {where}")
        self.check_time(wanted, found)
        self.check_words(wanted, f"{found['summary']} {found['advice']} {found.get('url')}")

    def pair_up(self, wanted, incidents):
        """Each wanted one with the incident that it means: same rule, fields as told."""
        left, pairs = list(incidents), []
        for one in wanted:
            if not HEAD.match(one.text):
                self.fail(f"{one.where}: not understood: {one.text}")
            rule = one.text.split()[0]
            same = [row for row in left if row["rule"] == rule]
            fitting = [row for row in same if
                       all(str(row["group"].get(field, row.get(field))) == value
                           for field, value in one.fields().items())]
            if not same:
                self.fail(f"{one.where}: not told: {one.text}; "
                          f"told: {json.dumps(incidents, indent=1)}")
            pairs.append((one, (fitting or same)[0]))
            left.remove(pairs[-1][1])
        if left:
            where = wanted[0].where if wanted else "nothing was wanted"
            self.fail(f"{where}: told too much: {json.dumps(left, indent=1)}")
        return pairs

    def check_log(self, step, lines):
        self.write_log(lines)
        incidents, summary = support.replay(self.log)
        self.assertEqual(summary["unparsed"], 0, step.wanted[0].where)
        rows = [one for one in step.wanted
                if not one.text.startswith(("attempts ", "trace "))]
        quiet = [one for one in rows if one.text == "nothing"]
        if quiet and len(rows) > 1:
            self.fail(f"{quiet[0].where}: nothing and something")
        for one, found in self.pair_up([] if quiet else rows, incidents):
            self.check_incident(one, found)
        for one in step.wanted:
            if one.text.startswith("attempts "):
                want = {part.split()[0]: int(part.split()[1])
                        for part in one.text[9:].split(", ")}
                have = {**summary["outcomes"], "internal": summary["internal"]}
                self.assertEqual({name: n for name, n in have.items() if n}, want, one.where)

    def check_bounce(self, step):
        done = support.mailwarden("explain", "--json",
                                  input="\n".join(step.lines).encode() + b"\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        for one in step.wanted:
            self.assertTrue(one.text.startswith("answer "), one.where)
            for field, value in one.fields().items():
                self.assertEqual(str(answer.get(field)), value,
                                 f"{one.where}: {field}: {done.stdout.decode()}")
            self.check_words(one, " ".join(answer.get(field, "") for field in
                                           ("meaning", "remedy", "url")))

    def check_case(self, steps):
        lines = []
        for step in steps:
            self.assertTrue(step.wanted, f"lines without =>: {step.lines[-1:]}")
            for one in step.wanted:
                if one.text.startswith("trace "):
                    self.assertIs(step, steps[-1], f"{one.where}: only at the end of a case")
            if step.is_bounce:
                self.check_bounce(step)
            else:
                lines = lines + step.lines
                self.check_log(step, lines)


    def stored_incidents(self):
        done = support.mailwarden("incidents", "--all", "--json", "--state", self.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {row["id"]: row for row in map(json.loads, done.stdout.splitlines())}

    def check_trace(self, wanted):
        pattern, count = re.fullmatch(r"trace (\S+), (\d+) messages?", wanted.text).groups()
        words = ("trace", pattern, "--since", "30d", "--state", self.state)
        rows = support.mailwarden(*words, "--json").stdout.splitlines()
        self.assertEqual(len(rows), int(count), f"{wanted.where}: {rows}")
        self.check_words(wanted, " ".join(support.mailwarden(*words).stdout.decode().split()))

    def check_run(self, lines, wanted):
        self.write_log(of_late(lines))
        self.run_once()
        stored = self.stored_incidents()
        incidents, _ = support.replay(self.log)
        self.assertEqual(sorted(stored), sorted(row["id"] for row in incidents))
        for row in incidents:
            # What was open when the log ended may be over by now.
            fields = [field for field in row if field not in
                      ("type", *(("state",) if row["state"] == "open" else ()))]
            self.assertEqual({field: stored[row["id"]].get(field) for field in fields},
                             {field: row[field] for field in fields})
        for one in wanted:
            if one.text.startswith("trace "):
                self.check_trace(one)

    def test_run_says_the_same(self):
        """The daemon, from the same lines into a store of its own, as if it was last week."""
        for path in sorted(STORIES.glob("*.txt")):
            for number, (words, steps) in enumerate(Story(path).cases):
                if not steps[0].is_bounce:
                    with self.subTest(story=path.stem, case=words):
                        self.state = self.folder / f"{path.stem}-{number}" / "mailwarden.db"
                        self.check_run([line for step in steps for line in step.lines],
                                       steps[-1].wanted)


def add_test(story):
    def test(self):
        self.assertGreater(len(story.cases), 0)
        for words, steps in story.cases:
            with self.subTest(story=story.title, case=words):
                self.check_case(steps)

    setattr(Stories, "test_" + story.name.replace("-", "_"), test)


for STORY_FILE in sorted(STORIES.glob("*.txt")):
    add_test(Story(STORY_FILE))

if __name__ == "__main__":
    unittest.main(verbosity=1)
