"""What is compiled says the same as its source, and is no older."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bandit import PRESETS, ArmPrior, Bandit, Quote, RequestFacts
from bandit.decision import decide

ROOT = Path(__file__).parents[2]
PLAIN = """
import json, sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
import cython, numpy, numpy.linalg, zlib, math, statistics
import numpy.random
from pathlib import Path
import pytest
sys.path_hooks.insert(0, FileFinder.path_hook((SourceFileLoader, SOURCE_SUFFIXES)))
sys.path_importer_cache.clear()
sys.path.insert(0, ".")
sys.path.insert(0, "tests/bandit")
from bandit.decision import decide
assert not decide.COMPILED
from test_compiled import story
print(json.dumps(story()))
"""


def story() -> list[list[float]]:
    """Returns what a bandit decides while it learns."""
    rng = np.random.default_rng(0)
    bandit = Bandit()
    for n in range(6):
        bandit.add_arm(f"m{n}", ArmPrior(usd_per_mtok=0.1 + n, provider=f"p{n % 2}"))
    quote = Quote(np.linspace(1e-5, 1e-3, 6), np.linspace(1e-7, 1e-5, 6))
    rows = []
    for n in range(60):
        text = ("Prove the theorem.", "The plaintiff sued.", "def f(x): return 17 * x", "")[n % 4]
        facts = RequestFacts(
            "auto", "qa" if n % 3 else None, "", text, len(text), 1, False, False, False, None
        )
        context = bandit.context(facts)
        decision = bandit.decide(
            context.x,
            np.arange(6),
            quote,
            PRESETS["balanced"],
            max_tokens=300,
            now=1e9 + n,
            uniform=float(rng.random()),
        )
        rows.append([decision.arm, *decision.table.ravel().tolist()])
        bandit.observe_outcome(
            decision.arm, context.x, task=context.task, output_tokens=50 + n, ttft_s=0.2, token_s=0.01,
            error=n % 11 == 0, now=1e9 + n,
        )  # fmt: skip
        bandit.observe_quality(decision.arm, context.x, float(rng.random()), at=1e9 + n)
    return rows


@pytest.mark.skipif(not decide.COMPILED, reason="nothing is compiled here")
def test_the_source_as_plain_python_decides_and_learns_the_same() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    plain = subprocess.run(
        [sys.executable, "-c", PLAIN], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert plain.returncode == 0, plain.stderr
    assert np.array(json.loads(plain.stdout)) == pytest.approx(np.array(story()), rel=1e-7, abs=1e-9)


@pytest.mark.skipif(not decide.COMPILED, reason="nothing is compiled here")
def test_nothing_compiled_is_older_than_its_source() -> None:
    for types in [*(ROOT / "bandit").glob("*.pxd"), *(ROOT / "proxy").glob("*.pxd")]:
        made = max(types.parent.glob(f"{types.stem}.*.so"), key=lambda path: path.stat().st_mtime)
        for source in (types, types.with_suffix(".py")):
            assert made.stat().st_mtime >= source.stat().st_mtime, f"{source.name} changed: run make"
