"""Whether what runs for every request is compiled; without a compiler it is installed as plain Python."""

from __future__ import annotations

from bandit import kernels
from proxy import calls, passage


def plain() -> list[str]:
    """Returns the names of modules that should be compiled and aren't: one for each of the libraries."""
    return [module.__name__ for module in (kernels, passage, calls) if str(module.__file__).endswith(".py")]
