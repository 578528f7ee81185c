"""Work of milliseconds that traffic shouldn't wait for, done piece after piece by one thread of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# Not the loop's own threads: every one that ever worked keeps megabytes.
_THREAD = ThreadPoolExecutor(1, "background")


async def in_background(work: Callable[[], T]) -> T:
    """Returns what `work` returns, or raises what it raises. It is done even if nobody waits any more, unless it
    hadn't begun.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
