"""Compiles the mock upstream and the load client."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SOURCES = Path(__file__).parent
_CACHE = _SOURCES.parent / ".cache"


@dataclass(frozen=True)
class Tools:
    mock: Path
    load: Path


def build(cache: Path = _CACHE) -> Tools:
    """Compiles what is missing or older than its source. Raises RuntimeError without a C compiler."""
    return Tools(mock=_compile("mock", cache), load=_compile("load", cache))


def _compile(name: str, cache: Path) -> Path:
    source, program = _SOURCES / f"{name}.c", cache / name
    if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
        return program
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise RuntimeError("the benchmark needs a C compiler: on Debian, apt install gcc libc6-dev")
    cache.mkdir(parents=True, exist_ok=True)
    fresh = cache / f"{name}.{os.getpid()}"
    subprocess.run([compiler, "-O2", "-std=gnu11", "-o", str(fresh), str(source)], check=True)
    fresh.replace(program)  # atomic: another run may be compiling too
    return program
