"""Work in threads of its own: what it returns, and that nobody has to wait for it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from proxy.threads import in_own_thread


async def test_what_the_work_returns_or_raises_is_handed_over():
    assert await in_own_thread(lambda: threading.current_thread().name, "work") == "work"
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(lambda: 1 / 0, "work")


async def test_nobody_has_to_wait():
    gate, began, ended = threading.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        began.set()
        gate.wait()
        loop.call_soon_threadsafe(ended.set)

    waiting = asyncio.create_task(in_own_thread(work, "work"))
    await asyncio.to_thread(began.wait)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    await asyncio.wait_for(ended.wait(), 30)


def test_work_that_outlives_its_loop_ends_in_silence():
    """Pytest fails a test for an exception that a thread doesn't catch."""
    gate, began, threads = threading.Event(), threading.Event(), []

    def work() -> None:
        threads.append(threading.current_thread())
        began.set()
        gate.wait()

    async def leave() -> None:
        waiting = asyncio.create_task(in_own_thread(work, "work"))
        await asyncio.to_thread(began.wait)
        waiting.cancel()

    asyncio.run(leave())
    gate.set()
    threads[0].join(10)
    assert threads[0].daemon
    assert not threads[0].is_alive()
