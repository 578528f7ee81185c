"""Whose requests a key sees: its own, its team's, and the operator's all."""

from __future__ import annotations

from proxy.governance.principal import ALL_SCOPES, CLIENT_SCOPES, LOCAL, Principal

CLIENT = frozenset(CLIENT_SCOPES)


def test_a_key_sees_its_own_and_its_teams_requests_and_no_others() -> None:
    ann, abe = Principal("ann", "a", CLIENT), Principal("abe", "a", CLIENT)
    bob = Principal("bob", "b", CLIENT)
    assert ann.sees(ann)
    assert ann.sees(abe)
    assert not ann.sees(bob)
    assert (ann.sessions, bob.sessions) == ("a", "b")


def test_keys_without_a_team_are_no_team() -> None:
    one, other = Principal("one", "", CLIENT), Principal("other", "", CLIENT)
    assert one.sees(one)
    assert not one.sees(other)
    assert one.sessions != other.sessions


def test_the_operator_sees_all() -> None:
    operator = Principal("operator", "", frozenset(ALL_SCOPES))
    assert operator.sees(Principal("one", "a", CLIENT))
    assert operator.viewer.everywhere
    assert not Principal("one", "a", CLIENT).viewer.everywhere
    assert LOCAL.sees(LOCAL)
