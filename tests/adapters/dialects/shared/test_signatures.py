"""Whose a signature is, told by its tag and by nothing else."""

import pytest

from adapters.dialects.shared.signatures import ANTHROPIC, GEMINI, on_wire, own, tagged


@pytest.mark.parametrize("wire", ["abc", ANTHROPIC, GEMINI, "unknown:abc", ":"])
def test_what_the_vendor_sent_comes_back_to_it_and_to_nobody_else(wire: str) -> None:
    canonical = tagged(ANTHROPIC, wire)
    assert canonical == f"anthropic:{wire}"
    assert own(ANTHROPIC, canonical) == wire
    assert on_wire(ANTHROPIC, canonical) == wire
    assert own(GEMINI, canonical) is None


def test_a_tag_of_another_vendor_stays() -> None:
    assert tagged(ANTHROPIC, "gemini:abc") == "gemini:abc"
    assert on_wire(ANTHROPIC, "gemini:abc") == "gemini:abc"
    assert own(ANTHROPIC, "gemini:abc") is None


def test_nothing_is_no_signature() -> None:
    assert tagged(ANTHROPIC, "") is None
    assert own(ANTHROPIC, None) is None
