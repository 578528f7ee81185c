"""The result as a folder of documentation: results.json, tables in README.md, plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.gateway.bars import judge
from benchmarks.gateway.columns import noise, rows
from benchmarks.gateway.memory import NAME as MEMORY
from benchmarks.gateway.plots import write_plots
from benchmarks.gateway.records import Record, Table, read_records, write_records
from benchmarks.gateway.scenarios import SCENARIOS

_BEGIN, _END = "<!-- begin: written by the campaign -->", "<!-- end -->"


def publish(found: Sequence[Record], folder: Path, machine: str) -> list[Path]:
    """Writes everything into `folder` and returns the paths. What README.md says around the marked part stays.

    The memory run takes as long as all the rest, so that its figures stay from an earlier call when this one
    made none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results, readme = folder / "results.json", folder / "README.md"
    found = list(found)
    if results.exists() and not any(record.scenario == MEMORY for record in found):
        found += [record for record in read_records(results) if record.scenario == MEMORY]
    write_records(found, results)
    table = Table(found)
    plots = write_plots(table, folder)
    text = readme.read_text(encoding="utf-8") if readme.exists() else f"{_BEGIN}\n{_END}\n"
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    parts = [_BEGIN, f"Machine: {machine}\n\n{noise(table)}", _bars(table)]
    parts += [f"![{path.stem}]({path.name})" for path in plots]
    parts += [_section(table, name) for name in table.scenarios if name in SCENARIOS]
    readme.write_text(before + "\n\n".join([*parts, _END]) + after, encoding="utf-8")
    return [results, readme, *plots]


def _bars(table: Table) -> str:
    found = [
        [verdict.bar, verdict.target, verdict.measured, "yes" if verdict.reached else "**no**"]
        for verdict in judge(table)
    ]
    return "## Bars\n\n" + _grid(["bar", "target", "measured", "reached"], found, left=1)


def _section(table: Table, name: str) -> str:
    titles, found = rows(table, name)
    return f"## {name}: {SCENARIOS[name].about}\n\n" + _grid(titles, found, left=1)


def _grid(titles: list[str], found: list[list[str]], *, left: int) -> str:
    rules = ["---" if column < left else "--:" for column in range(len(titles))]
    padded = [row + [""] * (len(titles) - len(row)) for row in found]
    return "\n".join(f"| {' | '.join(row)} |" for row in [titles, rules, *padded])
