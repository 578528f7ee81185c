"""Server-sent events, split from bytes: a line ends at LF, CR LF or CR and at nothing else.

Text line splitting would also cut at U+2028 or U+0085, which occur inside JSON strings.
"""

from __future__ import annotations

import re

from adapters.errors import ErrorKind, ProviderError

# A generated image comes as one event of some megabytes; a stream that never ends its event has to fail.
MAX_EVENT_BYTES = 32 * 1024 * 1024

# What comes in place of a stream is an error, and those are short.
MAX_STRAY_BYTES = 64 * 1024

_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")
_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_CR = 13

SseEvent = tuple[str, bytes]
"""(event name, "" when the stream gave none; data, lines joined by LF)."""


class SseSplitter:
    """Incremental: any splitting of the input returns the same events. Holds at most one event, and in `stray` the first
    lines that belong to no event.
    """

    __slots__ = ("_after_cr", "_data", "_fresh", "_limit", "_name", "_partial", "_size", "stray")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self.stray = b""
        self._limit = limit
        self._partial: list[bytes] = []
        self._data: list[bytes] = []
        self._name = ""
        self._size = 0
        self._after_cr = False
        self._fresh = True

    def feed(self, data: bytes) -> list[SseEvent]:
        """Returns the events that `data` completed. Raises ProviderError if one grows past the limit."""
        if not data:
            return []
        if self._after_cr and data[0] == 0x0A:
            data = data[1:]
            self._after_cr = False
            if not data:
                return []
        self._after_cr = data[-1] == 0x0D
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._size += len(data)
        if b"\n" not in data:
            self._partial.append(data)
            self._check()
            return []
        lines = data.split(b"\n")
        if self._partial:
            self._partial.append(lines[0])
            lines[0] = b"".join(self._partial)
        rest = lines.pop()
        self._partial = [rest] if rest else []
        events: list[SseEvent] = []
        for line in lines:
            self._line(line, events)
        if events:
            self._size = len(rest)
        self._check()
        return events

    def close(self) -> list[SseEvent]:
        """Ends the input: an event that lacks only its blank line still counts, as many servers omit it."""
        events: list[SseEvent] = []
        if self._partial:
            self._line(b"".join(self._partial), events)
            self._partial = []
        self._line(b"", events)
        return events

    def _line(self, line: bytes, events: list[SseEvent]) -> None:
        if self._fresh:
            self._fresh = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._data:
                events.append((self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data)))
                self._data = []
            self._name = ""
        elif line.startswith(b"data:"):
            self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line.startswith(b"event:"):
            self._name = line[6:].removeprefix(b" ").decode("utf-8", "replace")
        elif line == b"data":
            self._data.append(b"")
        elif len(self.stray) < MAX_STRAY_BYTES and not is_field(line):
            self.stray += line[:MAX_STRAY_BYTES] + b"\n"

    def _check(self) -> None:
        if self._size > self._limit:
            if not self._data and not self._partial:
                self._size = 0
                return
            raise ProviderError(
                ErrorKind.UPSTREAM, f"An event of the stream is larger than {self._limit} bytes."
            )


def event_end(data: bytes, at: int) -> int:
    """Returns the position after the blank line that ends the event which begins at `at`."""
    if _CR not in data:
        end = data.find(b"\n\n", at)
        return len(data) if end < 0 else end + 2
    match = _BOUNDARY.search(data, at)
    return len(data) if match is None else match.end()


def last_event_end(data: bytes | bytearray, start: int) -> int:
    """Returns the position after the last blank line that begins at or after `start`; 0 if there is none."""
    end = data.rfind(b"\n\n", start) + 1
    if _CR in data:
        crlf = data.rfind(b"\n\r\n", start)
        end = max(end, crlf + 2 if crlf >= 0 else 0, data.rfind(b"\r\r", start) + 1)
    return end + 1 if end else 0


def data_of(raw: bytes) -> bytes | None:
    """Returns the data of one raw event; None for a comment, and for what is no event."""
    if raw.startswith(b"data: ") and raw.find(b"\n", 6) >= len(raw) - 4:
        return raw[6:].rstrip()
    lines = [
        line[5:].removeprefix(b" ")
        for line in raw.replace(b"\r\n", b"\n")
        .replace(b"\r", b"\n")
        .removeprefix(b"\xef\xbb\xbf")
        .split(b"\n")
        if line.startswith(b"data:")
    ]
    return b"\n".join(lines).strip() if lines else None


def is_field(line: bytes) -> bool:
    """Returns whether a line is a field of an event, a comment, or the beginning of either."""
    return line.startswith(_FIELDS) or any(field.startswith(line) for field in _FIELDS)
