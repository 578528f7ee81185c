"""Names that agents have for models."""

from __future__ import annotations

import pytest

from proxy.routing.model_names import fitting_route, plain_name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-haiku-4-5-20251001[1m]", "claude-haiku-4-5"),
        ("auto[1m]", "auto"),
        ("gpt-4o-20240806", "gpt-4o-20240806"),
        ("claude-2", "claude-2"),
    ],
)
def test_what_agents_add_to_a_name_is_taken_off(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_the_longest_pattern_that_fits_is_the_route() -> None:
    routes = ["auto", "claude-*", "claude-haiku-*", "*"]
    assert fitting_route("claude-haiku-4-5-20251001", routes) == "claude-haiku-*"
    assert fitting_route("claude-opus-4-8[1m]", routes) == "claude-*"
    assert fitting_route("gpt-5.5", routes) == "*"
    assert fitting_route("gpt-5.5", routes[:-1]) is None
