"""Worlds whose whole stream differs: feedback, latency, prices, sessions, more arms."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from benchmarks.routing.shocks import reprice
from benchmarks.routing.table import Floats, Table
from benchmarks.routing.world import Ints, World

Edit = Callable[[World, np.random.Generator], None]

BAD_SEEN, GOOD_SEEN = 0.30, 0.06
"""Complaints: how often feedback comes on a bad (below 0.5) and on a good answer."""

_WAITING_PRICE = 0.01
"""Quality given for a second: a tenth for ten seconds."""

_PREFIX_TOKENS, _TURN_TOKENS, _CACHE_DISCOUNT = 1500, 400, 0.9
_ACTIVE_SESSIONS, _LEAVES = 50, 1.0 / 6.0


class MissingRecordingError(Exception):
    """A recording that the scenario composes with isn't beside the table."""


def feedback(rate: float = 1.0, delay: int = 0) -> Edit:
    """Returns an edit: feedback comes on that share of answers, so many rounds later."""

    def edit(world: World, rng: np.random.Generator) -> None:
        world.seen = rng.random(world.quality.shape) < rate
        world.delay = delay

    return edit


def complaints(world: World, rng: np.random.Generator) -> None:
    """Feedback comes mostly from those who were disappointed."""
    rate = np.where(world.quality < 0.5, BAD_SEEN, GOOD_SEEN)
    world.seen = rng.random(world.quality.shape) < rate
    world.biased = True


def unbiased(world: World, rng: np.random.Generator) -> None:
    """As much feedback as complaints would give on the best-quality arm, from anybody."""
    bad = float((world.quality[:, world.quality.mean(axis=0).argmax()] < 0.5).mean())
    world.seen = rng.random(world.quality.shape) < bad * BAD_SEEN + (1.0 - bad) * GOOD_SEEN


def at_least(fraction: float) -> Edit:
    """Returns an edit: the cheapest mix with this fraction of the best arm's quality is wanted."""

    def edit(world: World, rng: np.random.Generator) -> None:
        del rng
        world.goal.min_quality = fraction

    return edit


def recording(world: World, name: str) -> Path:
    """Returns a file beside the outcome table. Raises MissingRecordingError."""
    path = (world.table.folder or Path()).parent / name
    if not path.exists():
        raise MissingRecordingError(f"{name} isn't beside {world.table.name}")
    return path


def latency(world: World, rng: np.random.Generator) -> None:
    """Each arm gets one recorded deployment; each call one of its calls: time to first token, time per token
    times the answer's tokens, and whether it failed.
    """
    calls: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    with gzip.open(recording(world, "llmperf_latency/individual.csv.gz"), "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            failed = bool(row["error_code"])
            first, between = row["ttft_s"], row["inter_token_latency_s"]
            if failed or (first and between):
                calls[row["provider_model"]].append((float(first or 0), float(between or 0), failed))
    deployments = sorted(calls)
    shape = world.quality.shape
    world.seconds, world.ttft = np.zeros(shape), np.zeros(shape)
    for arm in range(shape[1]):
        recorded = np.array(calls[deployments[int(rng.integers(len(deployments)))]], dtype=np.float64)
        drawn = recorded[rng.integers(len(recorded), size=shape[0])]
        world.ttft[:, arm] = drawn[:, 0]
        world.seconds[:, arm] = drawn[:, 0] + drawn[:, 1] * world.tokens[:, arm]
        world.error[:, arm] = drawn[:, 2] > 0.0
    world.goal.waiting_price = _WAITING_PRICE


def market(world: World, rng: np.random.Generator) -> None:
    """Each arm follows the recorded price changes of one model, the history's span laid over the stream."""
    changes: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with recording(world, "price_history/genai_prices_events.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["event"] != "price":
                continue
            old, new = _sum(row, "old"), _sum(row, "new")
            if old > 0.0 and new > 0.0:
                when = datetime.fromisoformat(row["commit_date"]).timestamp()
                changes[f"{row['provider']}/{row['model']}"].append((when, new / old))
    times = [when for events in changes.values() for when, _ in events]
    start, span = min(times), max(times) - min(times)
    models = sorted(changes)
    for arm in range(world.quality.shape[1]):
        for when, factor in changes[models[int(rng.integers(len(models)))]]:
            reprice(world, arm, int((when - start) / span * (world.rounds - 1)), factor)


def _sum(row: dict[str, str], age: str) -> float:
    return float(row[f"{age}_in_mtok"] or 0.0) + float(row[f"{age}_out_mtok"] or 0.0)


def sessions(world: World, rng: np.random.Generator) -> None:
    """50 conversations at a time, six turns each on average, over a growing prefix of 1,500 tokens and more.
    The arm that served the last turn reads it at a tenth of the input price.
    """
    world.session, turns = _conversations(world.rounds, rng)
    tokens = (_PREFIX_TOKENS + _TURN_TOKENS * turns)[:, None]
    prefix = tokens * world.table.input_usd
    world.cost = world.cost + prefix
    world.fixed_usd = world.fixed_usd + prefix
    world.prefix_usd = np.where(turns[:, None] > 0, _CACHE_DISCOUNT * prefix, 0.0)
    world.goal.reference *= float(world.cost.mean() / (world.cost - prefix).mean())


def episodes(world: World, rng: np.random.Generator) -> None:
    """The same conversations without their prefix; each is judged once, as a whole."""
    world.session, _ = _conversations(world.rounds, rng)
    world.episodes = True


def _conversations(rounds: int, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Returns of each round which conversation it belongs to, and how many turns that had before."""
    numbers = np.zeros(rounds, dtype=np.intp)
    turns = np.zeros(rounds)
    active = list(range(_ACTIVE_SESSIONS))
    turn = [0] * _ACTIVE_SESSIONS
    fresh = _ACTIVE_SESSIONS
    for t in range(rounds):
        place = int(rng.integers(_ACTIVE_SESSIONS))
        numbers[t], turns[t] = active[place], turn[place]
        turn[place] += 1
        if rng.random() < _LEAVES:
            active[place], turn[place], fresh = fresh, 0, fresh + 1
    return numbers, turns


def grown_to(count: int) -> Callable[[Table, np.random.Generator], Table]:
    """Returns a function that adds derived arms: each takes, query by query, the answer of one of two recorded
    arms in a proportion of its own, at a price of its own (log-normal factor, sd 0.5).
    """

    def grow(table: Table, rng: np.random.Generator) -> Table:
        k, more = len(table.arms), max(0, count - len(table.arms))
        first, second = rng.integers(k, size=more), rng.integers(k, size=more)
        share, factor = rng.random(more), np.exp(0.5 * rng.standard_normal(more))
        take = rng.random((len(table.prompts), more)) < share

        def mixed(array: Floats) -> Floats:
            return np.concatenate([array, np.where(take, array[:, first], array[:, second])], axis=1)

        def priced(price: Floats) -> Floats:
            return np.concatenate([price, factor * (share * price[first] + (1 - share) * price[second])])

        grown = replace(
            table,
            arms=(*table.arms, *(f"derived{place}" for place in range(more))),
            quality=mixed(table.quality),
            input_tokens=mixed(table.input_tokens),
            output_tokens=mixed(table.output_tokens),
            input_usd=priced(table.input_usd),
            output_usd=priced(table.output_usd),
        )
        cost = grown.input_tokens * grown.input_usd + grown.output_tokens * grown.output_usd
        cost[:, :k] = table.cost
        return replace(grown, cost=cost)

    return grow
