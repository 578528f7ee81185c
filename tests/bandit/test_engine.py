import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit import DIMENSION, ArmPrior, Bandit, Objective, Quote, RequestFacts, Settings
from tests.bandit.conftest import answered, facts, free

NOW = 1.7e9
PLAIN = Objective(value_usd=0.05, second_usd=0.0)
TEXTS = ("Solve the equation x^2 = 4", "The court heard the defendant", "Write a python function", "Hello")
TARGETS = Objective(value_usd=0.05, second_usd=0.001, max_usd_per_request=0.001, min_quality=0.9)


def decide(bandit: Bandit, text: str = "Hello", objective: Objective = PLAIN, quote: Quote | None = None):
    arms = np.arange(len(bandit.arms))
    return bandit.decide(
        bandit.context(facts(text)).x, arms, quote or free(len(arms)), objective,
        max_tokens=None, now=NOW, uniform=0.5, budget="route",
    )  # fmt: skip


def label(bandit: Bandit, query: RequestFacts, values: dict[int, float], at: float) -> None:
    context = bandit.bare_context(query)
    arms, judged = np.array(list(values)), np.array(list(values.values()), dtype=float)
    bandit.observe_labels(context.x, arms, judged, task=context.task, at=at)


def step(bandit: Bandit, number: int, kind: int, arm: int, value: float) -> None:
    context = bandit.context(facts(TEXTS[number % 4], task=("sql" if number % 3 == 0 else None)))
    now = NOW + 100.0 * number
    if kind == 0:
        answered(bandit, arm, context, now, cost_usd=0.002, budget="route", objective=TARGETS)
    elif kind == 1:
        bandit.observe_failure(arm, now=now)
    elif kind == 2:
        bandit.observe_quality(arm, context.x, value, at=now)
    elif kind == 3:
        labelled = facts(TEXTS[number % 4], task=("sql" if number % 3 == 0 else None))
        label(bandit, labelled, {arm: value, (arm + 1) % 3: 0.5}, at=now)
    else:
        bandit.observe_quality(arm, context.x, value, at=now)
        bandit.retract_quality(arm, context.x, value, at=now)


def state(bandit: Bandit) -> tuple[str, dict[str, np.ndarray]]:
    meta, arrays = bandit.snapshot()
    return json.dumps(meta, sort_keys=True), arrays


steps = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 2), st.sampled_from([0.0, 0.3, 1.0])), min_size=1, max_size=60
)


@settings(max_examples=25, deadline=None)
@given(steps, st.integers(0, 59))
def test_state_hangs_on_the_observations_only(moves: list, cut: int) -> None:
    """Decisions in between, and a snapshot restored anywhere, change nothing."""
    plain, busy = Bandit(), Bandit()
    for bandit in (plain, busy):
        for name in "abc":
            bandit.add_arm(name, ArmPrior(model="m" if name < "c" else "", usd_per_mtok=1.0))
    for number, move in enumerate(moves):
        step(plain, number, *move)
        decide(busy, TEXTS[number % 4], TARGETS)
        busy.context(facts("never seen", task=f"new{number}"))
        step(busy, number, *move)
        if number == cut:
            meta, arrays = busy.snapshot()
            busy = Bandit()
            busy.restore(json.loads(json.dumps(meta)), arrays)
    one, other = plain.snapshot(), busy.snapshot()
    assert one[0]["tasks"] == other[0]["tasks"]
    for name, array in one[1].items():
        assert array == pytest.approx(other[1][name], abs=1e-9), name
    left, right = decide(plain, TEXTS[0], TARGETS), decide(busy, TEXTS[0], TARGETS)
    assert left.probabilities == pytest.approx(right.probabilities, abs=1e-9)


def test_deciding_writes_nothing(three: Bandit) -> None:
    step(three, 0, 2, 1, 1.0)
    before = state(three)
    decide(three)
    three.context(facts("x", task="new"))
    three.quality_estimate(0, NOW + 1e6)
    after = state(three)
    assert before[0] == after[0]
    assert all((before[1][name] == after[1][name]).all() for name in before[1])


