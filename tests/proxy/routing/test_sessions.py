"""Sessions: the last turn, whether its prompt is still cached at the provider, and a bounded memory."""

from __future__ import annotations

import pytest

from proxy.routing import sessions
from proxy.routing.sessions import CACHE_S, LEAST_CACHED, Sessions, Turn


@pytest.fixture
def known() -> Sessions:
    known = Sessions()
    known.ended("k", "s", "a", 1000.0, 5000)
    return known


def test_the_last_turn_is_the_one_that_ended_last(known: Sessions) -> None:
    assert known.last("k", "s") == Turn("a", 1000.0, 5000)
    known.ended("k", "s", "b", 1001.0, 6000)
    assert known.last("k", "s") == Turn("b", 1001.0, 6000)


def test_a_session_never_met_has_no_turn(known: Sessions) -> None:
    assert known.last("k", "t") is None
    assert known.warm("k", "t", 1000.0) is None


@pytest.mark.parametrize(("later", "warm"), [(0.0, True), (CACHE_S, True), (CACHE_S + 0.1, False)])
def test_a_prompt_is_warm_for_as_long_as_providers_keep_it(
    known: Sessions, later: float, *, warm: bool
) -> None:
    assert (known.warm("k", "s", 1000.0 + later) is not None) is warm


@pytest.mark.parametrize(("tokens", "warm"), [(LEAST_CACHED - 1, False), (LEAST_CACHED, True)])
def test_a_short_prompt_is_never_cached(tokens: int, *, warm: bool) -> None:
    known = Sessions()
    known.ended("k", "s", "a", 1000.0, tokens)
    assert (known.warm("k", "s", 1000.0) is not None) is warm


def test_a_cold_session_still_names_its_arm(known: Sessions) -> None:
    assert known.warm("k", "s", 1e9) is None
    assert known.last("k", "s") is not None


def test_the_longest_unused_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_MOST", 3)
    known = Sessions()
    for name in ("a", "b", "c", "a", "d"):
        known.ended("k", name, "arm", 1.0, 1)
    assert [name for name in "abcd" if known.last("k", name) is not None] == ["a", "c", "d"]
