"""Samples to records: the median over the runs, with the lowest and the highest beside it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.gateway.gateways import BARE, DIRECT
from benchmarks.gateway.measure import Sample
from benchmarks.gateway.scenarios import SCENARIOS, Scenario


@dataclass(frozen=True)
class Record:
    """One figure. `value` is the median of `runs` runs, `low` and `high` their range."""

    gateway: str
    scenario: str
    metric: str
    value: float
    low: float
    high: float
    runs: int

    @property
    def spread(self) -> float:
        """Half the range, as a fraction of the median."""
        return (self.high - self.low) / 2 / abs(self.value) if self.value else 0.0


def metrics(scenario: Scenario, sample: Sample, direct: Sample | None) -> dict[str, float]:
    """Returns what one run says, by metric; `added_*` only beside a direct run.

    cpu_us_per_*: µs of CPU; *_per_s: 1/s; *_ms: ms; rss_mb: 1e6 bytes; load_cores: cores that the mock and
    the load client kept busy (near the number of theirs: they, not the gateway, bound the throughput).
    """
    found: dict[str, float] = {
        "failures": sample.failed,
        "stalled": sample.stalled,
        "rss_mb": sample.rss / 1e6,
        "gateway_cores": sample.cpu / sample.seconds,
        "load_cores": sample.load_cpu / sample.seconds,
        "requests_per_s": sample.requests / sample.seconds,
    }
    if scenario.beside:
        found["beside_per_s"] = sample.beside / (scenario.warm_up + sample.seconds)
        timings = {"forward": sample.forward}
    elif scenario.streamed:
        found["chunks_per_s"] = sample.chunks / sample.seconds
        if sample.chunks:
            found["cpu_us_per_chunk"] = sample.cpu / sample.chunks * 1e6
        timings = {"ttft": sample.ttft, "forward": sample.forward}
    else:
        if sample.requests:
            found["cpu_us_per_request"] = sample.cpu / sample.requests * 1e6
        timings = {"latency": sample.latency}
    for name, timing in timings.items():
        if not timing["count"]:
            continue
        for percentile in ("p50", "p99", "p999", "max") if scenario.beside else ("p50", "p99"):
            found[f"{name}_{percentile}_ms"] = timing[percentile]
            base: Mapping[str, float] = getattr(direct, name) if direct else {}
            if base.get("count"):
                found[f"added_{name}_{percentile}_ms"] = timing[percentile] - base[percentile]
    return found


def records(samples: Mapping[tuple[str, str], Sequence[Sample]]) -> Iterator[Record]:
    """Yields the records of all samples, which are keyed by (gateway, scenario) in order of their runs."""
    for (gateway, name), runs in samples.items():
        direct: Sequence[Sample | None] = samples.get((DIRECT, name), ())
        if gateway == DIRECT or len(direct) < len(runs):
            direct = [None] * len(runs)
        per_run = [metrics(SCENARIOS[name], sample, base) for sample, base in zip(runs, direct, strict=False)]
        for metric in per_run[0]:
            values = [run[metric] for run in per_run if metric in run]
            yield Record(
                gateway, name, metric, statistics.median(values), min(values), max(values), len(values)
            )


def write_records(found: Sequence[Record], path: Path) -> None:
    text = json.dumps([asdict(record) for record in found], indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def read_records(path: Path) -> list[Record]:
    return [Record(**record) for record in json.loads(path.read_text(encoding="utf-8"))]


class Table:
    """Records by gateway, scenario and metric."""

    def __init__(self, found: Sequence[Record]) -> None:
        self._found = {(record.gateway, record.scenario, record.metric): record for record in found}
        self.scenarios = list(dict.fromkeys(record.scenario for record in found))

    def gateways(self, scenario: str) -> list[str]:
        return list(dict.fromkeys(gateway for gateway, name, _ in self._found if name == scenario))

    def get(self, gateway: str, scenario: str, metric: str) -> Record | None:
        return self._found.get((gateway, scenario, metric))

    def of(self, gateway: str, scenario: str) -> list[Record]:
        """Returns all records of a gateway in a scenario."""
        return [record for key, record in self._found.items() if key[:2] == (gateway, scenario)]

    def ratio(self, gateway: str, scenario: str, metric: str) -> float | None:
        """Returns the metric's median over the bare proxy's, or None where one of them is missing."""
        own, bare = self.get(gateway, scenario, metric), self.get(BARE, scenario, metric)
        return own.value / bare.value if own and bare and bare.value else None

    def valid(self, gateway: str, scenario: str) -> bool:
        """False where any run had a failed or cut answer: then no figure of it counts."""
        failures = self.get(gateway, scenario, "failures")
        return failures is not None and failures.high == 0
