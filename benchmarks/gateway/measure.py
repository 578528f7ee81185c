"""One run of the load client against one gateway, with the gateway's CPU clock read around it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.gateway.gateways import Target
from benchmarks.gateway.native import Tools
from benchmarks.gateway.processes import CpuClock, rss_bytes
from benchmarks.gateway.scenarios import Scenario


class LoadError(Exception):
    """The load client itself failed."""


@dataclass(frozen=True)
class Beside:
    """A second load that runs at the same time and isn't measured."""

    scenario: Scenario
    bodies: Sequence[Path]


@dataclass(frozen=True)
class Sample:
    """What one run showed. Times in ms, CPU in seconds, memory in bytes. `beside`: requests answered on the
    connection beside."""

    seconds: float
    requests: int
    chunks: int
    cpu: float
    rss: int
    load_cpu: float
    failures: Mapping[str, int]
    latency: Mapping[str, float]
    ttft: Mapping[str, float]
    forward: Mapping[str, float]
    beside: int = 0

    @property
    def failed(self) -> int:
        """Answers that came wrong or broken."""
        return sum(self.failures.values()) - self.stalled

    @property
    def stalled(self) -> int:
        """Answers of which nothing had come for 3 s at the end: a saturated gateway, which costs what it costs."""
        return self.failures.get("stalled", 0)


def load_argv(tools: Tools, target: Target, scenario: Scenario, bodies: Sequence[Path]) -> list[str]:
    """Returns the load client's command line."""
    argv = [str(tools.load), "-p", str(target.port), "-H", target.path(scenario)]
    argv += ["-c", str(scenario.connections), "-d", str(scenario.seconds)]
    argv += ["-w", str(scenario.warm_up), "-r", str(scenario.ramp)]
    argv += ["-N", str(scenario.chunks if scenario.streamed else -1)]
    headers = [*target.launch.headers]
    if scenario.dialect == "anthropic":
        headers.append("anthropic-version: 2023-06-01")
    for header in headers:
        argv += ["-x", header]
    for path in bodies:
        argv += ["-b", str(path)]
    return argv


def run_load(
    argv: Sequence[str],
    cores: tuple[int, ...],
    gateway: Sequence[int],
    load: Sequence[int],
    told: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, Any], float, float]:
    """Runs the client; returns its report, and the CPU seconds that `gateway` and `load` (with the client)
    spent in the measured time. `told` hears "measuring" and "measured". Raises LoadError."""
    command = ["taskset", "-c", ",".join(map(str, cores)), *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        assert client.stderr is not None
        clocks: list[tuple[CpuClock, CpuClock]] = []
        complaints = ""
        for line in client.stderr:
            if line.strip() in ("measuring", "measured"):
                told(line.strip())
                clocks.append((CpuClock.read(gateway), CpuClock.read([*load, client.pid])))
            else:
                complaints += line
        assert client.stdout is not None
        report = client.stdout.read()
    if client.returncode or len(clocks) != 2:
        raise LoadError(f"the load client failed ({client.returncode}): {complaints.strip()}")
    (gateway_from, load_from), (gateway_to, load_to) = clocks
    return json.loads(report), gateway_to.seconds_since(gateway_from), load_to.seconds_since(load_from)


def _start_beside(
    tools: Tools, target: Target, scenario: Scenario, beside: Beside, cores: tuple[int, ...]
) -> subprocess.Popen[str]:
    seconds = scenario.warm_up + scenario.seconds
    argv = load_argv(tools, target, replace(beside.scenario, warm_up=0.0, seconds=seconds), beside.bodies)
    command = ["taskset", "-c", ",".join(map(str, cores)), *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def measure(
    tools: Tools,
    target: Target,
    scenario: Scenario,
    bodies: Sequence[Path],
    cores: tuple[int, ...],
    load: Sequence[int],
    beside: Beside | None = None,
) -> Sample:
    """Measures one scenario once. `load`: the mock upstream's processes. Raises LoadError, StartError."""
    family: list[int] = []
    if target.process is not None:
        target.process.check()
        family = target.process.family()
    other = None if beside is None else _start_beside(tools, target, scenario, beside, cores)
    try:
        report, cpu, load_cpu = run_load(load_argv(tools, target, scenario, bodies), cores, family, load)
    except LoadError:
        if other is not None:
            other.kill()
        raise
    failures = dict(report["failures"])
    answered = 0
    if other is not None:
        output, _ = other.communicate()
        if not output:
            raise LoadError("the load client of the connection beside failed")
        other_report = json.loads(output)
        answered = other_report["answered"]
        failures["beside"] = sum(other_report["failures"].values())
    return Sample(
        seconds=report["seconds"],
        requests=report["answered"],
        chunks=report["chunks"],
        cpu=cpu,
        rss=rss_bytes(family),
        load_cpu=load_cpu,
        failures=failures,
        latency=report["latency_ms"],
        ttft=report["ttft_ms"],
        forward=report["forward_ms"],
        beside=answered,
    )
