"""Pictures: cumulative utility, cost against quality with the hull of static mixes, recovery after shocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from benchmarks.routing.metrics import hull
from benchmarks.routing.policies.catalogue import OURS, usual
from benchmarks.routing.runs import Job, play
from benchmarks.routing.scenarios import SCENARIOS

mpl.use("Agg")

from matplotlib import pyplot as plt

_DRAWN = (OURS, "random", "linucb", "lints", "d-linucb", "vw-squarecb", "paretobandit", "litellm-like")
_WINDOW = 100
_BEFORE, _AFTER = 200, 1500


def draw(
    tables: Sequence[Path], folder: Path, rounds: int | None, policies: Sequence[str], seed: int = 0
) -> None:
    """Writes PNG files of one seed of every table to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        names = [name for name in _DRAWN if not policies or name in policies]
        _cumulative(table, names, folder, rounds, seed)
        for scenario in ("collapse", "price-x5", "new-best-arm", "outage"):
            allowed = usual(SCENARIOS[scenario])
            _recovery(table, scenario, [name for name in names if name in allowed], folder, rounds, seed)
        _frontier(table, names, folder, rounds, seed)


def _job(table: Path, scenario: str, lam: float, seed: int, rounds: int | None) -> Job:
    return Job(str(table), scenario, lam, seed, (), rounds)


def _cumulative(table: Path, names: Sequence[str], folder: Path, rounds: int | None, seed: int) -> None:
    figure, axes = plt.subplots(figsize=(7, 4))
    for name in names:
        world, trace = play(_job(table, "stationary", 0.1, seed, rounds), name)
        rewards = world.rewards()
        single = rewards[:, rewards.mean(axis=0).argmax()]
        axes.plot(np.cumsum(trace.reward - single), label=name, linewidth=2 if name == OURS else 1)
    axes.axhline(0.0, color="black", linewidth=0.5)
    axes.set(xlabel="round", ylabel="utility above the best single arm", title=f"{table.name}, cold, λ = 0.1")
    _save(figure, axes, folder / f"{table.name}-cumulative.png")


def _recovery(
    table: Path, scenario: str, names: Sequence[str], folder: Path, rounds: int | None, seed: int
) -> None:
    figure, axes = plt.subplots(figsize=(7, 4))
    for name in names:
        world, trace = play(_job(table, scenario, 0.1, seed, rounds), name)
        assert world.shock is not None
        smooth = np.convolve(trace.reward, np.full(_WINDOW, 1.0 / _WINDOW), mode="valid")
        places = np.arange(smooth.shape[0]) + _WINDOW - world.shock
        shown = (places >= -_BEFORE) & (places <= _AFTER)
        axes.plot(places[shown], smooth[shown], label=name, linewidth=2 if name == OURS else 1)
    axes.axvline(0.0, color="black", linewidth=0.5)
    axes.set(
        xlabel="rounds after the shock",
        ylabel=f"reward, mean of {_WINDOW}",
        title=f"{table.name}: {scenario}",
    )
    _save(figure, axes, folder / f"{table.name}-{scenario}.png")


def _frontier(table: Path, names: Sequence[str], folder: Path, rounds: int | None, seed: int) -> None:
    figure, axes = plt.subplots(figsize=(7, 4))
    for name in names:
        points = []
        for lam in SCENARIOS["stationary"].lambdas:
            world, trace = play(_job(table, "stationary", lam, seed, rounds), name)
            points.append((trace.cost.mean(), trace.quality.mean()))
        axes.plot(
            *zip(*points, strict=True), "o-", label=name, linewidth=2 if name == OURS else 1, markersize=3
        )
    corners = hull(world.cost.mean(axis=0), world.quality.mean(axis=0))
    # Straight on a linear axis; the axis here is logarithmic.
    spent = np.geomspace(corners[0][0], corners[-1][0], 200)
    mixed = np.interp(spent, [c for c, _ in corners], [q for _, q in corners])
    axes.plot(spent, mixed, "k--", label="best static mix", linewidth=1)
    axes.plot(world.cost.mean(axis=0), world.quality.mean(axis=0), "k+", markersize=5)
    axes.set(
        xscale="log", xlabel="US dollars a request", ylabel="quality", title=f"{table.name}: λ = 0, 0.1, 0.5"
    )
    _save(figure, axes, folder / f"{table.name}-cost-quality.png")


def _save(figure: plt.Figure, axes: plt.Axes, path: Path) -> None:
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)
