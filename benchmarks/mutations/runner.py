"""Runs the tests against a copy of the checkout in which one mutation is applied."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutations.mutation import Mutation

ROOT = Path(__file__).parents[2]
_COPIED = ("adapters", "bandit", "proxy", "state", "tests", "docs", "benchmarks", "examples")
_FILES = ("pyproject.toml", "compiled.txt", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Makefile")
_LEFT_OUT = shutil.ignore_patterns("*.so", "*.c", "__pycache__", "node_modules", "results", "*.db*")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutation. `by` is the first test that failed, empty where none did."""

    mutation: Mutation
    killed: bool
    by: str
    seconds: float


@contextmanager
def copied_checkout() -> Iterator[Path]:
    """Yields a copy of the checkout as plain Python: nothing compiled hides a change of the source."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as temporary:
        root = Path(temporary)
        for folder in _COPIED:
            shutil.copytree(ROOT / folder, root / folder, ignore=_LEFT_OUT)
        for file in _FILES:
            shutil.copy(ROOT / file, root / file)
        node = ROOT / "tests" / "clients" / "node" / "node_modules"
        if node.exists():
            (root / "tests" / "clients" / "node" / "node_modules").symlink_to(node)
        yield root


def run_tests(root: Path, tests: Sequence[str], timeout_s: float) -> tuple[bool, str]:
    """Returns whether a test failed, and which was the first. A run that hangs has failed."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "--no-header",
        "-rfE",
        *tests,
    ]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return True, "(the tests hang)"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode != 0, (
        failed[0].partition(" - ")[0] if failed else done.stdout[-200:] if done.returncode else ""
    )


def judge(mutation: Mutation, timeout_s: float) -> Outcome:
    """Applies one mutation to a copy of its own and runs its tests."""
    began = time.monotonic()
    with copied_checkout() as root:
        mutation.apply(root)
        killed, by = run_tests(root, mutation.tests, timeout_s)
    return Outcome(mutation, killed, by, time.monotonic() - began)


def judge_all(mutations: Sequence[Mutation], jobs: int, timeout_s: float) -> Iterator[Outcome]:
    """Yields outcomes in the order of `mutations`."""
    with ThreadPoolExecutor(jobs) as workers:
        yield from workers.map(lambda mutation: judge(mutation, timeout_s), mutations)
