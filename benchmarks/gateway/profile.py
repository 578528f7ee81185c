"""Where this gateway's time goes under load: py-spy's samples, summed by function.

    python -m benchmarks.gateway.profile SCENARIO … [--markdown FILE]

"Own" counts the samples in which the function itself ran, and "with callees" those in which it was anywhere
on the stack. Time in C extensions is booked on the Python function that called them; what `Runner.run` has of
its own is the event loop with its system calls, and its waiting for the network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.gateway.bodies import write_bodies
from benchmarks.gateway.gateways import OURS, Gateways, Upstream
from benchmarks.gateway.measure import load_argv, run_load
from benchmarks.gateway.native import Tools, build
from benchmarks.gateway.processes import Cores
from benchmarks.gateway.scenarios import SCENARIOS, Scenario

_RATE_HZ = 500
_SECONDS = 6.0
_SHOWN = 25
# threads that wait for work in C, where py-spy can't see that they wait
_WAITING = frozenset(
    {"_connection_worker_thread (aiosqlite/core.py)", "_worker (concurrent/futures/thread.py)"}
)


def shares(raw: str) -> list[tuple[str, float, float]]:
    """Reads py-spy's raw format, a line "outermost;…;innermost COUNT" per stack. Returns functions with their
    own share of the samples and their share with callees, largest own share first."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] + ")" if ":" in frame else frame for frame in stack.split(";")]
        if frames[-1] in _WAITING:
            continue
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    total = own.total() or 1
    return [(frame, own[frame] / total, whole[frame] / total) for frame, _ in own.most_common()]


def profile(tools: Tools, upstream: Upstream, gateways: Gateways, folder: Path, scenario: Scenario) -> str:
    """Returns py-spy's raw samples of one run of the scenario."""
    cores = Cores.split()
    target = gateways.target(OURS, scenario.setup)
    assert target.process is not None
    bodies = write_bodies(scenario, target.model(scenario), folder / scenario.name)
    longer = replace(scenario, seconds=_SECONDS + 2.0)
    output = folder / f"{scenario.name}.raw"
    spy_program = str(Path(sys.executable).with_name("py-spy"))
    argv = [
        spy_program,
        "record",
        "--pid",
        str(target.process.pid),
        "--format",
        "raw",
        "--rate",
        str(_RATE_HZ),
    ]
    argv += ["--duration", f"{_SECONDS:.0f}", "--output", str(output)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as spy:
        load = [process.pid for process in upstream.processes]
        run_load(load_argv(tools, target, longer, bodies), cores.load, target.process.family(), load)
        _, complaints = spy.communicate()
    if not output.exists():
        raise click.ClickException(f"py-spy failed: {complaints.strip()}")
    return output.read_text(encoding="utf-8")


@click.command()
@click.argument("names", metavar="SCENARIO", nargs=-1, required=True, type=click.Choice([*SCENARIOS]))
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write the tables here too."
)
def main(names: tuple[str, ...], markdown: Path | None) -> None:
    """Profiles this gateway under the load of the scenarios."""
    tools = build()
    sections = []
    with tempfile.TemporaryDirectory(prefix="gateway-profile-") as temporary:
        folder = Path(temporary)
        upstream = Upstream(tools, Cores.split().load, folder)
        gateways = Gateways(upstream, Cores.split(), folder, {})
        try:
            for name in names:
                found = shares(profile(tools, upstream, gateways, folder, SCENARIOS[name]))
                lines = [f"## {name}: {SCENARIOS[name].about}", ""]
                lines += ["| function | own | with callees |", "| --- | --: | --: |"]
                lines += [f"| `{frame}` | {own:.1%} | {whole:.1%} |" for frame, own, whole in found[:_SHOWN]]
                sections.append("\n".join(lines))
                click.echo(sections[-1] + "\n")
        finally:
            gateways.stop()
            upstream.stop()
    if markdown is not None:
        head = "# Where the time goes\n\n`python -m benchmarks.gateway.profile " + " ".join(names) + "`: "
        head += "py-spy's samples; C code counts for the Python function that called it.\n\n"
        markdown.write_text(head + "\n\n".join(sections) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
