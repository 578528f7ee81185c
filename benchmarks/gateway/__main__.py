"""`python -m benchmarks.gateway`."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from benchmarks.gateway import machine
from benchmarks.gateway.campaign import Bench, Campaign
from benchmarks.gateway.gateways import BARE, DIRECT, OURS, Gateways, Upstream
from benchmarks.gateway.measure import Sample
from benchmarks.gateway.memory import NAME as MEMORY
from benchmarks.gateway.memory import run_memory
from benchmarks.gateway.native import build
from benchmarks.gateway.processes import Cores
from benchmarks.gateway.records import Record, Table, records, write_records
from benchmarks.gateway.report import print_report
from benchmarks.gateway.scenarios import DEFAULT, SCENARIOS, WITH_PEERS, Scenario
from benchmarks.peers import CACHE, PEERS, InstallError, Peer


@click.command()
@click.option(
    "--scenario",
    "scenario_names",
    multiple=True,
    type=click.Choice([*SCENARIOS, MEMORY, "all"]),
    help=f"What to run; may be repeated. Default: {', '.join(DEFAULT)}.",
)
@click.option(
    "--peer",
    "peer_names",
    multiple=True,
    type=click.Choice([*PEERS, "all"]),
    help="Another gateway to install and measure beside ours; may be repeated.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=CACHE,
    help="Where other gateways are installed.",
)
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Runs per scenario.")
@click.option("--quick", is_flag=True, help="One short run of each: a smoke test, not a measurement.")
@click.option("--ours/--no-ours", default=True, help="Whether to measure this gateway.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the records."
)
@click.option(
    "--plots", "plots_folder", type=click.Path(path_type=Path, file_okay=False), help="Draw charts here."
)
@click.option(
    "--report",
    "report_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write results.json, the tables in README.md and charts here.",
)
def main(
    scenario_names: tuple[str, ...],
    peer_names: tuple[str, ...],
    cache: Path,
    runs: int,
    quick: bool,
    ours: bool,
    json_path: Path | None,
    plots_folder: Path | None,
    report_folder: Path | None,
) -> None:
    """Measures what this gateway costs beside a bare aiohttp proxy, and beside other gateways."""
    if (plots_folder or report_folder) and importlib.util.find_spec("matplotlib") is None:
        raise click.UsageError("charts need matplotlib: install requirements-bench.lock")
    console = Console()
    chosen = [SCENARIOS[name] for name in scenario_names or DEFAULT if name in SCENARIOS]
    if "all" in scenario_names:
        chosen = [replace(scenario, peers=name in WITH_PEERS) for name, scenario in SCENARIOS.items()]
    if quick:
        runs, chosen = 1, [scenario.shortened() for scenario in chosen]
    if "all" in peer_names:
        peer_names = tuple(name for name, peer in PEERS.items() if not peer.stalls)
    peers = _install(console, peer_names, cache)
    names = [DIRECT, BARE, *([OURS] if ours else []), *peers]
    found: list[Record] = []
    tools = build()
    watch = machine.Watch()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as temporary:
        folder = Path(temporary)
        upstream = Upstream(tools, Cores.split().load, folder)
        bench = Bench(tools, upstream, Gateways(upstream, Cores.split(), folder, peers, cache), folder)
        try:
            if chosen:
                found += _measure(console, bench, names, chosen, runs)
            if MEMORY in scenario_names:
                requests = 100_000 if quick else 1_000_000
                who = [OURS] if ours else [BARE, *peers]
                found += run_memory(console, bench, who, requests=requests)
        finally:
            bench.gateways.stop()
            upstream.stop()
    described = f"{machine.describe()}; {watch.others():.0%} of its time went to others meanwhile"
    table = Table(found)
    print_report(console, table, described)
    if json_path is not None:
        write_records(found, json_path)
    if plots_folder is not None or report_folder is not None:
        # matplotlib belongs to the bench group, without which everything else works
        from benchmarks.gateway.plots import write_plots
        from benchmarks.gateway.publish import publish

        written = [] if plots_folder is None else write_plots(table, plots_folder)
        written += [] if report_folder is None else publish(found, report_folder, described)
        for path in written:
            console.print(f"wrote {path}")


def _install(console: Console, names: Sequence[str], cache: Path) -> dict[str, Peer]:
    installed = {}
    for name in names:
        with console.status(f"installing {name}"):
            try:
                PEERS[name].install(cache / name)
                installed[name] = PEERS[name]
            except InstallError as error:
                console.print(f"{name} left out: {error}", markup=False)
    return installed


def _measure(
    console: Console, bench: Bench, names: Sequence[str], scenarios: Sequence[Scenario], runs: int
) -> list[Record]:
    total = runs * sum(bench.gateways.takes_part(name, scenario) for scenario in scenarios for name in names)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("measuring", total=total)

        def on_sample(gateway: str, scenario: Scenario, sample: Sample) -> None:
            progress.update(task, advance=1, description=f"{scenario.name}: {gateway}")
            if any(sample.failures.values()):
                console.print(f"{gateway}, {scenario.name}: failures {dict(sample.failures)}", markup=False)

        def on_problem(gateway: str, problem: str) -> None:
            console.print(f"{gateway} gives up {problem}", markup=False)

        campaign = Campaign(bench, on_sample=on_sample, on_problem=on_problem)
        return list(records(campaign.run(names, scenarios, runs)))


if __name__ == "__main__":
    main()
