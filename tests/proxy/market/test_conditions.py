"""What the market does to recorded outcomes."""

from __future__ import annotations

import pytest

from proxy.market.catalogue import LETTERS, Catalogue
from proxy.market.conditions import Conditions, chosen_letter, cost_usd, is_right


def test_an_unchanged_arm_answers_as_recorded(catalogue: Catalogue) -> None:
    for question in catalogue.questions:
        for position, recorded in enumerate(question.outcomes):
            letter = chosen_letter(question, position, Conditions())
            assert (letter == question.key) == recorded.right
            assert letter in LETTERS


def test_a_collapse_keeps_its_fraction_of_right_answers_and_makes_none_right(catalogue: Catalogue) -> None:
    position = catalogue.positions["cedar/llama-3.1-70b"]
    before = sum(is_right(q, position, Conditions()) for q in catalogue.questions)
    after = sum(is_right(q, position, Conditions(kept_quality=0.1)) for q in catalogue.questions)
    assert after / before == pytest.approx(0.1, abs=0.03)
    assert not any(is_right(q, position, Conditions(kept_quality=0.0)) for q in catalogue.questions)


def test_cost_is_tokens_times_todays_price(catalogue: Catalogue) -> None:
    question, model = catalogue.questions[0], catalogue.models[0]
    list_price = cost_usd(model, question, 0, Conditions())
    tokens = question.input_tokens * 5.0 + question.outcomes[0].output_tokens * 15.0
    assert list_price == pytest.approx(tokens / 1e6)
    assert cost_usd(model, question, 0, Conditions(price_factor=5.0)) == pytest.approx(5.0 * list_price)
