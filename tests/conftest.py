"""Libraries that are older than their source would be tested in its place; and what a failed test leaves open is closed."""

from __future__ import annotations

import gc
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import aiosqlite
import pytest

_ROOT = Path(__file__).parents[1]
_FAILED = pytest.StashKey[bool]()


def pytest_configure() -> None:
    stale = [
        source.relative_to(_ROOT)
        for room in ("adapters", "bandit", "proxy", "state")
        for library in (_ROOT / room).rglob("*.so")
        if (source := library.with_name(library.name.partition(".")[0] + ".py")).exists()
        and source.stat().st_mtime > library.stat().st_mtime
    ]
    if stale:
        raise pytest.UsageError(
            f"compiled before they were changed: {', '.join(map(str, stale))}. `make build` compiles them again; "
            "`make plain` removes what is compiled, for quick changes"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A failed test ends before it closes its stores and gateways. Complaints of these, whenever the collector finds
    them, would make innocent tests fail.
    """
    done = yield
    if item.stash.get(_FAILED, False):
        sys.last_type = sys.last_value = sys.last_traceback = None  # hold the frames of the test
        for thing in gc.get_objects():
            if issubclass(type(thing), aiosqlite.Connection) and thing._connection is not None:
                _close(thing)
            elif issubclass(type(thing), Process) and thing.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(thing.pid, signal.SIGKILL)
        complain, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            gc.collect()
        finally:
            sys.unraisablehook = complain
    return done


def _close(connection: aiosqlite.Connection) -> None:
    stopping = Thread(target=connection.stop)  # in a thread that has no loop, since the test's has ended
    stopping.start()
    stopping.join()
    connection._thread.join(10.0)
