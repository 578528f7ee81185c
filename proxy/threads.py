"""Work that may hang, each piece in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def in_own_thread(work: Callable[[], T], name: str) -> T:
    """Returns what `work` returns, or raises what it raises.

    A pool would let pieces that hang keep its threads from all others, and the interpreter waits for a pool's
    threads at its end. These are daemons: nobody waits for one that hangs.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001  it is raised where somebody waits
            hand_over(partial(result.set_exception, error))
        else:
            hand_over(partial(result.set_result, value))

    def hand_over(settle: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed while the work hung
            loop.call_soon_threadsafe(lambda: None if result.done() else settle())

    threading.Thread(target=run, name=name, daemon=True).start()
    return await result
