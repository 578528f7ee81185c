"""`python -m benchmarks.bills`: the catalogue, vendors' worked examples, and `--day N` simulated calls of a day."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from benchmarks.bills import day, pages
from benchmarks.bills.catalogue import compare


def main(arguments: list[str] | None = None) -> int:
    """Prints what was compared and what differs; returns 1 where something isn't explained."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bills", description=__doc__)
    parser.add_argument(
        "--day", type=int, metavar="CALLS", default=0, help="simulate a day of so many calls too"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--cassettes", type=Path, default=day.CASSETTES, help="recorded texts, for calls without counts"
    )
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)

    result = compare()
    print(f"catalogue: {result.cases} bills of {result.models} models, {len(result.unexplained)} unexplained")
    for reason, count in result.explained.most_common():
        print(f"  {count:6} explained: {reason}")
    for line in result.unexplained:
        print(f"  UNEXPLAINED {line}")
    kinds = ", ".join(
        f"{kind} {count}" for kind, count in result.kinds.most_common() if " beyond" not in kind
    )
    print(f"  kinds: {kinds}")

    examples = pages.check()
    print(
        f"vendors' pages: {len(examples['right'])} right, {len(examples['wrong'])} wrong, {len(examples['moved'])} moved"
    )
    for word in ("wrong", "moved"):
        for line in examples[word]:
            print(f"  {word.upper()} {line}")
    wrong = bool(result.unexplained or examples["wrong"])

    if options.day:
        booked = asyncio.run(day.simulate(options.day, options.seed, options.cassettes))
        print(
            f"a day of {options.day} calls: {len(booked.apart)} rows apart, {booked.unmarked} estimates unmarked"
        )
        print(f"  counted   ${booked.ours:.9f} here, ${booked.theirs:.9f} in the other ledger")
        off = booked.estimated_ours / booked.estimated_theirs - 1 if booked.estimated_theirs else 0.0
        print(
            f"  estimated ${booked.estimated_ours:.9f} here, ${booked.estimated_theirs:.9f} billed, {off:+.1%}"
        )
        for kind, count in sorted(booked.rows.items()):
            print(f"  {count:6} {kind}")
        for line in booked.apart:
            print(f"  APART {line}")
        wrong = wrong or not booked.right
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
