"""Where secrets come from: a value of the configuration file, a variable that it names as `${NAME}`, or a file.

An error names the variable or the file, and never repeats what was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

LARGEST = 64 * 1024
"""Bytes of a file that holds one secret. Google's signed tokens have some 2 KiB; a larger file is another one."""

_PLACE = re.compile(r"\$(\$?)\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def cleaned(value: str) -> str:
    """Returns a secret without the blanks and line breaks around it. Raises ValueError where nothing is left, or
    where what is left could not stand in a header.
    """
    value = value.strip().strip("\ufeff").strip()
    if not value:
        raise ValueError("is empty, where a key was meant")
    if not value.isprintable():
        raise ValueError(
            "holds a line break or a control character inside; one key belongs there, on one line"
        )
    return value


def of_file(path: Path) -> str:
    """Returns the secret that a file holds. Raises ValueError. Blocks."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise ValueError(f"{path} has more than {LARGEST} bytes; a secret alone belongs there")
    try:
        return cleaned(raw.decode())
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8") from None
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


def of_variable(name: str, environment: Mapping[str, str]) -> str | None:
    """Returns the secret of a variable, or of the file that NAME_FILE names; None where neither is set.

    Raises ValueError. Blocks where there is a file.
    """
    value, path = environment.get(name), environment.get(f"{name}_FILE")
    if value and path:
        raise ValueError(f"{name} and {name}_FILE are both set: unset one of them")
    if path:
        try:
            return of_file(Path(path))
        except ValueError as error:
            raise ValueError(f"{name}_FILE: {error}") from None
    if not value:
        return None
    try:
        return cleaned(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """Returns `text` with every `${NAME}` replaced by that variable's secret; `$${` stands for `${`. Raises ValueError."""

    def value(place: re.Match[str]) -> str:
        escaped, name = place[1], place[2]
        if escaped:
            return place[0][1:]
        if not _NAME.fullmatch(name):
            raise ValueError("holds ${…} without the name of a variable; write $${ for a plain ${")
        secret = of_variable(name, environment)
        if secret is None:
            raise ValueError(f"the environment variable {name} is not set, and {name}_FILE isn't either")
        return secret

    return _PLACE.sub(value, text)


def resolved(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Returns the environment with the secrets of `names` as they are to be sent. Raises ValueError. Blocks.

    A provider's variable of blanks alone counts as not set.
    """
    result = dict(environment)
    for name in names:
        blank = not environment.get(name, "").strip()
        value = of_variable(name, {**environment, name: ""} if blank else environment)
        result.pop(name, None)
        if value is not None:
            result[name] = value
    return result
