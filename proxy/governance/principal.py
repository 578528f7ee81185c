"""Who asks: a key and its team under their lasting ids, and what they may do."""

from __future__ import annotations

from typing import Literal

from state.records import Owner, Viewer

Scope = Literal["data", "feedback", "read", "admin"]

CLIENT_SCOPES: tuple[Scope, ...] = ("data", "feedback", "read")
"""What a key may do if the configuration doesn't say: ask models, give feedback, and read."""

ALL_SCOPES: tuple[Scope, ...] = (*CLIENT_SCOPES, "admin")


class Principal:
    """Whose a request is. Ids survive a change of the key itself; both are "" where no key is configured."""

    __slots__ = ("key_id", "owner", "scopes", "sessions", "team_id", "viewer")

    def __init__(self, key_id: str, team_id: str, scopes: frozenset[str]) -> None:
        self.key_id = key_id
        self.team_id = team_id
        self.scopes = scopes
        self.owner = Owner(key_id, team_id)
        self.viewer = Viewer(self.owner, everywhere="admin" in scopes)
        self.sessions = team_id or key_id  # whose sessions are its own

    def sees(self, other: Principal) -> bool:
        """Returns whether requests of `other` are this one's to read and to judge."""
        return (
            self.viewer.everywhere
            or self.key_id == other.key_id
            or (self.team_id != "" and self.team_id == other.team_id)
        )


LOCAL = Principal("", "", frozenset(ALL_SCOPES))
"""Who asks from this machine while no key is configured."""
