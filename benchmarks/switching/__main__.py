"""The matrix: vendor × vendor × client dialect, turns tried and refused, and what was lost."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.switching import inside
from benchmarks.switching.client import DIALECTS
from benchmarks.switching.outside import Outside
from benchmarks.switching.talk import Ask, Outcome, talk
from benchmarks.switching.vendors import VENDORS


async def outcomes(ask: Ask) -> list[tuple[bool, Outcome]]:
    """Leads every conversation once whole and once streamed."""
    return [
        (stream, await talk(ask, first, second, dialect, stream=stream))
        for stream in (False, True)
        for dialect in DIALECTS
        for first in VENDORS
        for second in VENDORS
    ]


async def measured(*, through_gateway: bool) -> list[tuple[bool, Outcome]]:
    if not through_gateway:
        return await outcomes(inside.ask)
    with tempfile.TemporaryDirectory() as folder:
        async with Outside().running(Path(folder)) as outside:
            return await outcomes(outside.ask)


def report(found: list[tuple[bool, Outcome]]) -> dict[str, Any]:
    """Returns what `--json` writes."""
    rows = [
        {
            "first": outcome.first,
            "second": outcome.second,
            "client": outcome.client,
            "streamed": stream,
            "turns": outcome.turns,
            "refused": outcome.refused,
            "lost": outcome.lost,
        }
        for stream, outcome in found
    ]
    return {
        "turns": sum(outcome.turns for _, outcome in found),
        "refused": sum(len(outcome.refused) for _, outcome in found),
        "lost": sum(len(outcome.lost) for _, outcome in found),
        "conversations": rows,
    }


def printed(told: dict[str, Any]) -> str:
    """Returns one table for each client dialect: rows are the first vendor, columns the second, cells turns/refused."""
    lines = []
    names = [vendor.name for vendor in VENDORS]
    width = max(map(len, names))
    for dialect in DIALECTS:
        lines.append(
            f"{dialect}: turns/refused, whole and streamed; the row answers turns 1, 3 and 5, the column 2 and 4"
        )
        lines.append(" " * width + "".join(f"{name[:7]:>8}" for name in names))
        for first in names:
            cells = []
            for second in names:
                rows = [
                    row
                    for row in told["conversations"]
                    if (row["first"], row["second"], row["client"]) == (first, second, dialect)
                ]
                turns, refused = sum(row["turns"] for row in rows), sum(len(row["refused"]) for row in rows)
                cells.append(f"{turns}/{refused}")
            lines.append(f"{first:<{width}}" + "".join(f"{cell:>8}" for cell in cells))
        lines.append("")
    for row in told["conversations"]:
        for what in ("refused", "lost"):
            lines += [
                f"{what}: {row['first']} → {row['second']}, {row['client']}: {text}" for text in row[what]
            ]
    lines.append(f"{told['turns']} turns, {told['refused']} refused, {told['lost']} times something was lost")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.switching", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all there is to know")
    parser.add_argument("--adapters", action="store_true", help="ask the adapters alone, without a gateway")
    options = parser.parse_args()
    told = report(asyncio.run(measured(through_gateway=not options.adapters)))
    if options.json:
        options.json.write_text(json.dumps(told, indent=1, ensure_ascii=False))
    sys.stdout.write(printed(told) + "\n")
    sys.exit(1 if told["refused"] or told["lost"] else 0)


if __name__ == "__main__":
    main()
