import numpy as np
import pytest

from bandit import RequestFacts
from bandit.features import (
    FIRST_STATISTIC,
    FIRST_TOPIC,
    KINDS,
    context_vector,
    kind_of,
)
from bandit.topics import TOPICS


def facts(text: str) -> RequestFacts:
    return RequestFacts("auto", None, "", text, len(text), 1, False, False, False, False, None)


def topics(text: str) -> dict[str, float]:
    x = context_vector(facts(text), None)
    return {name: x[FIRST_TOPIC + n] for n, name in enumerate(TOPICS) if x[FIRST_TOPIC + n]}


def test_a_text_is_about_what_its_words_speak_for() -> None:
    found = topics("The defendant breached the CONTRACT, so the court awarded damages to the plaintiff.")
    assert max(found, key=found.__getitem__) == "law"
    assert sum(found.values()) < 1.0


def test_inflections_and_the_last_word_count_and_a_repeated_word_counts_once() -> None:
    once = topics("enzymes")
    assert once == {"biology": pytest.approx(0.5)}  # 1² / (1 + 1²)
    assert topics("Enzyme enzymes enzyme-enzymes!") == once
    assert topics("enzymes mitochondria")["biology"] == pytest.approx(0.8)  # 2² / (1 + 2²)


def test_a_stem_of_several_topics_is_shared_among_them() -> None:
    found = topics("photon")
    assert len(found) == 1
    shared = topics("equilibrium")
    assert set(shared) == {"chemistry", "economics"}
    assert shared["chemistry"] == pytest.approx(0.25 / 1.5)


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
        has_images=False, has_schema=False, stream=True, max_tokens=None,
    )  # fmt: skip
    unknown, known = context_vector(facts, None), context_vector(facts, 3)
    assert np.count_nonzero(unknown[FIRST_TOPIC:]) > 5
    np.testing.assert_allclose(known[FIRST_TOPIC:], 0.5 * unknown[FIRST_TOPIC:])
    assert (known[0], known[4]) == (1.0, 1.0)
