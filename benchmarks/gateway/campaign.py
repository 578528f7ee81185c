"""All scenarios on all gateways, run by run, so that a slow minute of the machine hits everybody alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway.bodies import write_bodies
from benchmarks.gateway.gateways import Gateways, Upstream
from benchmarks.gateway.measure import Beside, LoadError, Sample, measure
from benchmarks.gateway.native import Tools
from benchmarks.gateway.processes import Cores, StartError
from benchmarks.gateway.scenarios import Scenario

_SETTLE_SECONDS = 15.0

Samples = dict[tuple[str, str], list[Sample]]


@dataclass(frozen=True)
class Bench:
    """What every measurement needs: the compiled tools, the mock upstream, the gateways, a scratch folder."""

    tools: Tools
    upstream: Upstream
    gateways: Gateways
    folder: Path


class Campaign:
    """Runs everything `runs` times, interleaved: run, then scenario, then gateway, in alternating order.

    A gateway that doesn't start, or whose run breaks off, is reported through `on_problem` and left out from
    then on.
    """

    def __init__(
        self,
        bench: Bench,
        *,
        on_sample: Callable[[str, Scenario, Sample], None],
        on_problem: Callable[[str, str], None],
    ) -> None:
        self._bench = bench
        self._on_sample = on_sample
        self._on_problem = on_problem
        self._given_up: set[tuple[str, str]] = set()

    def run(self, names: Sequence[str], scenarios: Sequence[Scenario], runs: int) -> Samples:
        """Returns the samples by (gateway, scenario), in the order of the runs."""
        samples: Samples = {
            (name, scenario.name): []
            for scenario in scenarios
            for name in names
            if self._bench.gateways.takes_part(name, scenario)
        }
        for run in range(runs):
            for scenario in scenarios:
                for name in names if run % 2 == 0 else reversed(names):
                    key = (name, scenario.name)
                    if key not in samples or key in self._given_up:
                        continue
                    sample = self._measure(name, scenario)
                    if sample is not None:
                        samples[key].append(sample)
        return {key: found for key, found in samples.items() if found}

    def _measure(self, name: str, scenario: Scenario) -> Sample | None:
        cores = Cores.shared() if scenario.all_cores else Cores.split()
        try:
            target = self._bench.gateways.target(name, scenario.setup)
            model = target.model(scenario)
            bodies = write_bodies(scenario, model, self._bench.folder / f"{name}-{scenario.name}")
            load = [process.pid for process in self._bench.upstream.processes]
            if target.process is not None:
                target.process.pin(cores.gateway)
                target.process.settle(_SETTLE_SECONDS)
            for process in self._bench.upstream.processes:
                process.pin(cores.load)
            beside = None
            if scenario.beside:
                other = scenario.background()
                folder = self._bench.folder / f"{name}-{other.name}"
                beside = Beside(other, write_bodies(other, target.model(other), folder))
            sample = measure(self._bench.tools, target, scenario, bodies, cores.load, load, beside)
        except (StartError, LoadError) as error:
            self._given_up.add((name, scenario.name))
            self._on_problem(name, f"{scenario.name}: {error}")
            return None
        self._on_sample(name, scenario, sample)
        return sample
