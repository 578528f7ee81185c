"""The four packages have no import circle, no crowded folder, and no class name that means two things."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_MODULES = 15
PATHS = [path for room in ("adapters", "bandit", "proxy", "state") for path in (ROOT / room).rglob("*.py")]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in PATHS
    if path.name != "__init__.py"
}


def imported(path: Path) -> Iterator[str]:
    """Returns every name that a module imports, for types or within functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, path
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_modules_import_each_other() -> None:
    graph = {name: {other for other in imported(path) if other in MODULES} for name, path in MODULES.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_no_folder_is_crowded() -> None:
    sizes: dict[Path, int] = defaultdict(int)
    for path in MODULES.values():
        sizes[path.parent] += path.name != "__main__.py"
    assert {str(folder) for folder, size in sizes.items() if size > MOST_MODULES} == set()


def test_no_two_public_classes_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in MODULES.items():
        for defined in re.findall(r"^class ([A-Z]\w*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            places[defined].append(name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
