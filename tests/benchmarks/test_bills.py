"""The benchmark of bills: nothing unexplained, nothing wrong, both ledgers equal; and it notices what is wrong."""

from __future__ import annotations

import pytest

from adapters.billing.price_list import price_of
from adapters.billing.pricing import Price
from benchmarks.bills import catalogue, day, pages
from benchmarks.bills.ledger import Used, bill

AT = 1_796_000_000.0  # November 2026


def test_our_cost_of_the_whole_catalogue_is_its_own_or_explained() -> None:
    result = catalogue.compare(AT)
    assert result.unexplained == []
    assert result.models > 2000
    assert set(result.explained) == {
        "another entry of the list answers to the name",
        "fees that the list lacks (adapters/billing/price_additions.py)",
        "sound that the list lacks (adapters/billing/price_additions.py)",
        "the list refuses the usage: Missing usage for input_document_pages",
        "writes for an hour that the list prices as shorter ones",
    }


def test_a_wrong_price_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def dearer(provider: str | None, model: str, at: float) -> Price | None:
        price = price_of(provider, model, at)
        return price and price.at_least(price.input * 1.01, price.output)

    monkeypatch.setattr(catalogue, "price_of", dearer)
    assert len(catalogue.compare(AT).unexplained) > 1000
    assert pages.check(AT, dearer)["wrong"] or pages.check(AT, dearer)["moved"]


def test_the_examples_of_vendors_come_out_right() -> None:
    found = pages.check(AT)
    assert found["wrong"] == []
    assert len(found["right"]) + len(found["moved"]) == len(pages.EXAMPLES)


async def test_a_small_day_is_booked_as_the_other_ledger_does() -> None:
    booked = await day.simulate(60, seed=1)
    assert booked.apart == []
    assert booked.unmarked == 0
    assert abs(booked.ours - booked.theirs) < day.MOST_APART


def test_the_other_ledger_reckons_as_pages_do() -> None:
    assert bill("opus", Used(1000, 1000, fast=True, in_us=True)) == pytest.approx(1.1 * 2 * 0.03)
    assert bill("flash", Used(0, 0, searches=3)) == 0.035
    assert bill("answers", Used(0, 0, searches=3, files=1, containers=1)) == pytest.approx(0.0625)