def test_a_context_survives_the_journal_bit_by_bit(three: Bandit) -> None:
    x = three.context(facts("Find the integral of x^2, please: naïve café 12345")).x
    assert x.shape == (DIMENSION,)
    assert (x == x.astype(np.float32).astype(np.float64)).all()


def test_the_better_arm_is_drawn_and_a_price_acts_on_the_next_decision(three: Bandit) -> None:
    context = three.context(facts("Hello"))
    for number in range(200):
        for arm, quality in enumerate((0.2, 0.9, 0.8)):
            three.observe_quality(arm, context.x, quality, at=NOW + number)
    assert decide(three).probabilities[1] > 0.95
    dearer = Quote(np.array([0.0, 0.02, 0.0]), np.zeros(3))
    assert decide(three, quote=dearer).probabilities[2] > 0.95


def test_draws_go_where_they_inform_but_stay_thompsons_while_labels_are_trusted(three: Bandit) -> None:
    context = three.context(facts("Hello"))
    labelled = Bandit()
    for name in three.arms:
        labelled.add_arm(name, ArmPrior(quality=0.5))
    for _ in range(10_000):
        answered(three, 0, context, NOW)
    for number in range(60):
        for arm, count in ((0, 60), (1, 6), (2, 6)):
            if number < count:
                three.observe_quality(arm, context.x, number % 2, at=NOW + number)
                label(labelled, facts("Hello"), {arm: number % 2}, at=NOW + number)
    # Two arms of which little is known: an information-directed draw takes one of them nearly always.
    assert np.sort(decide(three).probabilities)[-2:].sum() > 0.93
    assert decide(labelled).probabilities.min() > 0.1


