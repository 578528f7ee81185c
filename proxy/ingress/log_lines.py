r"""Log lines that only the gateway can begin.

What a provider or a client says is part of a line and never one of its own: line breaks, what a terminal obeys, and
what turns the direction of writing come out escaped (`\n`, `\x1b`, `\u202e`). Traces keep their lines, indented.
"""

from __future__ import annotations

import logging
import re

LINE_CHARS = 4000
"""Of a message, which quotes at most a few hundred characters of anybody."""

TRACE_CHARS = 16_000

_INDENT = "    "
_UNPRINTED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_LETTERS = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def escaped(text: str) -> str:
    """Returns a text in one line that a terminal only shows."""
    return _UNPRINTED.sub(_escape, text)


def start_log(level: int | str, worker: int | None = None) -> None:
    """Sends the log to the standard error output, if nobody did before."""
    who = "" if worker is None else f" worker {worker}"
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(f"%(asctime)s %(levelname)s{who} %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


class LineFormatter(logging.Formatter):
    """One line for each record, and its trace below it."""

    def format(self, record: logging.LogRecord) -> str:
        record.message = _cut(escaped(record.getMessage()), LINE_CHARS)
        record.asctime = self.formatTime(record, self.datefmt)
        lines = [self.formatMessage(record)]
        trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
        for block in (trace, record.stack_info):
            if block:
                lines += [_INDENT + escaped(line) for line in _cut(block, TRACE_CHARS).split("\n")]
        return "\n".join(lines)


def _escape(match: re.Match[str]) -> str:
    letter = match[0]
    code = ord(letter)
    return _LETTERS.get(letter) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return f"{text[: longest * 3 // 4]} … {text[-longest // 4 :]}"
