"""What the replayed providers say, the same in every dialect: a test asks for a plot as the model's name."""

from __future__ import annotations

TEXT = ("Bonjour", ", monde. ☀")
JSON_TEXT = ('{"city":', '"Oslo"}')
THOUGHT = ("The user greets", " in French.")
SIGNATURE = "c2lnbmVkIGJ5IHRoZSBtb2RlbA=="
TOOL = "get_weather"
CALL_ID = "call_7Fq2"
ARGUMENTS = ('{"city": ', '"Oslo", "days": 2}')

INPUT, CACHED, OUTPUT = 20, 8, 6
"""Tokens, by OpenAI's convention: the cached ones are part of the input."""

PLOTS = ("text", "json", "tool", "think")


def pieces(plot: str) -> tuple[str, ...]:
    """Returns the text of a plot, as it is streamed."""
    return {"json": JSON_TEXT, "tool": ()}.get(plot, TEXT)
