"""What agents call models: names with the size of a window or a date, which a route may take by a pattern."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

LONG_CONTEXT = "[1m]"
"""Ends the names that Claude Code has for models with a window of a million tokens."""

_DATE = re.compile(r"-20\d{6}$")


def plain_name(model: str) -> str:
    """Returns a model's name without what agents add to it: the size of the window, and Anthropic's dates."""
    plain = model.removesuffix(LONG_CONTEXT)
    return _DATE.sub("", plain) if plain.startswith("claude") else plain


def fitting_route(name: str, routes: Iterable[str]) -> str | None:
    """Returns the longest name of a route that is a pattern, with a `*`, and that `name` fits."""
    plain = plain_name(name)
    fitting = [
        route
        for route in routes
        if "*" in route and (fnmatch.fnmatchcase(name, route) or fnmatch.fnmatchcase(plain, route))
    ]
    return max(fitting, key=len, default=None)
