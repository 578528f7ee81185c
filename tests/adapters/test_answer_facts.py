from __future__ import annotations

import pytest

from adapters.answer_facts import MAX_ANSWER_BYTES, HeldBody
from adapters.errors import ErrorKind, ProviderError


def test_a_body_is_held_until_it_is_whole() -> None:
    body = HeldBody()
    body.add(b"a")
    body.add(b"bc")
    assert body.whole() == b"abc"
    assert body.whole() == b""


def test_a_body_beyond_the_limit_is_refused() -> None:
    body = HeldBody()
    half = bytes(MAX_ANSWER_BYTES // 2)  # one object twice: nothing is copied
    body.add(half)
    body.add(half)
    with pytest.raises(ProviderError) as caught:
        body.add(b"a")
    assert caught.value.kind is ErrorKind.UPSTREAM
