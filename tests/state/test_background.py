"""One thread of the process does what traffic shouldn't wait for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from state.background import in_background


async def test_work_comes_one_after_another_on_one_thread_that_is_not_the_loops() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> threading.Thread:
        begun.set()
        go_on.wait()
        return threading.current_thread()

    first = asyncio.ensure_future(in_background(slow))
    second = asyncio.ensure_future(in_background(threading.current_thread))
    await asyncio.to_thread(begun.wait)
    assert not second.done()  # and this line runs: the loop doesn't wait
    go_on.set()
    assert await first is await second is not threading.main_thread()


async def test_an_error_is_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_background(lambda: 1 // 0)


def test_it_serves_one_loop_after_another() -> None:
    threads = [asyncio.run(in_background(threading.current_thread)) for _ in range(2)]
    assert threads[0] is threads[1]
