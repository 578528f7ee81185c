"""Keeps the gateway's own secrets out of all that leaves it, by value rather than by what a secret looks like.

What providers repeat in an error passes `Mask` once, where the call ends; so do the lines of the log. Successful
answers are not searched.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
from collections import deque
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from adapters.errors import ProviderError, redact

SHORTEST = 8
"""Characters of a secret that is masked. Shorter ones, such as `test` or `EMPTY`, are words of every other message."""

_SHORTEST_REST = 6
"""Characters of a secret that a cut text may end with."""

_PASSING = 8
"""Of secrets that are made anew every hour, so many are remembered."""

MASKED = "***"


class Mask:
    """Replaces every secret that was added, in each of its usual spellings."""

    def __init__(self) -> None:
        self._lasting: set[str] = set()
        self._passing: deque[str] = deque(maxlen=_PASSING)
        self._pattern: re.Pattern[str] | None = None
        self._beginnings: tuple[str, ...] = ()

    def add(self, *secrets: str | None) -> None:
        """Adds secrets."""
        new = {secret for secret in secrets if secret is not None and len(secret) >= SHORTEST} - self._lasting
        if new:
            self._lasting |= new
            self._compile()

    def add_passing(self, secret: str) -> None:
        """Adds a secret that others will replace."""
        if len(secret) >= SHORTEST and secret not in self._passing:
            self._passing.append(secret)
            self._compile()

    def _compile(self) -> None:
        secrets = self._lasting.union(self._passing)
        forms = {form for secret in secrets for form in _spellings(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
        self._beginnings = tuple(sorted(secrets))

    def text(self, text: str) -> str:
        """Returns `text` without the secrets; the same object where there are none."""
        if self._pattern is None:
            return text
        masked = self._pattern.sub(MASKED, text)
        end = masked.rstrip("…")
        if end != masked:  # it was cut, maybe within a secret
            for secret in self._beginnings:
                for size in range(min(len(secret) - 1, len(end)), _SHORTEST_REST - 1, -1):
                    if end.endswith(secret[:size]):
                        return end[:-size] + MASKED + "…"
        return masked

    def body(self, data: bytes) -> bytes:
        """Returns bytes of text without the secrets."""
        if self._pattern is None:
            return data
        text = data.decode("utf-8", "surrogateescape")
        masked = self.text(text)
        return data if masked == text else masked.encode("utf-8", "surrogateescape")

    def error(self, error: ProviderError) -> ProviderError:
        """Masks an error in place, and returns it."""
        error.message = self.text(error.message)
        if error.code is not None:
            error.code = self.text(error.code)
        return error


class MaskedLog(logging.Filter):
    """Masks log lines, the traces below them too; for handlers, since a logger's filter misses its children's lines."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        masked = self._mask.text(message)
        if masked != message:
            record.msg, record.args = masked, None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._mask.text(record.exc_text)
        if record.stack_info:
            record.stack_info = self._mask.text(record.stack_info)
        return True


def mask_log(mask: Mask) -> None:
    """Puts the mask on every handler of the root logger."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(MaskedLog(mask))


def _spellings(secret: str) -> Iterator[str]:
    """Yields what a secret looks like: as it is, in JSON, HTML and URLs, in base64, and after `redact`."""
    raw = secret.encode()
    plain = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        repr(secret)[1:-1],
        html.escape(secret),
        html.escape(secret).replace("/", "&#x2F;"),
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        "".join(f"%{byte:02x}" for byte in raw),
        raw.hex(),
    }
    yield from plain
    # What was masked by its looks in part must not show the other part.
    yield from (
        form for form in map(redact, plain) if len(form) >= SHORTEST and form not in plain and form != MASKED
    )
    # Within longer text (`user:secret`), base64 has three forms, by where in a group of three bytes it starts.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        start = -(-offset * 8 // 6)
        end = (offset + len(raw)) * 8 // 6
        inner = encoded[start:end]
        if len(inner) >= SHORTEST:
            yield inner
            yield inner.translate(str.maketrans("+/", "-_"))
