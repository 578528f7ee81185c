"""Tools that take free text, as functions with one text parameter: how they are described, and the text while it comes."""

from __future__ import annotations

import re

import orjson

from adapters import lenient_json
from adapters.canonical import Json

FIELD = "input"
"""The parameter that holds the text."""

_HEAD = re.compile(r'\s*\{\s*"' + FIELD + r'"\s*:\s*"')
_LONGEST_HEAD = 64
"""Characters in which the head must have come: it has 10, and white space."""

# What may stand inside a JSON text; half an escape, or half a character of two escapes, waits for the rest.
_WHOLE = re.compile(
    r'(?:[^"\\]|\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[0-9a-fA-F]{4}|(?=[^\\]|\\[^u])))+"
)
_ESCAPED = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def free_text_schema(form: Json | None) -> Json:
    """Returns the parameters of the function; `form` is what the text must look like."""
    description = "The text, as it is: no JSON, no quotes around it."
    if form is not None and form.get("type") == "grammar":
        description = "The text, as it is, in the form that the description of the tool states."
    return {
        "type": "object",
        "properties": {FIELD: {"type": "string", "description": description}},
        "required": [FIELD],
        "additionalProperties": False,
    }


def described(description: str | None, form: Json | None) -> str | None:
    """Returns the description with the grammar that nobody holds the text to here."""
    if form is None or form.get("type") != "grammar":
        return description
    inner = form.get("grammar")
    grammar = inner if isinstance(inner, dict) else form
    requirement = (
        f"`{FIELD}` must follow this {grammar.get('syntax', '')} grammar:\n{grammar.get('definition', '')}"
    )
    return f"{description}\n\n{requirement}" if description else requirement


def enclosed(text: str) -> str:
    """Returns the arguments of the function for a text."""
    return orjson.dumps({FIELD: text}).decode()


def text_of(arguments: str) -> str:
    """Returns the text in a call's arguments; a model that sent other JSON, or none, meant all of it."""
    try:
        given = lenient_json.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    if isinstance(given, str):
        return given
    if isinstance(given, dict):
        if isinstance(given.get(FIELD), str):
            return str(given[FIELD])
        if len(given) == 1 and isinstance(only := next(iter(given.values())), str):
            return only
    return arguments


class FreeText:
    """Arguments as they come → the text as it comes."""

    __slots__ = ("_all", "_begun", "_ended", "_fed", "_held")

    def __init__(self) -> None:
        self._all: list[str] = []
        self._held = ""
        self._begun = False
        self._ended = False
        self._fed: list[str] = []

    def feed(self, arguments: str) -> str:
        """Returns the text that a piece of the arguments completed."""
        self._all.append(arguments)
        if self._ended:
            return ""
        self._held += arguments
        if not self._begun:
            head = _HEAD.match(self._held)
            if head is None:
                self._ended = len(self._held) > _LONGEST_HEAD  # something else: `close` tells it whole
                return ""
            self._begun = True
            self._held = self._held[head.end() :]
        whole = _WHOLE.match(self._held)
        if whole is None:
            self._ended = self._held.startswith('"')
            return ""
        self._held = self._held[whole.end() :]
        self._ended = self._held.startswith('"')
        text = _ESCAPED.sub(_character, whole[0]) if "\\" in whole[0] else whole[0]
        self._fed.append(text)
        return text

    def close(self) -> str:
        """Returns all of the text."""
        return "".join(self._fed) if self._begun else text_of("".join(self._all))


def _character(escape: re.Match[str]) -> str:
    letters = escape[0]
    if letters.startswith("\\u"):
        codes = [int(code, 16) for code in letters.split("\\u")[1:]]
        return "".join(map(chr, codes)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _SHORT.get(letters[1], letters[1])
