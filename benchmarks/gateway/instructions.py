"""What a request is made of, in instructions: exact where times are noisy, and nearly the same on every machine.

    python -m benchmarks.gateway.instructions SCENARIO … [--gateway bare-aiohttp]

Runs the gateway under valgrind's callgrind, some fifty times slower than else, which counts every instruction of its
process (not the kernel's) while the load client measures. "With callees" counts what runs below a function too; a
coroutine's are those of all its steps. How long an instruction takes is another matter: of a loop over numbers several
run in a cycle, and what misses the caches waits for dozens.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.gateway.bodies import write_bodies
from benchmarks.gateway.gateways import BARE, OURS, Gateways, Upstream
from benchmarks.gateway.measure import load_argv, run_load
from benchmarks.gateway.native import Tools, build
from benchmarks.gateway.perf import function
from benchmarks.gateway.processes import Cores
from benchmarks.gateway.scenarios import SCENARIOS, Scenario

_SECONDS, _WARM_UP = 8.0, 4.0
_LINE = re.compile(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+(.*)")


def counts(annotated: Iterable[str]) -> tuple[int, dict[str, int]]:
    """Reads what callgrind_annotate prints: all instructions, and those of each function that is compiled from this
    gateway's sources.
    """
    whole, found = 0, {}
    for line in annotated:
        match = _LINE.match(line)
        if match is None:
            continue
        count = int(match[1].replace(",", ""))
        if match[2].startswith("PROGRAM TOTALS"):
            whole = count
        elif name := function(match[2].partition(" [")[0].rpartition(":")[2].partition("'")[0]):
            found[name] = max(count, found.get(name, 0))
    return whole, found


def counted(
    gateway: str, tools: Tools, upstream: Upstream, scenario: Scenario, folder: Path
) -> tuple[int, int, dict[str, int]]:
    """Runs the scenario; returns how many requests were answered (of a stream: chunks), and what `counts` does, summed
    over the gateway's threads.
    """
    output = folder / "callgrind"
    under = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"]
    under.append(f"--callgrind-out-file={output}")
    cores = Cores.split()
    gateways = Gateways(upstream, cores, folder, {}, under=under)
    slow = replace(scenario, seconds=_SECONDS, warm_up=_WARM_UP)
    try:
        target = gateways.target(gateway, scenario.setup)
        assert target.process is not None
        pid = str(target.process.family()[0])

        def switch(moment: str) -> None:
            state = "on" if moment == "measuring" else "off"
            subprocess.run(["callgrind_control", "-i", state, pid], check=True, capture_output=True)

        bodies = write_bodies(slow, target.model(slow), folder / "bodies")
        argv = load_argv(tools, target, slow, bodies)
        report, _, _ = run_load(argv, cores.load, target.process.family(), [], switch)
    finally:
        gateways.stop()  # callgrind writes as it ends
    whole, found = 0, dict[str, int]()
    for thread in sorted(folder.glob("callgrind-*")):
        argv = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(thread)]
        printed = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
        more, functions = counts(printed.splitlines())
        whole += more
        for name, count in functions.items():
            found[name] = found.get(name, 0) + count
    return report["chunks"] if scenario.streamed else report["answered"], whole, found


@click.command()
@click.argument("names", metavar="SCENARIO", nargs=-1, required=True, type=click.Choice([*SCENARIOS]))
@click.option("--gateway", type=click.Choice([OURS, BARE]), default=OURS, show_default=True)
@click.option(
    "--least", default=0.005, show_default=True, help="Share of all below which a function isn't shown."
)
def main(names: tuple[str, ...], gateway: str, least: float) -> None:
    """Counts the instructions of a gateway under the load of the scenarios."""
    if shutil.which("valgrind") is None:
        raise click.ClickException("valgrind isn't installed: on Debian, apt install valgrind")
    tools = build()
    for name in names:
        with tempfile.TemporaryDirectory(prefix="gateway-instructions-") as temporary:
            folder = Path(temporary)
            upstream = Upstream(tools, Cores.split().load, folder)
            try:
                number, whole, found = counted(gateway, tools, upstream, SCENARIOS[name], folder)
            finally:
                upstream.stop()
        each = "chunk" if SCENARIOS[name].streamed else "request"
        click.echo(f"{name}: {SCENARIOS[name].about}\n{whole / number:10,.0f} per {each}, of {number:,}")
        for function_name, count in sorted(found.items(), key=lambda item: -item[1]):
            if count >= least * whole:
                click.echo(f"{count / number:10,.0f} {function_name}")


if __name__ == "__main__":
    main()
