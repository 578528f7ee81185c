"""Ids of tool calls and names of tools in the letters that a vendor takes.

A name or id that the vendor takes stays as it is; any other becomes a function of itself, so that it is the same in
every turn and prompt caches hold.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from hashlib import blake2b

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MARK = 6
"""Characters of a shortened name that tell it from others with the same beginning: one in 57 billion."""

_OTHER = re.compile(r"[^a-zA-Z0-9_-]")


def digest(text: str, length: int) -> str:
    """Returns `length` letters and digits that follow from `text`."""
    number = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest(), "big")
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(digits)


def mapped_id(id: str, allowed: re.Pattern[str], length: int, taken: Collection[str]) -> str:
    """Returns `id` where the vendor takes it and no other has it, else letters and digits made of it."""
    if id not in taken and allowed.fullmatch(id):
        return id
    made = digest(id, length)
    turn = 1
    while made in taken:
        made = digest(f"{id}#{turn}", length)
        turn += 1
    return made


def mapped_name(name: str, allowed: re.Pattern[str], length: int, taken: Collection[str]) -> str:
    """Returns `name` where the vendor takes it, else what is left of it with a mark of its own."""
    if name not in taken and allowed.fullmatch(name):
        return name
    plain = _OTHER.sub("_", name)
    if not plain[:1].isalpha():
        plain = f"t{plain}"
    made = f"{plain[: length - _MARK - 1]}_{digest(name, _MARK)}"
    turn = 1
    while made in taken:
        made = f"{plain[: length - _MARK - 1]}_{digest(f'{name}#{turn}', _MARK)}"
        turn += 1
    return made
