"""A mutation: one place of the source, what stands there, what is put in its place, and which tests should notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class StaleMutationError(Exception):
    """The text that a mutation replaces isn't in its file exactly once: the code has moved on."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """`before` stands once in `path` and becomes `after`; `tests` are folders or files that run first, quickest first.

    `survives` explains why no test can or should notice; empty where one must.
    """

    name: str
    path: str
    before: str
    after: str
    tests: tuple[str, ...]
    survives: str = ""

    def apply(self, root: Path) -> None:
        """Changes the file below `root`. Raises StaleMutationError."""
        file = root / self.path
        text = file.read_text(encoding="utf-8")
        if text.count(self.before) != 1:
            raise StaleMutationError(
                f"{self.name}: {self.path} has {text.count(self.before)} times {self.before!r}"
            )
        file.write_text(text.replace(self.before, self.after), encoding="utf-8")
