"""Command line of the replay."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from benchmarks.routing.bars import print_bars
from benchmarks.routing.policies.catalogue import POLICIES, usual
from benchmarks.routing.report import print_tables
from benchmarks.routing.runs import Job, run_all, summarise
from benchmarks.routing.scenarios import SCENARIOS
from benchmarks.routing.table import find_tables


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True, help="Outcome tables.")
@click.option("--seeds", default=5, show_default=True, help="Runs of every policy in every scenario.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write records to this file.")
@click.option("--scenario", "scenarios", multiple=True, help="Only these; repeatable.")
@click.option("--policy", "policies", multiple=True, help="Only these; repeatable.")
@click.option("--lambda", "lambdas", multiple=True, type=float, help="Only these prices of cost.")
@click.option("--rounds", type=int, help="At most so many rounds a run.")
@click.option(
    "--plots", type=click.Path(path_type=Path), help="Draw pictures of one seed into this directory."
)
@click.option("--jobs", default=1, show_default=True, help="Processes.")
def main(
    data: Path,
    seeds: int,
    json_file: Path | None,
    scenarios: tuple[str, ...],
    policies: tuple[str, ...],
    lambdas: tuple[float, ...],
    rounds: int | None,
    plots: Path | None,
    jobs: int,
) -> None:
    """Replays outcome tables as one-pass bandit feedback to the production policy and its peers."""
    for given, known, what in ((scenarios, SCENARIOS, "scenario"), (policies, POLICIES, "policy")):
        unknown = set(given) - set(known)
        if unknown:
            raise click.BadParameter(f"no {what} {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    tables = find_tables(data)
    if not tables:
        raise click.BadParameter(f"no outcomes.jsonl.gz in {data}")
    chosen = [SCENARIOS[name] for name in scenarios or SCENARIOS]
    grid = [
        Job(str(table), scenario.name, lam, seed, policies or usual(scenario), rounds)
        for table in tables
        for scenario in chosen
        for lam in scenario.lambdas
        if not lambdas or lam in lambdas
        for seed in range(seeds)
    ]
    console = Console()
    measured = []
    with Progress(
        *Progress.get_default_columns(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    ) as progress:
        bar = progress.add_task("replaying", total=len(grid))
        for one in run_all(grid, jobs):
            measured.append(one)
            progress.advance(bar)
    records = summarise(measured)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps([record.row() for record in records], indent=1) + "\n", "utf-8")
    print_tables(console, records)
    print_bars(console, records)
    if plots is not None:
        from benchmarks.routing.plots import draw

        draw(tables, plots, rounds, policies)
