"""Anthropic Messages: tools of Anthropic's making that the client runs, as the functions that they are elsewhere.

Their schemas stand in the API reference, not in the request, because Anthropic's models know them by heart.
"""

from __future__ import annotations

from typing import Any

import orjson

from adapters.canonical import Json, Tool

_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer"}
_POINT: Json = {"type": "array", "items": _COUNT, "minItems": 2, "maxItems": 2}


def _one_of(*words: str) -> Json:
    return {"type": "string", "enum": list(words)}


def _schema(*required: str, **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(required)}


_RANGE: Json = {
    "type": "array",
    "items": _COUNT,
    "description": "First and last line; -1 is the end of the file.",
}

# (beginning of the type, what the tool does, its parameters)
_TOOLS = (
    (
        "bash_",
        "Runs a command in a shell that stays open between calls, and returns its output.",
        _schema(command=_TEXT, restart={"type": "boolean", "description": "Starts the shell anew instead."}),
    ),
    (
        "text_editor_",
        "Views, creates and edits files.",
        _schema(
            "command",
            "path",
            command=_one_of("view", "create", "str_replace", "insert"),
            path=_TEXT,
            view_range=_RANGE,
            file_text={**_TEXT, "description": "Of `create`: the content."},
            old_str={**_TEXT, "description": "Of `str_replace`: text that stands in the file exactly once."},
            new_str={**_TEXT, "description": "Of `str_replace`: what replaces it."},
            insert_line={**_COUNT, "description": "Of `insert`: the line behind which the text goes."},
            insert_text={**_TEXT, "description": "Of `insert`: the text."},
        ),
    ),
    (
        "memory_",
        "Keeps notes in files below /memories that outlive this conversation.",
        _schema(
            "command",
            command=_one_of("view", "create", "str_replace", "insert", "delete", "rename"),
            path=_TEXT,
            view_range=_RANGE,
            file_text=_TEXT,
            old_str=_TEXT,
            new_str=_TEXT,
            insert_line=_COUNT,
            insert_text=_TEXT,
            old_path=_TEXT,
            new_path=_TEXT,
        ),
    ),
    (
        "computer_",
        "Uses the keyboard and the mouse of a computer, and takes pictures of its screen.",
        _schema(
            "action",
            action=_one_of(
                "screenshot",
                "left_click",
                "right_click",
                "middle_click",
                "double_click",
                "triple_click",
                "left_click_drag",
                "left_mouse_down",
                "left_mouse_up",
                "mouse_move",
                "cursor_position",
                "type",
                "key",
                "hold_key",
                "scroll",
                "wait",
                "zoom",
            ),
            coordinate=_POINT,
            start_coordinate=_POINT,
            text=_TEXT,
            scroll_direction=_one_of("up", "down", "left", "right"),
            scroll_amount=_COUNT,
            duration={"type": "number", "description": "Seconds."},
            region={"type": "array", "items": _COUNT, "minItems": 4, "maxItems": 4},
        ),
    ),
)


def client_tool(raw: Json) -> Tool | None:
    """Returns a tool that the client runs, None for one that Anthropic does."""
    kind, name = raw.get("type"), raw.get("name")
    if not isinstance(kind, str) or not isinstance(name, str):
        return None
    width, height = raw.get("display_width_px"), raw.get("display_height_px")
    screen = f" The screen has {width} x {height} pixels." if width and height else ""
    for beginning, description, schema in _TOOLS:
        if kind.startswith(beginning):
            return Tool(name, f"{description}{screen}", schema, raw=raw)
    return None


def with_examples(description: str | None, examples: list[Any]) -> str | None:
    """Returns the description with examples of arguments, which have no field of their own elsewhere."""
    if not examples:
        return description
    lines = "\n".join(orjson.dumps(example).decode() for example in examples)
    return "\n\n".join(piece for piece in (description, f"Examples of arguments:\n{lines}") if piece)
