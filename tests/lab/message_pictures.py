#!/usr/bin/python3
"""Pictures of messages, to be looked at: one incident of each kind, and many at once.

    message_pictures.py FOLDER [NAME...]

Replays the stories (tests/corpus/stories), the examples that the shipped alert rules carry
and demo/mail.log, lets message_show write a message of each incident as text and as HTML,
and takes pictures with chromium: text as a page 390 pixels wide, HTML at 390 and 800, the
colours of a light and of a dark reader. MAILWARDEN_BUILD names the build folder.
"""

import html
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "corpus"))
import test_stories  # noqa: E402

SOURCE = pathlib.Path(os.environ.get("MAILWARDEN_SOURCE",
                                     pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("MAILWARDEN_BUILD", SOURCE / "build"))
SHOW = os.environ.get("MESSAGE_SHOW", BUILD / "tests" / "message_show")
CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--hide-scrollbars"]


def microseconds(stamp):
    return int(test_stories.datetime.datetime.fromisoformat(stamp).timestamp() * 1000000)


def replay(path):
    """The incidents of a log, in the order in which they end."""
    answer = subprocess.run([BUILD / "mailwarden", "replay", "--json", path],
                            capture_output=True, text=True, check=False,
                            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "TZ": "UTC"})
    found = [json.loads(line) for line in answer.stdout.splitlines()]
    return [row for row in found if row.get("type") == "incident"]


def logs_of_rules():
    """The logs in the examples of the shipped alert rules, by rule."""
    import yaml
    for path in sorted((SOURCE / "rules.d" / "alerts").glob("*.yaml")):
        for rule in yaml.safe_load(path.read_text())["rules"]:
            for example in rule.get("examples", []):
                if example.get("incidents") == "none":
                    continue
                yield rule["name"], list(example_lines(example["lines"]))


def example_lines(given):
    for part in [given] if isinstance(given, str) else given:
        if isinstance(part, str):
            yield from part.splitlines()
            continue
        repeat = part["repeat"]
        start = test_stories.moment(repeat["from"])
        step, span = (test_stories.seconds(repeat[key]) for key in ("every", "for"))
        for number in range(0, span // step):
            at = start + test_stories.datetime.timedelta(seconds=number * step)
            yield (repeat["line"].replace("{time}", at.strftime("%b %d %H:%M:%S"))
                   .replace("{n}", f"{number:07d}"))


def by_stamp(lines):
    return sorted(lines, key=lambda line: test_stories.moment(line[:15]))


def all_incidents():
    """One for each rule, the graver and the richer first."""
    found = replay(SOURCE / "demo" / "mail.log")
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "mail.log")
        at = test_stories.LAST_CHANGE.timestamp()
        logs = [[line for step in steps if not step.is_bounce for line in step.lines]
                for path in sorted(test_stories.STORIES.glob("*.txt"))
                for _, steps in test_stories.Story(path).cases]
        logs = [test_stories.in_order(lines) for lines in logs]
        logs += [by_stamp(lines) for _, lines in logs_of_rules()
                 if all(test_stories.SHORT_STAMP.match(line) for line in lines)]
        for lines in logs:
            log.write_text("".join(line + "\n" for line in lines))
            os.utime(log, (at, at))
            found += replay(log)
    best = {}
    for row in found:
        known = best.get(row["rule"])
        if known is None or len(json.dumps(row)) > len(json.dumps(known)):
            best[row["rule"]] = row
    return best


def told(row, **more):
    """A line for message_show."""
    flat = {key: value for key, value in row.items()
            if isinstance(value, (str, int)) and key not in ("opened", "last_seen", "resolved")}
    flat["samples"] = "\n".join(row.get("samples", []))
    flat["host"] = row["group"].get("host", "mx1")
    for key in ("opened", "last_seen"):
        flat[key + "_us"] = microseconds(row[key])
    flat.update(more)
    return json.dumps(flat)


def opened(row, **more):
    return told({key: value for key, value in row.items() if key != "resolved"}, **more)


def write(folder, name, rows, now_us):
    subprocess.run([SHOW, folder / name, str(now_us), "mx1", "https://mx1.example.org:8025"],
                   input="".join(row + "\n" for row in rows), text=True, check=True,
                   stdout=subprocess.DEVNULL)
    text = (folder / f"{name}.txt").read_text()
    (folder / f"{name}.txt.html").write_text(
        '<!DOCTYPE html><meta charset="utf-8">'
        '<body style="margin:8px;font:14px/1.35 monospace;white-space:pre-wrap;'
        'overflow-wrap:anywhere">' + html.escape(text))


