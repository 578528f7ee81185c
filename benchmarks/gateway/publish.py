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

_MACHINE = "Machine: "


def publish(found: Sequence[Record], folder: Path, machine: str) -> list[Path]:
    """Writes everything into `folder` and returns the paths. What README.md says around the marked part stays.

    The memory run may be a call of its own: it leaves the figures of an earlier campaign in place, and so does a
    campaign those of an earlier memory run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results, readme = folder / "results.json", folder / "README.md"
    measured = {record.scenario == MEMORY for record in found}
    earlier = read_records(results) if results.exists() else []
    kept = [record for record in earlier if (record.scenario == MEMORY) not in measured]
    found = sorted([*found, *kept], key=lambda record: record.scenario == MEMORY)
    write_records(found, results)
    table = Table(found)
    plots = write_plots(table, folder)
    text = readme.read_text(encoding="utf-8") if readme.exists() else f"{_BEGIN}\n{_END}\n"
    before, _, rest = text.partition(_BEGIN)
    inside, _, after = rest.partition(_END)
    said = next((line for line in inside.splitlines() if line.startswith(_MACHINE)), None)
    if said is None or False in measured:
        said = _MACHINE + machine
    parts = [_BEGIN, said, noise(table), _bars(table)]
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
