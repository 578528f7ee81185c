"""Counts that a bill can be made of, whatever was reported: what is missing is estimated, what contradicts is cut."""

from __future__ import annotations

from adapters.canonical import Usage

BYTES_PER_TOKEN = 4
"""Of English text and of code in common vocabularies; other scripts take about as many bytes a token."""


MOST_HIDDEN_TOKENS = 1_000_000
"""More tokens than any model spends on thoughts that it doesn't show."""


def size_of(text: str) -> int:
    """Returns the bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def settle(usage: Usage, input_tokens: int, said: int) -> None:
    """Makes the counts of an answer whole, in place. `input_tokens` is the estimate for the request, `said` how many
    bytes of content the answer had. A count of zero is believed only of what had none.
    """
    if usage.estimated or usage.seconds is not None or usage.characters is not None:
        return
    if not usage.input:
        usage.input = input_tokens
        usage.estimated = True
    if not usage.output or usage.output > said + MOST_HIDDEN_TOKENS:
        usage.output = -(-said // BYTES_PER_TOKEN)
        usage.estimated = usage.estimated or said > 0
    if usage.cached is not None:
        usage.cached = min(usage.cached, usage.input)
    if usage.cache_write is not None:
        usage.cache_write = min(usage.cache_write, usage.input - (usage.cached or 0))
    if usage.input_audio is not None:
        usage.input_audio = min(usage.input_audio, usage.input)
    if usage.reasoning is not None and usage.reasoning > MOST_HIDDEN_TOKENS:
        usage.reasoning = min(
            usage.reasoning, usage.output
        )  # some count it beside the output, but not so much
    if usage.output_audio is not None:
        usage.output_audio = min(usage.output_audio, usage.output)
