"""`meritorder evaluate`: what another policy or objective would have got on journalled traffic."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from bandit import PRESETS, Objective, Quote, journal_context
from bandit.evaluation.off_policy import ALPHA, PLANNED, CannotEvaluateError, Evaluation, Log
from bandit.evaluation.off_policy import evaluate as estimate
from proxy.learning.learner import Learner
from state.interface import Store, StoreError
from state.records import Decision, Event, Feedback
from state.sqlite.store import SqliteStore

_PAGE = 1000
_UNKNOWN_USD_PER_TOKEN = 1e-6
_METRICS = ("quality", "cost", "utility")


@dataclass(frozen=True, slots=True)
class EvaluationQuestion:
    """Exactly one of `fixed` (an arm), `objective` and `policy` ("uniform" or "logged") is set.

    `scored_by` is the objective whose utility is the reward, for the metric "utility". The intervals are
    narrowest at `planned` rows.
    """

    metric: str
    fixed: str | None = None
    objective: Objective | None = None
    policy: str | None = None
    since: float = 0.0
    scored_by: Objective = PRESETS["balanced"]
    planned: int = PLANNED


@dataclass(frozen=True, slots=True)
class EvaluationAnswer:
    """`rows` of the journal carry the metric, out of `of` in the time asked about."""

    evaluation: Evaluation
    of: int


async def answer(store: Store, question: EvaluationQuestion) -> EvaluationAnswer:
    """Replays the journal in order: the target sees at each row what had been learnt before it.

    Raises CannotEvaluateError if the log can't support the question.
    """
    replay = _Replay(question)
    after = 0
    while events := await store.tail(after, _PAGE):
        for event in events:
            replay.take(event)
        after = events[-1].seq
    return replay.answer()


class _Replay:
    def __init__(self, question: EvaluationQuestion) -> None:
        self._question = question
        self._learner = Learner(lambda _: None)
        self._rows: list[tuple[Decision, np.ndarray]] = []
        self._values: dict[str, float] = {}
        self._spent: dict[str, list[float]] = {}

    def take(self, event: Event) -> None:
        if isinstance(event, Feedback):
            if event.metric == "quality":
                self._values[event.id] = event.value
        elif isinstance(event, Decision) and event.at >= self._question.since:
            self._rows.append((event, self._target(event)))
        if self._question.objective is not None:
            self._learner.apply([event])
        if isinstance(event, Decision) and event.cost_usd is not None and event.output_tokens:
            spent = self._spent.setdefault(event.arm, [0.0, 0.0])
            spent[0] += event.cost_usd
            spent[1] += event.output_tokens

    def _target(self, row: Decision) -> np.ndarray:
        """Returns the target's probabilities over the row's candidates; all zero where its arm is none."""
        question, count = self._question, len(row.arms)
        if question.fixed is not None:
            return np.array([float(arm == question.fixed) for arm in row.arms])
        if question.objective is None:
            if question.policy == "logged":
                return row.probabilities.astype(np.float64)
            return np.full(count, 1.0 / count)
        bandit = self._learner.bandit
        self._learner.add_arms(row.arms)
        # Prices aren't in the journal: what an arm's answers cost per token so far stands for them.
        price = np.array([self._price(arm) for arm in row.arms])
        decision = bandit.decide(
            journal_context(row.context),
            np.array([bandit.index(arm) for arm in row.arms], dtype=np.intp),
            Quote(np.zeros(count), price),
            question.objective,
            max_tokens=None,
            now=self._learner.time.now(row.at),
            uniform=0.0,
        )
        return decision.probabilities

    def _price(self, arm: str) -> float:
        cost, tokens = self._spent.get(arm, (0.0, 0.0))
        return cost / tokens if tokens else _UNKNOWN_USD_PER_TOKEN

    def _reward(self, row: Decision) -> float | None:
        metric, quality = self._question.metric, self._values.get(row.id)
        if metric == "quality":
            return quality
        if metric == "cost":
            return row.cost_usd
        if quality is None or row.cost_usd is None:
            return None
        objective = self._question.scored_by
        end = row.finished_at if objective.whole_answer else row.at + (row.ttft_s or 0.0)
        seconds = max(0.0, end - row.at)
        return objective.value_usd * quality - row.cost_usd - objective.second_usd * seconds

    def answer(self) -> EvaluationAnswer:
        kept = [
            (row, target, reward) for row, target in self._rows if (reward := self._reward(row)) is not None
        ]
        if not kept:
            raise CannotEvaluateError(f"none of {len(self._rows)} decisions carries the metric")
        names = {arm for row, _, _ in kept for arm in row.arms} | {row.arm for row, _, _ in kept}
        if self._question.fixed is not None:
            names.add(self._question.fixed)
        place = {name: column for column, name in enumerate(sorted(names))}
        logged, wanted = np.zeros((len(kept), len(place))), np.zeros((len(kept), len(place)))
        for number, (row, target, _) in enumerate(kept):
            columns = [place[arm] for arm in row.arms]
            logged[number, columns] = row.probabilities
            # A fallback answered instead of the drawn arm: the draw's propensity isn't this answer's.
            if row.attempts:
                logged[number, place[row.arm]] = row.propensity
            if target.sum() > 0.0:
                wanted[number, columns] = target / target.sum()
            else:
                wanted[number, place[self._question.fixed or row.arm]] = 1.0
        log = Log(
            logged,
            np.array([place[row.arm] for row, _, _ in kept], dtype=np.intp),
            np.array([reward for _, _, reward in kept]),
            np.array([journal_context(row.context) for row, _, _ in kept]),
        )
        return EvaluationAnswer(estimate(log, wanted, ALPHA, self._question.planned), len(self._rows))


def objective_from(text: str) -> Objective:
    """Reads a preset's name or a JSON object. Raises click.BadParameter."""
    if text in PRESETS:
        return PRESETS[text]
    try:
        return Objective(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise click.BadParameter(
            f"{text!r} is neither one of {', '.join(PRESETS)} nor an objective as JSON ({error})"
        ) from None


@click.command()
@click.option("--db", default="meritorder.db", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fixed", metavar="ARM", help="What if all traffic had gone to this arm?")
@click.option("--objective", metavar="NAME|JSON", help="What if decisions had been made for this objective?")
@click.option("--policy", type=click.Choice(["uniform", "logged"]), help="A policy that needs no learning.")
@click.option("--metric", default="quality", show_default=True, type=click.Choice(_METRICS))
@click.option("--days", "--since", "days", type=click.FloatRange(min=0), help="Only the last so many days.")
@click.option(
    "--planned",
    default=PLANNED,
    show_default=True,
    type=click.IntRange(min=1),
    help="Rows at which the intervals are narrowest; the same at every look, whatever was seen.",
)
@click.option("--json", "as_json", is_flag=True)
def evaluate(
    db: Path,
    fixed: str | None,
    objective: str | None,
    policy: str | None,
    metric: str,
    days: float | None,
    planned: int,
    as_json: bool,
) -> None:
    """Estimate from the journal what another policy would have got, with intervals, or say why it can't be."""
    if sum(choice is not None for choice in (fixed, objective, policy)) != 1:
        raise click.UsageError("give exactly one of --fixed, --objective and --policy")
    aim = None if objective is None else objective_from(objective)
    question = EvaluationQuestion(
        metric=metric,
        fixed=fixed,
        objective=aim,
        policy=policy,
        since=0.0 if days is None else time.time() - 86400.0 * days,
        scored_by=aim or PRESETS["balanced"],
        planned=planned,
    )
    try:
        answer = asyncio.run(_ask(db, question))
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    except CannotEvaluateError as error:
        if as_json:
            click.echo(json.dumps({"metric": metric, "refused": str(error)}))
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps({"metric": metric, "decisions": answer.of, **asdict(answer.evaluation)}))
        return
    _show(fixed or objective or policy or "", metric, planned, answer)


async def _ask(db: Path, question: EvaluationQuestion) -> EvaluationAnswer:
    store = await SqliteStore.read(db)
    try:
        return await answer(store, question)
    finally:
        await store.close()


def _show(target: str, metric: str, planned: int, answer: EvaluationAnswer) -> None:
    evaluation = answer.evaluation
    table = Table(
        title=f"{metric} per request if decided by {target}",
        caption=f"{evaluation.rows} of {answer.of} decisions carry it, worth "
        f"{evaluation.effective_samples:.0f} of the target's own; 95 % intervals, "
        f"at any time unless for one look, narrowest at {planned} rows",
    )
    for heading in ("estimator", "value", "low", "high"):
        table.add_column(heading, justify="left" if heading == "estimator" else "right")
    rows: Sequence[tuple[str, str]] = (
        ("what was logged", "logged"),
        ("doubly robust", "dr"),
        ("doubly robust, one look", "dr_once"),
        ("SNIPS", "snips"),
        ("IPS", "ips"),
    )
    for label, name in rows:
        interval = getattr(evaluation, name)
        table.add_row(label, *(f"{value:.6g}" for value in (interval.value, interval.low, interval.high)))
    Console().print(table)
