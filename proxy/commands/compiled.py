"""Whether what runs for every request is compiled; without a compiler it is installed as plain Python."""

from __future__ import annotations

from bandit.decision import decide
from proxy.dispatch import bypass, call


def plain() -> list[str]:
    """Returns the names of modules that should be compiled and aren't: one for each of the libraries."""
    return [module.__name__ for module in (decide, bypass, call) if str(module.__file__).endswith(".py")]
