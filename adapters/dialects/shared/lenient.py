"""Reading an upstream's JSON leniently: a value of the wrong type counts as absent.

Whatever a provider sends for a name, a count or a cost, the record holds a text, a number that can be added up, or
nothing.
"""

from __future__ import annotations

MOST_TOKENS = 20_000_000
"""Twice the largest context window there is, for what a server's own tools add in their rounds."""

LONGEST_NAME = 256
"""Characters of ids and models, as many as the id of an answer may have in feedback."""

MOST_USD = 1e6
LATEST = 2**40


def word(value: object) -> str | None:
    """Returns a name that isn't empty: of at most 256 characters, with U+FFFD in place of unprintable characters."""
    if not isinstance(value, str) or not value:
        return None
    if len(value) <= LONGEST_NAME and value.isprintable():
        return value
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in value[:LONGEST_NAME])


def count(value: object) -> int | None:
    """Returns a token count of at most 20 million; what is below zero or a fraction is none."""
    if type(value) is float and 0.0 <= value <= MOST_TOKENS and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def moment(value: object) -> int | None:
    """Returns epoch seconds."""
    return value if type(value) is int and 0 <= value <= LATEST else None


def first(*values: object) -> int | None:
    """Returns the first count that was reported; an explicit zero is one."""
    for value in values:
        if value is not None and (number := count(value)) is not None:
            return number
    return None


def dollars(value: object) -> float | None:
    """Returns a cost from 0 to a million dollars."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_USD:
        return float(value)
    return None