def test_draws_keep_closer_to_the_mean_while_labels_inform() -> None:
    vectors = []
    for factor in (0.25, 0.5, 1.0):
        bandit = Bandit(Settings(informed_broad=factor))
        for name in "ab":
            bandit.add_arm(name, ArmPrior(quality=0.5))
        for number in range(40):
            label(bandit, facts("Hello"), {0: number % 2, 1: 1.0 - number % 4 // 3}, at=NOW)
        vectors.append(decide(bandit).probabilities[1])
    assert vectors == sorted(vectors, reverse=True)
    assert vectors[0] > vectors[2] + 0.01


def test_labels_of_a_declared_task_are_learnt_as_that_tasks(three: Bandit) -> None:
    for _ in range(60):
        for task, best in (("sql", 1), ("poems", 2)):
            label(three, facts("Do it.", task=task), {0: 0.5, 1: 0.1, 2: 0.1, best: 0.9}, at=NOW)
    three.fit_if_due()
    assert three.tasks() == ["sql", "poems"]
    for task, best in (("sql", 1), ("poems", 2)):
        x = three.context(facts("Do it.", task=task)).x
        assert three._learners.quality.posteriors.means(x).argmax() == best


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_the_more_answers_are_judged_the_fewer_draws_are_directed(weight: float) -> None:
    own = Settings()
    directed = own.directed + weight * (own.directed_judged - own.directed)
    vectors = []
    for settings_ in (own, replace(own, directed=directed, directed_judged=directed)):
        bandit = Bandit(settings_)
        for name in "abc":
            bandit.add_arm(name, ArmPrior(quality=0.5))
        context = bandit.context(facts("Hello"))
        for number in range(40):
            answered(bandit, 0, context, NOW)
            bandit.observe_quality(number % 3, context.x, number % 2, at=NOW + number, weight=weight)
        bandit.observe_quality(0, context.x, 1.0, at=NOW + 40.0)
        bandit.retract_quality(0, context.x, 1.0, at=NOW + 40.0)
        for number in range(9):  # labels judge no answer
            label(bandit, facts("Hello"), {number % 2: 0.5}, at=NOW + 40.0)
        vectors.append(decide(bandit).probabilities)
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-12)


def test_every_arm_keeps_a_propensity(three: Bandit) -> None:
    context = three.context(facts("Hello"))
    for number in range(300):
        three.observe_quality(1, context.x, 1.0, at=NOW + number)
        three.observe_quality(0, context.x, 0.0, at=NOW + number)
    decision = decide(three)
    assert decision.probabilities.min() >= Settings().floor_total / 3 * (1.0 - 1e-6)
    assert decision.probabilities.sum() == pytest.approx(1.0)
    assert decision.propensity == decision.probabilities[decision.chosen]


def test_slots_are_given_out_by_the_fold_not_by_the_context(three: Bandit) -> None:
    new = three.context(facts("Hello", task="triage"))
    assert three.tasks() == []
    answered(three, 0, new, NOW)
    assert three.tasks() == ["triage"]
    assert three.context(facts("Hello", task="triage")).x[1] == 1.0


def test_an_undeclared_prompt_is_recognised_by_its_words(three: Bandit) -> None:
    text = "The plaintiff sued the defendant for breach of contract; will the court award damages?"
    assert three.context(facts(text)).task == "topic:law"
    assert three.context(facts("zzz")).task == "auto"


def test_an_outage_takes_the_arm_out_of_the_draw(three: Bandit) -> None:
    context = three.context(facts("Hello"))
    for number in range(50):
        for arm, quality in enumerate((0.5, 0.9, 0.8)):
            three.observe_quality(arm, context.x, quality, at=NOW + number)
    for number in range(10):
        three.observe_failure(1, now=NOW + 50 + number)
    assert decide(three).probabilities[2] > 0.9


def broken_snapshots() -> list:
    def bad(change):
        def apply(meta: dict, arrays: dict) -> None:
            change(meta, arrays)

        return apply

    return [
        bad(lambda m, a: m.update(version=0)),
        bad(lambda m, a: m.pop("tasks")),
        bad(lambda m, a: m.update(arms=["a"])),
        bad(
            lambda m, a: m.update(
                budgets={"x": {"money": float("nan"), "quality": 0, "levels": [], "seen": 0}}
            )
        ),
        bad(lambda m, a: a.pop("quality.sums")),
        bad(lambda m, a: a["quality.sums"].__setitem__((0, 0), np.nan)),
        bad(lambda m, a: a["tokens.sum"].__setitem__((0, 0), np.inf)),
        bad(lambda m, a: a.update({"errors.calls": np.zeros(1)})),
        bad(lambda m, a: a.update({"contexts": np.zeros((3, 2))})),
    ]


@pytest.mark.parametrize("spoil", broken_snapshots())
def test_a_bad_snapshot_is_refused_and_leaves_the_bandit_as_it_was(three: Bandit, spoil) -> None:
    step(three, 0, 2, 1, 1.0)
    before = state(three)
    meta, arrays = three.snapshot()
    spoil(meta, arrays)
    with pytest.raises(ValueError):
        three.restore(meta, arrays)
    assert state(three)[0] == before[0]


def test_feedback_counts_and_estimates_by_task(three: Bandit) -> None:
    context = three.context(facts("Hello", task="sql"))
    answered(three, 1, context, NOW)
    context = three.context(facts("Hello", task="sql"))
    for number in range(40):
        answered(three, 1, context, NOW + number)
        three.observe_quality(1, context.x, 0.9, at=NOW + number)
    assert three.feedback_count(1) == three.feedback_count(1, "sql") == 40
    estimate = three.quality_estimate(1, NOW + 40, "sql")
    assert estimate.low < estimate.mean < estimate.high
    assert estimate.mean == pytest.approx(0.9, abs=0.05)


def test_feedback_that_was_asked_for_at_random_is_not_corrected_for_who_gives_it(three: Bandit) -> None:
    """Of bad answers nine in ten are heard, of good ones one in ten."""
    for number in range(600):
        arm = number % 3
        good = number // 3 % 4 <= arm
        context = three.context(facts())
        answered(three, arm, context, NOW + number)
        if number // 12 % 10 == 0 if good else number // 12 % 10 > 0:
            three.observe_quality(arm, context.x, float(good), at=NOW + number)
    weights = {source: three.feedback_weight(0.0, source=source) for source in ("audit", "user", "complaint")}
    assert weights["audit"] == 1.0
    assert weights["user"] != 1.0
    assert weights["complaint"] < 1.0
