"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from benchmarks.gateway.processes import Cores


def describe() -> str:
    """Returns CPU model, cores, kernel and Python, and who runs where, in one line."""
    cores = Cores.split()
    shared = ", all on the same core" if cores.gateway == cores.load else ""
    return (
        f"{_cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; gateway on core {cores.gateway[0]}, "
        f"mock upstream and load client on core {cores.load[0]}{shared}"
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
