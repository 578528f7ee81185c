"""Runs of a grid of scenarios, prices, policies and seeds, in one process or several."""

from __future__ import annotations

import functools
import warnings
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.routing.coverage import ROWS, coverage
from benchmarks.routing.metrics import interval, read
from benchmarks.routing.policies.catalogue import OURS, POLICIES
from benchmarks.routing.replay import Trace, replay
from benchmarks.routing.scenarios import SCENARIOS
from benchmarks.routing.streams import MissingRecordingError
from benchmarks.routing.table import Table, load_table
from benchmarks.routing.world import World


@dataclass(frozen=True, slots=True)
class Job:
    """One scenario at one λ with one seed; its policies see the same world."""

    directory: str
    scenario: str
    lam: float
    seed: int
    policies: tuple[str, ...]
    rounds: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """One measured number: mean over seeds and its 95 % interval."""

    dataset: str
    scenario: str
    policy: str
    lam: float
    metric: str
    value: float
    low: float
    high: float
    seeds: int

    def row(self) -> dict[str, object]:
        """Returns the record with λ under its whole name."""
        values = asdict(self)
        return {("lambda" if key == "lam" else key): value for key, value in values.items()}


Measured = tuple[Job, dict[str, dict[str, float]]]


@functools.lru_cache(maxsize=4)
def table_at(directory: str) -> Table:
    return load_table(Path(directory))


def play(job: Job, policy: str) -> tuple[World, Trace]:
    """Runs one policy; the same arguments always give the same trace."""
    world = SCENARIOS[job.scenario].world(table_at(job.directory), job.lam, job.seed, job.rounds)
    own = np.random.default_rng([job.seed, zlib.crc32(policy.encode())])
    return world, replay(world, POLICIES[policy](world, own), np.random.default_rng([job.seed, 2]))


def run_job(job: Job) -> dict[str, dict[str, float]]:
    """Returns the metrics of every policy of the job."""
    family = SCENARIOS[job.scenario].family
    if family == "evaluation":
        found = coverage(table_at(job.directory), job.seed, job.rounds or ROWS)
        return {OURS: found} if OURS in job.policies else {}
    try:
        return {policy: read(*play(job, policy), family) for policy in job.policies}
    except MissingRecordingError as missing:
        warnings.warn(f"{job.scenario} is left out: {missing}", stacklevel=2)
        return {}


def run_all(jobs: Sequence[Job], processes: int) -> Iterator[Measured]:
    """Yields each job with its metrics as it ends."""
    if processes <= 1:
        for job in jobs:
            yield job, run_job(job)
        return
    with ProcessPoolExecutor(processes) as pool:
        futures = {pool.submit(run_job, job): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()


def summarise(measured: Sequence[Measured]) -> list[Record]:
    """Returns one record per dataset, scenario, λ, policy and metric."""
    values: dict[tuple[str, str, str, float, str], list[float]] = defaultdict(list)
    for job, found in measured:
        for policy, metrics in found.items():
            for metric, value in metrics.items():
                key = (Path(job.directory).name, job.scenario, policy, job.lam, metric)
                values[key].append(value)
    return [Record(*key, *interval(found), len(found)) for key, found in values.items()]
