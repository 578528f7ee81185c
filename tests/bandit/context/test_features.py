import re
from pathlib import Path

import numpy as np
import pytest

from bandit import RequestFacts, journal_context
from bandit.context import topics as read_module
from bandit.context.features import (
    DIMENSION,
    FIRST_STATISTIC,
    FIRST_TOPIC,
    KINDS,
    context_vector,
    kind_of,
    with_task,
)
from bandit.context.topic_words import WORDS
from bandit.context.topics import TOPICS


def facts(text: str) -> RequestFacts:
    return RequestFacts("auto", None, "", text, len(text), 1, False, False, False, None)


def topics(text: str) -> dict[str, float]:
    x = context_vector(facts(text), None)
    return {name: x[FIRST_TOPIC + n] for n, name in enumerate(TOPICS) if x[FIRST_TOPIC + n]}


def test_a_text_is_about_what_its_words_speak_for() -> None:
    weights = topics("The defendant breached the CONTRACT, so the court awarded damages to the plaintiff.")
    assert max(weights, key=weights.__getitem__) == "law"
    assert sum(weights.values()) < 1.0


def test_inflections_and_the_last_word_count_and_a_repeated_word_counts_once() -> None:
    once = topics("enzymes")
    assert once["biology"] > 0.2
    assert topics("Enzyme enzymes enzyme-enzymes!") == once
    assert topics("enzymes mitochondria") != once


def listed(text: str) -> dict[str, float]:
    """Returns what the list alone says: twice its half, the trained table being empty."""
    text = " ".join(text.split())
    assert not trained(text)
    return {name: 2.0 * value for name, value in topics(text).items()}


def trained(text: str) -> dict[str, float]:
    """Returns the probabilities of the trained table, step by step in numpy."""
    path = Path(read_module.__file__).with_name("topic_weights.npz")
    with np.load(path) as arrays:
        table = dict(arrays)
    place = {stem.decode(): number for number, stem in enumerate(table["stems"])}
    stems = {word[:6] for word in re.findall("[a-z]+", text[:2000].lower())}
    rows = [place[stem] for stem in stems if stem in place]
    if not rows:
        return {}
    weights = table["weights"][rows].astype("f8") * float(table["step"])
    scores = (
        weights.sum(axis=0) / np.sqrt((table["rarity"][rows].astype("f8") ** 2).sum()) + table["intercepts"]
    )
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    return {name: share for name, share in zip(table["topics"], shares, strict=True) if share > 0.02}


# Stems that the list has and the trained table has not, so that the list is seen alone.
def test_a_stem_of_several_topics_is_shared_among_them() -> None:
    assert listed("algae") == {"biology": pytest.approx(0.5)}  # 1² / (1 + 1²)
    assert listed("algae gamete")["biology"] == pytest.approx(0.8)  # 2² / (1 + 2²)
    assert listed("beam") == {name: pytest.approx(0.25 / 1.5) for name in ("physics", "engineering")}


@pytest.mark.parametrize(
    "text",
    [
        "A defendant was charged with larceny. Is the testimony of the witness admissible?",
        "What is the boiling point of a solution of sodium chloride, and is the reaction exothermic?\n" * 3,
        "The unemployment rate rose while the central bank lowered its interest rates, so that "
        + "x " * 1200,
    ],
)
def test_the_trained_table_is_read_as_it_was_trained(text: str) -> None:
    weights, alone = topics(text), trained(text)
    assert alone
    for name in TOPICS[len(WORDS) :]:  # of these the list knows nothing
        assert weights.get(name, 0.0) == pytest.approx(0.5 * alone.get(name, 0.0), rel=1e-4)
    for name, share in alone.items():
        assert 0.5 * share - 1e-6 <= weights[name] <= 0.5 * share + 0.5


def test_the_two_views_count_half_each() -> None:
    text = "Who was elected president after the senate vote, and how did foreign policy change?"
    assert trained(text)["politics"] > 0.5
    assert topics(text)["politics"] == pytest.approx(0.5 * trained(text)["politics"], rel=1e-4)
    assert sum(topics(text).values()) <= 1.0


def test_a_text_of_unknown_words_is_about_nothing() -> None:
    for text in ("", "xyzzy", "1234 + 5678", "日本語のテキスト"):
        assert topics(text) == {}
        assert kind_of(context_vector(facts(text), None)) == KINDS - 1


def test_a_task_comes_before_any_topic() -> None:
    text = "enzymes mitochondria chloroplast"
    assert kind_of(context_vector(facts(text), 7)) == 7
    assert kind_of(context_vector(facts(text), None)) == FIRST_TOPIC - 1 + TOPICS.index("biology")


def test_shares_of_characters_are_told_apart_and_capped() -> None:
    digits, maths, code, foreign, lines = context_vector(facts("a1=(é\n" + "b" * 14), None)[
        FIRST_STATISTIC + 6 :
    ]
    assert (digits, maths, code) == pytest.approx((5 / 21, 10 / 21, 10 / 21), rel=1e-6)
    assert (foreign, lines) == pytest.approx((4 / 21, 10 / 21), rel=1e-6)
    assert context_vector(facts("1111"), None)[FIRST_STATISTIC + 6] == 1.0


def test_values_are_what_the_journal_keeps() -> None:
    x = context_vector(facts("How many apples does she buy in 17 hours?"), None)
    assert (x == x.astype("f4").astype("f8")).all()


def test_the_wording_counts_half_where_the_kind_of_work_is_known() -> None:
    text = "Find the integral of x^2 between 0 and 3, and the plaintiff's damages.\n"
    facts = RequestFacts(
        route="auto", task=None, system="", text=text, characters=len(text), turns=1, has_tools=True,
        has_images=False, has_schema=False, max_tokens=None,
    )  # fmt: skip
    unknown, declared = context_vector(facts, None), context_vector(facts, 3)
    assert np.count_nonzero(unknown[FIRST_TOPIC:]) > 5
    np.testing.assert_allclose(declared[FIRST_TOPIC:], 0.5 * unknown[FIRST_TOPIC:])
    assert (declared[0], declared[4]) == (1.0, 1.0)


@pytest.mark.parametrize("text", ["", "Solve 3x + 4 = 10 for x.", "def f():\n    return 1\n" * 9, "é" * 30])
def test_a_task_that_is_told_later_makes_the_context_it_would_have_made(text: str) -> None:
    assert np.array_equal(with_task(context_vector(facts(text), None), 3), context_vector(facts(text), 3))


def test_a_context_written_before_topics_were_added_is_filled_up_with_zeros() -> None:
    x = context_vector(facts("Find the integral of x^2 between 0 and 3; the plaintiff's damages."), None)
    added = FIRST_TOPIC + len(WORDS)
    x[added:FIRST_STATISTIC] = 0.0
    old = np.delete(x, range(added, FIRST_STATISTIC)).astype("f4")
    assert journal_context(old).tolist() == x.tolist()
    assert journal_context(x.astype("f4")).tolist() == x.tolist()
    assert journal_context(old).dtype == np.float64
    with pytest.raises(ValueError, match=f"a context of {DIMENSION + 1}, not {DIMENSION}"):
        journal_context(np.zeros(DIMENSION + 1, dtype=np.float32))
