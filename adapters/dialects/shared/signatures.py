"""Which vendor a reasoning signature belongs to.

A signature, encrypted reasoning or redacted data is of use only to the vendor that made it, and the next turn
of a conversation may go to another. So decoders put the vendor's name before it, clients carry the whole
string as opaque as ever, and the encoder of a request sends only its own vendor's, without the name. On the
vendor's own wire nothing of this shows.
"""

from __future__ import annotations

import re
from dataclasses import replace

from adapters.canonical import Part, Reasoning, ToolCall

ANTHROPIC = "anthropic"
GEMINI = "gemini"
OPENAI = "openai"

MINTED = "_mo_"
"""Stands in the ids of items that the gateway made itself: nobody's store knows those."""

# What vendors seal is base64 or JSON, neither of which begins like this.
_TAG = re.compile(r"(anthropic|gemini|openai|openrouter|via-[a-z0-9_.-]+):")


def maker_of(signature: str) -> str | None:
    """Returns the maker of a signature in canonical form; None where it has no tag."""
    tag = _TAG.match(signature)
    return None if tag is None else tag[1]


def bare(signature: str) -> str:
    """Returns a signature as its maker wrote it."""
    tag = _TAG.match(signature)
    # A seal that came in pieces has the name before each of them.
    return signature if tag is None else signature.replace(tag[0], "")


def tagged(vendor: str, wire: str | None) -> str | None:
    """Returns the canonical form of `wire` as read in `vendor`'s dialect; a tag of another vendor stays."""
    if not wire:
        return None
    return wire if maker_of(wire) is not None else f"{vendor}:{wire}"


def on_wire(vendor: str, signature: str) -> str:
    """Returns what a client of `vendor`'s dialect sees: its own bare, those of others with their tag."""
    return signature.removeprefix(f"{vendor}:")


def own(vendor: str, signature: str | None) -> str | None:
    """Returns the bare signature if `vendor` made it, else None. An untagged one counts as the vendor's own:
    it came through a dialect that has no signatures of its own.
    """
    if not signature:
        return None
    return bare(signature) if maker_of(signature) in {None, vendor} else None


def add(parts: list[Part], part: Part) -> None:
    """Adds a part of a turn; a call takes over the seal that a dialect without a place for it put before the call."""
    last = parts[-1] if parts else None
    if (
        isinstance(part, ToolCall)
        and isinstance(last, Reasoning)
        and not last.text
        and part.signature is None
    ):
        seal = last.redacted or last.signature
        if seal and maker_of(seal) == GEMINI and (last.redacted or last.id):
            parts[-1] = replace(part, signature=seal)
            return
    parts.append(part)
