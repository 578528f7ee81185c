"""Which vendor a reasoning signature belongs to.

A signature, encrypted reasoning or redacted data is of use only to the vendor that made it, and the next turn
of a conversation may go to another. So decoders put the vendor's name before it, clients carry the whole
string as opaque as ever, and the encoder of a request sends only its own vendor's, without the name. On the
vendor's own wire nothing of this shows.
"""

from __future__ import annotations

ANTHROPIC = "anthropic"
GEMINI = "gemini"
OPENAI = "openai"

_VENDORS = frozenset({ANTHROPIC, GEMINI, OPENAI})


def tagged(vendor: str, wire: str | None) -> str | None:
    """Returns the canonical form of `wire` as read in `vendor`'s dialect; a tag of another vendor stays."""
    if not wire:
        return None
    head, colon, _ = wire.partition(":")
    return wire if colon and head in _VENDORS else f"{vendor}:{wire}"


def on_wire(vendor: str, signature: str) -> str:
    """Returns what a client of `vendor`'s dialect sees: its own bare, those of others with their tag."""
    return signature.removeprefix(f"{vendor}:")


def own(vendor: str, signature: str | None) -> str | None:
    """Returns the bare signature if `vendor` made it, else None. An untagged one counts as the vendor's own:
    it came through a dialect that has no signatures of its own.
    """
    if not signature:
        return None
    head, colon, rest = signature.partition(":")
    if not colon or head not in _VENDORS:
        return signature
    return rest if head == vendor else None
