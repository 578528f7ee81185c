"""Requests with a recording, `multipart/form-data`: where their fields stand, and how long the recording is."""

from __future__ import annotations

import re

_FIELD = re.compile(rb'content-disposition:[^\r\n]*[; ]name="?(\w+)"?', re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary="?([^";]{1,70})"?', re.IGNORECASE)
_LONGEST_S = 1e6

_USUAL_BYTES_PER_S = 16_000
"""Of compressed speech, 128 kbit/s: an estimate of how long a recording is that doesn't say so."""


class Form:
    """A form as it came; of its fields only the positions are known, so that nothing is copied."""

    def __init__(self, raw: bytes, content_type: str) -> None:
        """Raises ValueError where `content_type` names no boundary."""
        boundary = _BOUNDARY.search(content_type)
        if boundary is None:
            raise ValueError("The body must be multipart/form-data with a boundary.")
        self.raw = raw
        self.content_type = content_type.encode("utf-8", "surrogateescape")
        self._fields = _positions(raw, boundary[1].encode("utf-8", "surrogateescape"))

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __getitem__(self, name: str) -> bytes:
        """Returns a field's value, nothing where it is missing."""
        start, end = self._fields.get(name, (0, 0))
        return self.raw[start:end]

    def with_model(self, model: str) -> bytes:
        """Returns the form with another model."""
        start, end = self._fields["model"]
        return b"%s%s%s" % (self.raw[:start], model.encode(), self.raw[end:])

    @property
    def seconds(self) -> float:
        """How long the recording in `file` lasts: from the head of a WAVE file, else by its size."""
        start, end = self._fields["file"]
        head = self.raw[start : start + 64]
        rate = 0
        if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt ":
            rate = int.from_bytes(head[28:32], "little")
        return min((end - start) / (rate or _USUAL_BYTES_PER_S), _LONGEST_S)


def _positions(raw: bytes, boundary: bytes) -> dict[str, tuple[int, int]]:
    """Returns where the value of each field begins and ends."""
    fields: dict[str, tuple[int, int]] = {}
    mark = b"--" + boundary
    at = raw.find(mark)
    while at >= 0:
        head_end = raw.find(b"\r\n\r\n", at)
        following = raw.find(b"\r\n" + mark, at + len(mark))
        if head_end < 0 or following < 0:
            break
        name = _FIELD.search(raw, at, head_end)
        if name is not None and head_end + 4 <= following:
            fields[name[1].decode()] = (head_end + 4, following)
        at = following + 2
    return fields
