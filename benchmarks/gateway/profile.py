"""Where this gateway's time goes under load: samples, summed by function.

    python -m benchmarks.gateway.profile SCENARIO … [--tool perf] [--markdown FILE]

"Own" counts the samples in which the function itself ran, and "with callees" those in which it was anywhere
on the stack. Time in C extensions is booked on the function that called them; what `Runner.run` has of
its own is the event loop with its system calls, and its waiting for the network.

py-spy sees plain Python, for after `make plain`; perf sees what is compiled.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.gateway import perf
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


def profile(
    tool: str, tools: Tools, upstream: Upstream, gateways: Gateways, folder: Path, scenario: Scenario
) -> str:
    """Returns the raw samples of one run of the scenario, in py-spy's format."""
    cores = Cores.split()
    target = gateways.target(OURS, scenario.setup)
    assert target.process is not None
    bodies = write_bodies(scenario, target.model(scenario), folder / scenario.name)
    longer = replace(scenario, seconds=_SECONDS + 2.0)
    output = folder / f"{scenario.name}.raw"
    pid = target.process.pid
    argv = perf.record(pid, _SECONDS, output) if tool == "perf" else _py_spy(pid, output)
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as spy:
        load = [process.pid for process in upstream.processes]
        run_load(load_argv(tools, target, longer, bodies), cores.load, target.process.family(), load)
        _, complaints = spy.communicate()
    if not output.exists():
        raise click.ClickException(f"{tool} failed: {complaints.strip()}")
    if tool != "perf":
        return output.read_text(encoding="utf-8")
    with subprocess.Popen(
        perf.script(output), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
    ) as printed:
        assert printed.stdout is not None
        return perf.raw(printed.stdout)


def _py_spy(pid: int, output: Path) -> list[str]:
    argv = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid), "--format", "raw"]
    argv += ["--rate", str(_RATE_HZ), "--duration", f"{_SECONDS:.0f}", "--output", str(output)]
    return argv


@click.command()
@click.argument("names", metavar="SCENARIO", nargs=-1, required=True, type=click.Choice([*SCENARIOS]))
@click.option(
    "--tool", type=click.Choice(["py-spy", "perf"]), default="py-spy", show_default=True, help="The sampler."
)
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write the tables here too."
)
def main(names: tuple[str, ...], tool: str, markdown: Path | None) -> None:
    """Profiles this gateway under the load of the scenarios."""
    tools = build()
    sections = []
    with tempfile.TemporaryDirectory(prefix="gateway-profile-") as temporary:
        folder = Path(temporary)
        upstream = Upstream(tools, Cores.split().load, folder)
        gateways = Gateways(upstream, Cores.split(), folder, {})
        try:
            for name in names:
                found = shares(profile(tool, tools, upstream, gateways, folder, SCENARIOS[name]))
                lines = [f"## {name}: {SCENARIOS[name].about}", ""]
                lines += ["| function | own | with callees |", "| --- | --: | --: |"]
                lines += [f"| `{frame}` | {own:.1%} | {whole:.1%} |" for frame, own, whole in found[:_SHOWN]]
                sections.append("\n".join(lines))
                click.echo(sections[-1] + "\n")
        finally:
            gateways.stop()
            upstream.stop()
    if markdown is not None:
        head = f"# Where the time goes\n\n`python -m benchmarks.gateway.profile --tool {tool} {' '.join(names)}`; "
        head += "C code counts for the function that called it.\n\n"
        markdown.write_text(head + "\n\n".join(sections) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
