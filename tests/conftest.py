"""Libraries that are older than their source would be tested in its place."""

from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]


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
