#!/usr/bin/env python3
"""How accurate is mailwarden? Simulates mail hosts for two months, puts every trouble of
the design's section 7 into the last of them, and prints what `mailwarden replay` says:
what it finds, how late, and what it says although nothing is wrong.

    tests/bench/accuracy.py [--quick] [--days 60] [--seeds N] [--mailwarden PATH]

Exit 0 whatever the figures are: it measures, it judges nothing.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import statistics
import sys
import time

sys.dont_write_bytecode = True

import accuracy_score as scoring  # noqa: E402
import accuracy_troubles as troubles  # noqa: E402
from accuracy_score import Failed, Job, clock  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAMS = (ROOT / "build/release/mailwarden", ROOT / "build/mailwarden",
            ROOT / "build/debug/mailwarden")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="small hosts and one strength each")
    parser.add_argument("--days", type=int, default=60, help="at least 60")
    parser.add_argument("--seeds", type=int, default=1, help="repeats, each with other mail")
    parser.add_argument("--sizes", default="", help="messages a day, default 300,3000")
    parser.add_argument("--servers", default=",".join(scoring.SERVERS))
    parser.add_argument("--only", default="", help="kinds of trouble whose name has this")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--mailwarden", default=os.environ.get("MAILWARDEN", ""))
    parser.add_argument("--rules", default="", help="other rules than the program's own")
    parser.add_argument("--json", action="store_true", help="all of it, one object a log")
    parser.add_argument("--read", default="", help="print the tables of an earlier --json")
    parser.add_argument("--details", action="store_true", help="what was missed and what was extra")
    parser.add_argument("--keep", default="", help="keep the logs in this folder")
    args = parser.parse_args()
    if args.days < 60:
        parser.error("--days: a month of history and a month of troubles make at least 60")
    if not args.mailwarden and not args.read:
        built = [str(p) for p in PROGRAMS if p.exists()]
        if not built:
            parser.error("no mailwarden in build/: build it, or give --mailwarden PATH")
        args.mailwarden = built[0]
    return args


def jobs_of(args):
    sizes = [int(s) for s in args.sizes.split(",") if s] or ([300] if args.quick else [300, 3000])
    # The long ones first, so that no core idles at the end.
    for size in sorted(sizes, reverse=True):
        for server in args.servers.split(","):
            for seed in range(args.seeds):
                yield Job(server, size, seed, args.days, None, 0)
                for group in scoring.groups_of(server):
                    for turn in range(1 if args.quick else 3):
                        yield Job(server, size, seed, args.days, group, turn)


def only(job, words):
    """Does this log hold a trouble that was asked for?"""
    if not words:
        return True
    if job.group is None:
        return words == "quiet"
    return any(words in t.kind for t in scoring.plan(job))


def one(work):
    program, job, keep, rules = work
    path = os.path.join(keep, "-".join(str(x) for x in job) + ".log") if keep else None
    return scoring.run(program, job, path, rules)


def run_all(args):
    jobs = [j for j in jobs_of(args) if only(j, args.only)]
    results, began = [], time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        works = [pool.submit(one, (args.mailwarden, job, args.keep, args.rules)) for job in jobs]
        try:
            for done in concurrent.futures.as_completed(works):
                results.append(done.result())
                if sys.stderr.isatty():
                    print(f"\r{len(results)}/{len(jobs)} logs, "
                          f"{time.monotonic() - began:.0f} s ", end="", file=sys.stderr)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return results


def read_all(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


# ---------------------------------------------------------------- the tables

def span_of(values, delay_in):
    if not values:
        return "", ""
    middle, worst = statistics.median(values), max(values)
    if delay_in == "messages":
        return f"{middle:.0f} msg", f"{worst} msg"
    return clock(middle), clock(worst)


def print_troubles(results):
    by_kind = collections.defaultdict(list)
    for result in results:
        for item in result["found"]:
            by_kind[item["kind"]].append(item)
    again, other = collections.Counter(), collections.Counter()
    for result in results:
        for item in result["extra"]:
            kind = item["during"].rsplit(",", 1)[0]
            (again if item["same"] else other)[kind] += item["times"]
    print("| trouble             |  weak | medium | strong |  delay |  worst |  extra |")
    print("| ------------------- | ----: | -----: | -----: | -----: | -----: | -----: |")
    for kind in troubles.KINDS:
        items = [i for i in by_kind.get(kind, ()) if not i.get("nothing")]
        if not items:
            continue
        cells = []
        for level in troubles.LEVELS:
            of_level = [i for i in items if i["level"] == level]
            hit = sum(i["found"] for i in of_level)
            cells.append(f"{hit}/{len(of_level)}" if of_level else "")
        delays = [i["delay"] for i in items if i["found"]]
        middle, worst = span_of(delays, items[0]["delay_in"])
        extra = f"{again[kind]}+{other[kind]}"
        print(f"| {kind:19} | {cells[0]:>5} | {cells[1]:>6} | {cells[2]:>6} | {middle:>6} | "
              f"{worst:>6} | {extra:>6} |")
    print("\nFound of put in, by strength; delay: the median and the worst, of blocks in messages\n"
          "that were refused till then; extra: what else is told, by the same rules + by others.")


def print_silence(results):
    for kind in scoring.STREAMS:
        items = [i for r in results for i in r["found"]
                 if i["kind"] == kind and i["found"] and not i.get("nothing")]
        ratios = [i["delay"] / i["needed"] for i in items]
        if ratios:
            needed = statistics.median(i["needed"] for i in items)
            print(f"{kind}: 99.9 % sure after {clock(needed)} (median); told after "
                  f"{statistics.median(ratios):.2f} times that, at worst {max(ratios):.2f}, "
                  f"at best {min(ratios):.2f}")


def print_false(results):
    quiet = [r for r in results if r["job"]["group"] is None]
    days = sum(scoring.quiet_days(r["job"]) for r in quiet)
    counts = collections.Counter((i["rule"], i["severity"]) for r in quiet for i in r["outside"])
    print(f"\nNothing put in: {days} days of {len(quiet)} hosts")
    total = collections.Counter()
    for (rule, severity), n in sorted(counts.items()):
        print(f"    {n:5} {severity:8} {rule}")
        total[severity] += n
    for severity in ("critical", "warning"):
        each = total[severity] * 60 / days if days else 0
        worst = max((sum(i["severity"] == severity for i in r["outside"]) for r in quiet),
                    default=0)
        print(f"    false {severity}: {total[severity]}, for each host in 60 days {each:.2f}, "
              f"at worst {worst}")
    other = collections.Counter((i["rule"], i["severity"]) for r in results
                                if r["job"]["group"] is not None for i in r["outside"])
    print("\nLogs with troubles, but at other times:")
    for (rule, severity), n in sorted(other.items()):
        print(f"    {n:5} {severity:8} {rule}")


def print_critical(results):
    items = [i for r in results for i in r["found"]
             if i["wanted"] and not i.get("nothing")]
    mild = collections.Counter(i["kind"] for i in items if i["found"] and not i["critical"])
    missed = collections.Counter(i["kind"] for i in items if not i["found"])
    print(f"\nCritical by the design: {len(items)} put in, {sum(missed.values())} missed, "
          f"{sum(mild.values())} told as less")
    for kind, n in (missed + mild).items():
        print(f"    {kind}: {missed[kind]} missed, {mild[kind]} told as less")


def print_details(results):
    print("\nMissed:")
    for r in results:
        name = "{server} {size}/day seed {seed} group {group} turn {turn}".format(**r["job"])
        for i in r["found"]:
            if not i["found"] and not i.get("nothing"):
                masked = i.get("masked")
                why = f" (open before: {masked['rule']} {masked['opened']})" if masked else ""
                print(f"  {i['kind']}, {i['level']}: {name} at {i['begin']}, "
                      f"shown {i['shown']} times{why}")
    print("\nSaid besides:")
    count = collections.Counter()
    for r in results:
        for i in r["extra"]:
            count[i["during"].rsplit(",", 1)[0], i["rule"], r["job"]["server"]] += i["times"]
    for (kind, rule, server), n in sorted(count.items()):
        print(f"  {kind:19} {n:4} {rule} ({server})")
    print("\nThe first samples:")
    seen = collections.Counter()
    for r in results:
        name = "{server} {size}/day seed {seed} group {group} turn {turn}".format(**r["job"])
        for i in r["outside"] + r["extra"]:
            key = (i["rule"], i.get("during"))
            seen[key] += 1
            if seen[key] <= 2:
                print(f"  {i['rule']} ({i['severity']}) {i['opened']} {json.dumps(i['group'])} "
                      f"count {i['count']}; {name}; during {i.get('during', 'nothing')}\n"
                      f"    {i['summary']}\n    {i['sample']}")


def main():
    args = arguments()
    began = time.monotonic()
    try:
        results = read_all(args.read) if args.read else run_all(args)
    except (Failed, OSError) as e:
        sys.exit(f"accuracy.py: {e}")
    results.sort(key=lambda r: json.dumps(r["job"]))
    if args.json:
        for result in results:
            print(json.dumps(result))
        return
    print_troubles(results)
    print()
    print_silence(results)
    print_critical(results)
    print_false(results)
    if args.details:
        print_details(results)
    lines = sum(r["lines"] for r in results)
    unparsed = sum(r["unparsed"] or 0 for r in results)
    print(f"\n{len(results)} logs, {lines / 1e6:.1f} million lines ({unparsed} not understood), "
          f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
