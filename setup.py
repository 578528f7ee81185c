"""Compiles what runs for every request: without a C compiler or Python's headers it runs as plain Python.

Cython compiles the modules with a `.pxd` file beside them, which holds the types of their loops. mypyc compiles the
modules of `compiled.txt` by the types that mypy checks.

MERITORDER_COMPILE=0 leaves it all out: an editable checkout starts as plain Python, and `make build` compiles into it.
"""

import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")


class _BuildIfPossible(build_ext):
    def build_extensions(self) -> None:
        one_by_one = self.compiler.compile
        sources = sum(len(extension.sources) for extension in self.extensions)
        started = count(1)

        headers = max((path.stat().st_mtime for path in Path("build").rglob("*.h")), default=0.0)

        def compile_one(source: str, *, output_dir: str, **named: object) -> list[str]:
            number = next(started)
            (target,) = self.compiler.object_filenames([source], output_dir=output_dir)
            made = Path(target).stat().st_mtime if Path(target).exists() else 0.0
            if made > max(headers, Path(source).stat().st_mtime):  # mypyc rewrites only what changed
                return [target]
            _progress(f"  C {number}/{sources} {source}")
            return one_by_one([source], output_dir=output_dir, **named)

        def compile_together(sources: list[str], **named: object) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as workers:
                objects = workers.map(lambda source: compile_one(source, **named), sources)
                return [name for names in objects for name in names]

        self.compiler.compile = compile_together
        try:
            super().build_extensions()
        except Exception as error:  # noqa: BLE001  whatever a compiler can do wrong
            warnings.warn(f"nothing is compiled: {error}", stacklevel=1)
            self.extensions = []


def _loops() -> list[Extension]:
    from Cython.Build import cythonize  # noqa: PLC0415

    return cythonize(
        [
            Extension(
                ".".join(types.with_suffix("").parts),
                [str(types.with_suffix(".py"))],
                extra_compile_args=["-O3", "-g0"],
            )
            for room in ("bandit", "proxy")
            for types in sorted(Path(room).rglob("*.pxd"))
        ],
        compiler_directives={
            "language_level": 3,
            "annotation_typing": False,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
        },
    )


def _way_of_a_request() -> list[Extension]:
    from mypyc.build import mypycify  # noqa: PLC0415

    modules = Path("compiled.txt").read_text(encoding="utf-8").split()
    _progress(f"  mypyc reads {len(modules)} modules")
    # One library for all: calls within it are C calls. -O2 is no faster, and takes twice as long.
    try:
        return mypycify(modules, opt_level="1", debug_level="0", multi_file=True, group_name="meritorder")
    except SystemExit as errors:  # of types, say with a library newer than ours
        warnings.warn(f"the way of a request is not compiled: {errors}", stacklevel=1)
        return []


# Metadata is asked for several times during one installation, and needs none of this.
_COMPILES = os.environ.get("MERITORDER_COMPILE") != "0" and not {
    "egg_info",
    "dist_info",
    "sdist",
}.intersection(sys.argv)

setup(
    cmdclass={"build_ext": _BuildIfPossible},
    ext_modules=[*_loops(), *_way_of_a_request()] if _COMPILES else [],
)