def snap(page, picture, width, dark=False):
    """A whole page: chromium is asked for its height first."""
    with tempfile.TemporaryDirectory() as profile:
        # The window has a smallest width: a frame of the right one inside it.
        frame = pathlib.Path(profile, "frame.html")
        back = "#121212" if dark else "#ffffff"
        frame.write_text(
            f'<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;background:{back}">'
            f'<iframe id="f" style="border:0;width:{width}px;height:100px" '
            f'src="{page.as_uri()}"></iframe>'
            '<script>onload=()=>{const f=document.getElementById("f");'
            'f.style.height=f.contentDocument.documentElement.scrollHeight+"px";'
            'document.title=f.style.height}</script>')
        common = [*CHROMIUM, f"--user-data-dir={profile}/chromium",
                  "--allow-file-access-from-files", "--virtual-time-budget=5000"]
        if dark:
            common.append("--blink-settings=preferredColorScheme=0")
        dom = subprocess.run([*common, f"--window-size={width},400", "--dump-dom",
                              frame.as_uri()], capture_output=True, text=True, timeout=120,
                             check=True).stdout
        height = int(re.search(r"<title>(\d+)px", dom).group(1))
        subprocess.run([*common, f"--window-size={width},{height}",
                        f"--screenshot={picture}", frame.as_uri()], capture_output=True,
                       timeout=120, check=True)


def rule_of_mailwarden(name):
    """What mailwarden says of itself stands in no log; the rule has the words."""
    import yaml
    path = SOURCE / "rules.d" / "alerts" / "mailwarden.yaml"
    rule = next(rule for rule in yaml.safe_load(path.read_text())["rules"]
                if rule["name"] == name)
    words = {"{host}": "mx1", "{text}": "file:/var/log/mail.log: no line for 3 hours"}
    text = {key: rule[key] for key in ("summary", "advice")}
    for key in text:
        for word, value in words.items():
            text[key] = text[key].replace(word, value)
    return {**text, "rule": name, "severity": rule["severity"], "url": "", "samples": [],
            "provider": "", "senders": 0, "recipients": 0, "count": 1}


def messages(best):
    """Name, rows, and when it is told."""
    minute = 60000000
    for rule, row in sorted(best.items()):
        yield rule, [opened(row, notice="opened")], microseconds(row["last_seen"]) + minute
    s3140 = best["provider-blocklisted"]
    own = rule_of_mailwarden("mailwarden-blind")
    yield ("mailwarden-blind", [opened({**s3140, **own}, notice="opened")],
           microseconds(s3140["last_seen"]))
    start = microseconds(s3140["opened"])
    day = 86400 * 1000000
    yield ("z-reminder", [opened(s3140, notice="reminder", relapses=2,
                                 ack_note="")], start + 2 * day)
    yield ("z-acknowledged", [opened(s3140, notice="escalated", ack_at_us=start + 5 * minute,
                                     ack_who="alice", ack_note="asked Microsoft, ticket 4711",
                                     silenced_us=start + day)], start + 60 * minute)
    yield ("z-resolved", [told(s3140, notice="resolved",
                               resolved_us=start + 15 * 60 * minute)],
           start + 15 * 60 * minute + 3000000)
    rows = [best[rule] for rule in ("provider-blocklisted", "dovecot-limit", "disk-full",
                                    "filter-down", "silence-inbound", "queue-grows",
                                    "tls-unverified-all", "backscatter-receipt")]
    last = max(microseconds(row["last_seen"]) for row in rows)
    yield ("z-group", [opened(row, notice="opened") for row in rows[:7]] +
           [told(rows[7], notice="resolved", resolved_us=last)], last + minute)
    yield "z-test", [], last


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    for name, rows, now_us in messages(all_incidents()):
        write(folder, name, rows, now_us)
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        page = folder / f"{name}.html"
        jobs += [(folder / f"{name}.txt.html", folder / f"{name}.text.png", 390, False),
                 (page, folder / f"{name}.390.png", 390, False),
                 (page, folder / f"{name}.390.dark.png", 390, True),
                 (page, folder / f"{name}.800.png", 800, False)]
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(snap, *job) for job in jobs]:
            done.result()


if __name__ == "__main__":
    main()
