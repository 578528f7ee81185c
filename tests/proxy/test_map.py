"""The docstring of `proxy` names every module at its place."""

from pathlib import Path

import proxy

ROOT = Path(proxy.__file__).parent
LONGEST_LINE = 122


def test_every_module_is_on_the_map_and_nothing_else() -> None:
    room, listed = "", []
    for line in (proxy.__doc__ or "").splitlines()[4:]:
        word = line.split(maxsplit=1)[0] if line else ""
        if word.endswith("/"):
            room = word
        elif word:
            listed.append((room if line.startswith(" ") else "") + f"{word}.py")
    modules = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if path.name != "__init__.py"]
    assert sorted(listed) == sorted(modules)


def test_a_module_takes_one_line() -> None:
    assert all(len(line) <= LONGEST_LINE and "…" not in line for line in (proxy.__doc__ or "").splitlines())
