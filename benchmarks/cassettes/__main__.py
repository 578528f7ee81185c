"""The report: per provider and kind, how many exchanges the adapters read right, and each that they don't."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.cassettes.checks import check_answer, check_request
from benchmarks.cassettes.recordings import Exchange, Unreadable, exchanges


def guarded(check: Callable[[], list[str]]) -> list[str]:
    """Runs a check; whatever it raises is a failure of the exchange and not of the run."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001  reported with its place
        at = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__}: {error} ({Path(at.filename).name}:{at.lineno})"]


def run(root: Path, seed: int = 0) -> dict[str, Any]:
    """Checks everything below `root`; the result is what `--json` writes."""
    counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    failures: list[dict[str, Any]] = []
    unreadable: list[dict[str, str]] = []
    outside: Counter[str] = Counter()

    def note(exchange: Exchange, what: str, reasons: list[str]) -> None:
        key = (exchange.provider, exchange.dialect or "", _kind(exchange))
        counts[key][what] += 1
        if reasons:
            counts[key][f"{what}_failed"] += 1
            failures.append({"where": exchange.where, "key": list(key), "what": what, "reasons": reasons})

    for exchange in exchanges(root):
        if isinstance(exchange, Unreadable):
            unreadable.append({"where": exchange.where, "reason": exchange.reason})
            continue
        if exchange.dialect is None:
            outside[f"{exchange.provider} {_api(exchange.url)}"] += 1
            continue
        note(exchange, "answer", guarded(lambda e=exchange: check_answer(e, seed)))  # type: ignore[misc]
        if exchange.dialect != "embeddings":
            note(exchange, "request", guarded(lambda e=exchange: check_request(e)))  # type: ignore[misc]
    rows = [
        {
            "provider": provider,
            "dialect": dialect,
            "kind": kind,
            "answers": count["answer"],
            "answers_right": count["answer"] - count["answer_failed"],
            "requests": count["request"],
            "requests_right": count["request"] - count["request_failed"],
        }
        for (provider, dialect, kind), count in sorted(counts.items())
    ]
    return {
        "rows": rows,
        "failures": failures,
        "unreadable": unreadable,
        "other_apis": dict(sorted(outside.items())),
    }


def _kind(exchange: Exchange) -> str:
    if exchange.status >= 400:
        return "error"
    return "stream" if exchange.stream else "whole"


def _api(url: str) -> str:
    return url.split("?")[0].split("//", 1)[-1].split("/", 1)[-1][:60]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cassettes", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is no folder")
    result = run(options.folder, options.seed)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    print(f"{'provider':16}{'dialect':20}{'kind':8}{'answers':>14}{'requests':>14}")
    totals: Counter[str] = Counter()
    for row in result["rows"]:
        totals.update(
            {name: row[name] for name in ("answers", "answers_right", "requests", "requests_right")}
        )
        print(
            f"{row['provider'][:15]:16}{row['dialect']:20}{row['kind']:8}"
            f"{row['answers_right']:>8}/{row['answers']:<5}{row['requests_right']:>8}/{row['requests']:<5}"
        )
    print(
        f"\nanswers {totals['answers_right']} of {totals['answers']} right, "
        f"requests {totals['requests_right']} of {totals['requests']} right, "
        f"{sum(result['other_apis'].values())} exchanges of APIs outside of the gateway's, "
        f"{len(result['unreadable'])} unreadable"
    )
    for found in result["unreadable"]:
        print(f"  {found['where']} can't be read: {found['reason']}")
    for failure in result["failures"]:
        print(
            f"  {failure['where']} [{' '.join(failure['key'])}] {failure['what']}: {'; '.join(failure['reasons'])}"
        )
    return 1 if result["failures"] or result["unreadable"] else 0


if __name__ == "__main__":
    sys.exit(main())
