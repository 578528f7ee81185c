"""A task's verdicts fade as the arm's do, and never outweigh them."""

from __future__ import annotations

import pytest

from bandit import Settings
from proxy.learning.verdicts import Verdicts

NOW = 1_700_000_000.0
HALF_LIFE_S = Settings().quality.half_life_s


def test_verdicts_fade_and_are_their_own_tasks() -> None:
    verdicts = Verdicts()
    for _ in range(40):
        verdicts.add("a", "invoices", 1.0, NOW)
    assert verdicts.effective("a", "invoices", NOW + HALF_LIFE_S, 20.0) == pytest.approx(20.0)
    assert verdicts.effective("a", "poems", NOW, 40.0) == 0.0
    assert verdicts.effective("b", "invoices", NOW, 40.0) == 0.0


def test_what_a_change_cut_is_cut_of_every_task() -> None:
    verdicts = Verdicts()
    verdicts.add("a", "invoices", 30.0, NOW)
    verdicts.add("a", "poems", 10.0, NOW)
    assert verdicts.effective("a", "poems", NOW, 4.0) == pytest.approx(1.0)
    assert verdicts.effective("a", "poems", NOW, 90.0) == pytest.approx(10.0)  # the rest is other arms'


def test_years_do_not_overflow_and_a_verdict_can_be_taken_back() -> None:
    verdicts = Verdicts()
    for year in range(30):
        verdicts.add("a", "poems", 1.0, NOW + year * 3.2e7)
    now = NOW + 29 * 3.2e7
    before = verdicts.effective("a", "poems", now, 99.0)
    assert 1.0 < before < 1.5
    verdicts.add("a", "poems", -1.0, now)
    assert verdicts.effective("a", "poems", now, 99.0) == pytest.approx(before - 1.0)


def test_a_snapshot_goes_on_as_if_nothing_had_happened() -> None:
    verdicts, restored = Verdicts(), Verdicts()
    verdicts.add("a", "poems", 1.0, NOW)
    restored.restore(verdicts.snapshot())
    for each in (verdicts, restored):
        each.add("a", "poems", 1.0, NOW + HALF_LIFE_S)
    assert restored.snapshot() == verdicts.snapshot()
