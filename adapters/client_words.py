"""Failures in the words that clients of each API look for: what a prompt that is too long, a limit, an empty purse and a
filter are called there. Agents shorten their conversation when they read them, and wait or give up otherwise.

Sources: OpenAI's error codes and the codes that Codex reads of `response.failed`; Anthropic's "prompt is too long: N tokens > M
maximum", which Claude Code looks for; Google's "The input token count (N) exceeds the maximum number of tokens allowed (M).".
"""

from __future__ import annotations

import re

from adapters.errors import ErrorKind

OPENAI_CODES = {
    ErrorKind.CONTEXT_LENGTH: "context_length_exceeded",
    ErrorKind.RATE_LIMIT: "rate_limit_exceeded",
    ErrorKind.QUOTA: "insufficient_quota",
    ErrorKind.CONTENT_FILTER: "content_filter",
    ErrorKind.NOT_FOUND: "model_not_found",
}
"""`error.code`, where OpenAI has a word for it that clients act on."""

_NUMBER = re.compile(r"(?<![\w.-])\d{1,3}(?:,\d{3})+\b|(?<![\w.-])\d{3,9}\b")


def overflow_of(message: str) -> tuple[int | None, int | None]:
    """Returns (tokens of the prompt, tokens that there is room for) as far as a message tells them."""
    numbers = sorted({int(digits.replace(",", "")) for digits in _NUMBER.findall(message)})
    if not numbers:
        return None, None
    if len(numbers) == 1:
        return None, numbers[0]
    return numbers[-1], numbers[-2]


def anthropic_message(kind: ErrorKind, message: str) -> str:
    """Returns a message as Anthropic's clients read it."""
    if kind is ErrorKind.CONTEXT_LENGTH:
        return anthropic_overflow(message)
    if kind is ErrorKind.CONTENT_FILTER and "content filtering policy" not in message:
        return f"Output blocked by content filtering policy: {message}"
    return message


def anthropic_overflow(message: str) -> str:
    """Returns Anthropic's words for a prompt that is too long, with the counts where they are known."""
    if message.startswith("prompt is too long"):
        return message
    asked, most = overflow_of(message)
    if asked is None or most is None:
        return f"prompt is too long: {message}"
    return f"prompt is too long: {asked} tokens > {most} maximum"


def google_message(kind: ErrorKind, message: str) -> str:
    """Returns a message as Google's clients read it."""
    asked, most = overflow_of(message)
    if kind is not ErrorKind.CONTEXT_LENGTH or asked is None or most is None:
        return message
    return f"The input token count ({asked}) exceeds the maximum number of tokens allowed ({most})."
