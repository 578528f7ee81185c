"""Compiles the loops that run for every request: the modules of bandit/ with a `.pxd` file beside them.

Without a C compiler or Python's headers they run as plain Python.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    ext_modules=cythonize(
        [
            Extension(
                f"bandit.{types.stem}",
                [f"bandit/{types.stem}.py"],
                extra_compile_args=["-O3", "-g0"],
                optional=True,
            )
            for types in sorted(Path("bandit").glob("*.pxd"))
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
