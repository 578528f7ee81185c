"""The bound is on the sum, and nobody alone is too large for it."""

from __future__ import annotations

from proxy.ingress.buffers import Account, Buffers


def test_what_one_holds_leaves_less_for_the_others() -> None:
    buffers = Buffers(100)
    one, two = Account(buffers), Account(buffers)
    assert (one.take(60), two.take(50), two.take(40), one.take(1)) == (True, False, True, False)
    one.give(10)
    assert (two.take(11), two.take(10), buffers.used) == (False, True, 100)
    one.settle()
    two.settle()
    assert (buffers.used, one.held, two.held) == (0, 0, 0)


def test_who_is_alone_may_go_beyond_the_bound() -> None:
    buffers = Buffers(100)
    one, two = Account(buffers), Account(buffers)
    assert (one.take(90), one.take(90), two.take(1)) == (True, True, False)
    one.settle()
    assert two.take(200)
