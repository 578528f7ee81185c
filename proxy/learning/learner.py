"""The fold: journal rows in, bandit and statistics out. Nothing else ever changes what was learnt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from bandit import ArmPrior, Bandit, Fit, IntArray, Objective, journal_context, task_label
from proxy.learning.pace import Pace
from proxy.learning.statistics import NO_VERDICT, OURS, REFUSALS, Statistics, duration
from proxy.learning.timeline import Timeline
from state.background import in_background
from state.interface import Store
from state.records import ArmChange, ArmPrice, Decision, Event, Feedback, Label

log = logging.getLogger("meritorder.learner")

SNAPSHOT = "learner"
_STATISTICS = "statistics."
_PAGE = 256
"""Rows read at a time."""

_SLICE = 16
"""Rows learnt from before others may have their turn, some 500 µs."""

Arrays = dict[str, npt.NDArray[np.float64]]


class Learner:
    """Bandit and statistics as of journal row `seq`. `arm_changed` is called for arms that come and go, `price_changed`
    for prices that are set and taken back.
    """

    def __init__(self, prior_of: Callable[[str], ArmPrior | None]) -> None:
        self._prior_of = prior_of
        self.bandit = Bandit()
        self.statistics = Statistics()
        self.time = Timeline()
        self.seq = 0
        self._pace = Pace()
        self.arm_changed: Callable[[ArmChange], None] | None = None
        self.price_changed: Callable[[ArmPrice], None] | None = None
        self._learning = asyncio.Lock()  # held while rows are applied, and while what was learnt is copied

    def add_arms(self, names: Sequence[str]) -> None:
        """Adds arms to the bandit, in this order."""
        for name in names:
            self._arm(name)

    def apply(self, events: Sequence[Event]) -> None:
        """Applies committed rows, in order of `seq`, in one go."""
        for event in events:
            self._apply(event)
            if self.bandit.fit_due:
                self.bandit.apply_fit(_fitted(self.bandit))

    async def learn(self, events: Sequence[Event]) -> None:
        """Applies committed rows as `apply` does, but for those that were applied already. Fits run in a thread, and traffic
        goes on meanwhile and between slices of the rows.
        """
        async with self._learning:
            count = 0
            for event in events:
                if event.seq > self.seq:
                    self._apply(event)
                    await self._fit()
                    count += _SLICE if isinstance(event, Label) else 1  # as many observations as arms
                    if count >= _SLICE:
                        count = 0
                        await self._pace.turn()

    async def _fit(self) -> None:
        if self.bandit.fit_due:
            self.bandit.apply_fit(await in_background(partial(_fitted, self.bandit)))

    def _apply(self, event: Event) -> None:
        try:
            if isinstance(event, Decision):
                self._decided(event)
            elif isinstance(event, Feedback):
                self._judged(event)
            elif isinstance(event, Label):
                self._labelled(event)
            elif isinstance(event, ArmChange):
                self._changed(event)
            elif self.price_changed is not None:
                self.price_changed(event)
        except Exception:  # one row that can't be learnt from must not end all learning
            log.exception("row %d of the journal can't be learnt from; it is passed over", event.seq)
        self.seq = event.seq

    def _arm(self, name: str) -> int:
        try:
            return self.bandit.index(name)
        except KeyError:
            return self.bandit.add_arm(name, self._prior_of(name))

    def _decided(self, event: Decision) -> None:
        bandit = self.bandit
        now = self.time.row(event.seq, event.finished_at)
        for attempt in event.attempts:
            if attempt.get("error") in REFUSALS:
                continue  # of this request: it says nothing of whether the arm answers others
            bandit.observe_failure(self._arm(str(attempt["arm"])), now=now)
        output = event.output_tokens
        answered = event.status == "ok"
        token_s = None
        if answered and output and (seconds := duration(event)) is not None:
            token_s = seconds / output
        objective, candidates = self._target(event)
        bandit.observe_outcome(
            self._arm(event.arm),
            journal_context(event.context),
            task=event.task,
            output_tokens=output if answered else None,
            ttft_s=event.ttft_s,
            token_s=token_s,
            error=None if event.status in NO_VERDICT else not answered and event.status not in OURS,
            cost_usd=event.cost_usd,
            budget=event.route,
            now=now,
            objective=objective,
            candidates=candidates,
        )
        self.statistics.decided(event, now)

    def _target(self, event: Decision) -> tuple[Objective | None, IntArray | None]:
        """Returns the objective of a decision and its candidates, where it has targets to hold on average."""
        wanted = event.objective
        if wanted.get("max_usd_per_request") is None and wanted.get("min_quality") is None:
            return None, None
        candidates = np.array([self._arm(name) for name in event.arms], dtype=np.intp)
        return Objective(**wanted), candidates  # type: ignore[arg-type]

    def _judged(self, event: Feedback) -> None:
        now = self.time.row(event.seq, event.at)
        then, changed = now, False
        if event.metric == "quality" and event.context is not None:
            arm = self._arm(event.arm)
            x = journal_context(event.context)
            previous = event.previous
            if previous is not None:
                then = self.time.of(previous.seq, previous.at)
                self.bandit.retract_quality(arm, x, previous.value, at=then, weight=previous.weight)
            changed = self.bandit.observe_quality(arm, x, event.value, at=now, weight=event.weight)
        self.statistics.judged(event, at=now, replaced_at=then, changed=changed)

    def _labelled(self, event: Label) -> None:
        lengths = event.output_tokens
        judged = sorted(
            (self._arm(name), value, lengths.get(name, 0)) for name, value in event.qualities.items()
        )
        now = self.time.row(event.seq, event.at)
        self.bandit.observe_labels(
            journal_context(event.context),
            np.array([arm for arm, _, _ in judged]),
            np.array([value for _, value, _ in judged]),
            task=event.task,
            at=now,
            output_tokens=np.array([tokens for _, _, tokens in judged]),
        )
        for name in event.qualities:
            self.statistics.verdicts.add(name, task_label(event.task), 1.0, now)

    def _changed(self, event: ArmChange) -> None:
        if event.config is not None:
            prior = ArmPrior(**event.prior) if event.prior is not None else self._prior_of(event.name)  # type: ignore[arg-type]
            self.bandit.add_arm(event.name, prior)
        if self.arm_changed is not None:
            self.arm_changed(event)

    async def load(self, store: Store, arms: Sequence[str] = ()) -> None:
        """Restores the newest usable snapshot and applies the rows after it; `arms` are added before the first row."""
        for seq, meta, arrays in await store.load_snapshots(SNAPSHOT):
            try:
                self._restore(meta, arrays)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                log.warning("the snapshot at row %d can't be used (%r); trying an older one", seq, error)
                continue
            self.seq = seq
            break
        else:
            self.bandit, self.statistics, self.time = Bandit(), Statistics(), Timeline()
        self.add_arms(arms)
        restored = self.seq
        await self.catch_up(store)
        log.info("learnt rows up to %d from a snapshot and %d after it", restored, self.seq - restored)

    def _restore(self, meta: Mapping[str, Any], arrays: Arrays) -> None:
        bandit, statistics, timeline = Bandit(), Statistics(), Timeline()
        timeline.restore(meta["time"])
        bandit.restore(meta["bandit"], arrays)
        counted = {name.removeprefix(_STATISTICS): array for name, array in arrays.items()}
        statistics.restore(meta["statistics"], counted)
        self.bandit, self.statistics, self.time = bandit, statistics, timeline

    async def catch_up(self, store: Store, *, until: int | None = None) -> None:
        """Applies every committed row (up to `until`) that wasn't applied yet."""
        while until is None or self.seq < until:
            limit = _PAGE if until is None else min(_PAGE, until - self.seq)
            rows = await store.tail(self.seq, limit)
            await self.learn(rows)  # some of them may have been applied while they were read
            if len(rows) < limit:
                return

    async def save(self, store: Store) -> None:
        """Stores a snapshot as of now. What hundreds of arms have learnt takes 20 ms to copy: traffic goes on meanwhile."""
        async with self._learning:
            await self._fit()  # else the copy would make the fit that is due
            seq = self.seq
            meta, arrays = await in_background(self.bandit.snapshot)
            counts, counted = self.statistics.snapshot()
            timeline = self.time.snapshot()
        arrays = {**arrays, **{_STATISTICS + name: array for name, array in counted.items()}}
        meta = {"bandit": meta, "statistics": counts, "time": timeline}
        await store.save_snapshot(SNAPSHOT, seq, meta, arrays)


def _fitted(bandit: Bandit) -> Fit | None:
    try:
        return bandit.compute_fit()
    except Exception:  # neither may what they have in common end all learning
        log.exception("what arms have in common can't be fitted; it stays as it was")
        return None
