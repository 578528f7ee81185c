"""Compiles the loops that run for every request: the modules with a `.pxd` file beside them.

Without a C compiler or Python's headers they run as plain Python.
"""

import warnings
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


class _BuildIfPossible(build_ext):
    def build_extensions(self) -> None:
        try:
            super().build_extensions()
        except Exception as error:  # noqa: BLE001  whatever a compiler can do wrong
            warnings.warn(f"nothing is compiled: {error}", stacklevel=1)
            self.extensions = []


setup(
    cmdclass={"build_ext": _BuildIfPossible},
    ext_modules=cythonize(
        [
            Extension(
                f"{room}.{types.stem}",
                [f"{room}/{types.stem}.py"],
                extra_compile_args=["-O3", "-g0"],
            )
            for room in ("bandit", "proxy")
            for types in sorted(Path(room).glob("*.pxd"))
        ],
        compiler_directives={
            "language_level": 3,
            "annotation_typing": False,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
        },
    ),
    options={"build_ext": {"parallel": 2}},
)
