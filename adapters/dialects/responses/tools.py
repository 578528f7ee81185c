"""OpenAI Responses: tools that the client runs and that are no functions to it, as functions, and their calls back.

Free text goes into a custom tool, a namespace groups functions, and some kinds have items of their own for calls. Other
vendors know functions only, so each is one in canonical form: `functions` and `call` read, `Called` writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from adapters import lenient_json
from adapters.canonical import BuiltinTool, Json, Text, Tool, ToolCall, ToolResult
from adapters.dialects.shared import strict
from adapters.dialects.shared.free_text import FreeText, described, enclosed, free_text_schema
from adapters.dialects.shared.strict import below

_FUNCTION_KEYS = frozenset({"type", "name", "description", "parameters", "strict"})
_STRINGS = {"type": "array", "items": {"type": "string"}}
_MILLISECONDS = {"type": "integer", "description": "Time limit in milliseconds."}


def _schema(required: str, **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": [required]}


# The arguments are what the call's item holds under the name in _HOLDS, as the API reference has it.
_KINDS: dict[str, tuple[str, Json]] = {
    "local_shell": (
        "Runs a command on the user's machine and returns its output.",
        _schema(
            "command",
            command={**_STRINGS, "description": "The program and its arguments."},
            timeout_ms=_MILLISECONDS,
            working_directory={"type": "string"},
            env={"type": "object", "additionalProperties": {"type": "string"}},
        ),
    ),
    "shell": (
        "Runs shell commands on the user's machine and returns their output.",
        _schema(
            "commands",
            commands={**_STRINGS, "description": "Command lines, run one after the other."},
            timeout_ms=_MILLISECONDS,
            max_output_length={"type": "integer", "description": "Most characters of output to return."},
        ),
    ),
    "apply_patch": (
        "Creates, changes or deletes one file.",
        {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": {"type": "string"},
                "diff": {"type": "string", "description": "The change as a V4A diff; none to delete a file."},
            },
            "required": ["type", "path"],
        },
    ),
}
_HOLDS = {
    "local_shell_call": ("local_shell", "action", "lsh"),
    "shell_call": ("shell", "action", "sh"),
    "apply_patch_call": ("apply_patch", "operation", "apc"),
    "tool_search_call": ("tool_search", "arguments", "tsc"),
}
_CALL_OF = {name: (kind, key, prefix) for kind, (name, key, prefix) in _HOLDS.items()}


def flat(space: str, name: str) -> str:
    """Returns the name that a tool of a namespace has where there are none."""
    return f"{space}{name}" if space.endswith("__") else f"{space}__{name}"


def functions(raw: Json, path: str) -> list[Tool | BuiltinTool]:
    """Decodes an entry of `tools`; a namespace holds several. What the vendor runs itself stays as it is."""
    kind = raw.get("type")
    if kind == "function":
        return [_function(raw, path)]
    if kind == "custom":
        return [_custom(raw, path)]
    if kind == "namespace":
        space = strict.text(raw, "name", path)
        tools = []
        for number, value in enumerate(strict.maybe_list(raw, "tools", path)):
            where = below(below(path, "tools"), number)
            inner = strict.mapping(value, where)
            tool = _custom(inner, where) if inner.get("type") == "custom" else _function(inner, where)
            tools.append(
                Tool(
                    flat(space, tool.name),
                    tool.description,
                    tool.parameters,
                    tool.strict,
                    raw=raw,
                    within=tool.name,
                )
            )
        return list(tools)
    if isinstance(kind, str) and _is_clients(kind, raw):
        if kind == "tool_search":
            description = strict.maybe_text(raw, "description", path)
            return [Tool(kind, description, strict.maybe_mapping(raw, "parameters", path), raw=raw)]
        description, parameters = _KINDS[kind]
        return [Tool(kind, description, parameters, raw=raw)]
    return [BuiltinTool("openai_responses", raw)]


def _is_clients(kind: str, raw: Json) -> bool:
    if kind == "tool_search":
        return raw.get("execution") == "client"
    environment = raw.get("environment")
    return kind in _KINDS and not (isinstance(environment, dict) and environment.get("type") != "local")


def _function(raw: Json, path: str) -> Tool:
    return Tool(
        strict.text(raw, "name", path),
        strict.maybe_text(raw, "description", path),
        strict.maybe_mapping(raw, "parameters", path),
        strict.maybe_flag(raw, "strict", path),
        raw=raw if raw.keys() - _FUNCTION_KEYS else None,
    )


def _custom(raw: Json, path: str) -> Tool:
    form = strict.maybe_mapping(raw, "format", path)
    description = described(strict.maybe_text(raw, "description", path), form)
    return Tool(strict.text(raw, "name", path), description, free_text_schema(form), raw=raw)


# --- what was called, and what came of it ----------------------------------------------------------------


def call(raw: Json, path: str) -> ToolCall | None:
    """Decodes an item that calls a tool, None for every other item."""
    kind = raw.get("type")
    if kind in ("function_call", "custom_tool_call"):
        name, space = strict.text(raw, "name", path), strict.maybe_text(raw, "namespace", path)
        named = flat(space, name) if space else name
        own = None if kind == "function_call" and not space else raw
        arguments = (
            strict.text(raw, "arguments", path)
            if kind == "function_call"
            else enclosed(strict.text(raw, "input", path))
        )
        item_id = strict.maybe_text(raw, "id", path)
        return ToolCall(strict.text(raw, "call_id", path), named, arguments, item_id=item_id, raw=own)
    if not isinstance(kind, str) or kind not in _HOLDS or not isinstance(raw.get("call_id"), str):
        return None
    name, key, _ = _HOLDS[kind]
    if kind == "tool_search_call" and raw.get("execution") != "client":
        return None
    inner = strict.mapping(raw.get(key), below(path, key))
    given = {k: v for k, v in inner.items() if kind != "local_shell_call" or k != "type"}
    return ToolCall(
        raw["call_id"],
        name,
        strict.object_text(given),
        item_id=strict.maybe_text(raw, "id", path),
        raw=raw,
    )


def result(raw: Json, path: str, content: Callable[[Any, str], tuple[Any, ...]]) -> ToolResult | None:
    """Decodes an item that tells what a call did, None for every other item. `content` reads parts."""
    kind = raw.get("type")
    where = below(path, "output")
    if kind in ("function_call_output", "custom_tool_call_output"):
        parts = content(raw.get("output"), where)
        own = None if kind == "function_call_output" else raw
        return ToolResult(strict.text(raw, "call_id", path), parts, raw=own)
    call_id = raw.get("call_id")
    if kind == "local_shell_call_output":
        named = call_id if isinstance(call_id, str) else strict.text(raw, "id", path)
        return ToolResult(named, (Text(strict.text(raw, "output", path)),), raw=raw)
    if not isinstance(call_id, str):
        return None
    if kind == "shell_call_output":
        runs = [strict.mapping(run, where) for run in strict.maybe_list(raw, "output", path)]
        return ToolResult(call_id, (Text("\n".join(_run(run) for run in runs)),), raw=raw)
    if kind == "apply_patch_call_output":
        text = raw.get("output") or raw.get("status") or ""
        return ToolResult(call_id, (Text(str(text)),), is_error=raw.get("status") == "failed", raw=raw)
    if kind == "tool_search_output" and raw.get("execution") == "client":
        names = [tool.name for tool in loaded(raw, path) if isinstance(tool, Tool)]
        text = f"These tools can be called now: {', '.join(names)}." if names else "No tool was found."
        return ToolResult(call_id, (Text(text),), raw=raw)
    return None


def _run(run: Json) -> str:
    outcome = run.get("outcome")
    pieces = [str(run[name]) for name in ("stdout", "stderr") if run.get(name)]
    if isinstance(outcome, dict):
        code = outcome.get("exit_code")
        pieces.append(
            "The time limit was reached." if outcome.get("type") == "timeout" else f"Exit code {code}."
        )
    return "\n".join(pieces)


def loaded(raw: Json, path: str) -> list[Tool | BuiltinTool]:
    """Returns the tools that a search found: from then on they may be called."""
    tools: list[Tool | BuiltinTool] = []
    for number, value in enumerate(strict.maybe_list(raw, "tools", path)):
        where = below(below(path, "tools"), number)
        tools += functions(strict.mapping(value, where), where)
    return tools


# --- the way back ----------------------------------------------------------------------------------------


class Called:
    """A call while its arguments come, as the item that the client waits for."""

    __slots__ = ("_key", "_kind", "_pieces", "_text", "item")

    def __init__(self, tool: Tool | None, call_id: str, name: str, number: str) -> None:
        raw = tool.raw if tool is not None else None
        kind = raw.get("type") if raw is not None else "function"
        space: object = None
        if tool is not None and raw is not None and kind == "namespace":
            space = raw.get("name")
            name = tool.within or name
            custom = any(
                isinstance(t, dict) and t.get("name") == name and t.get("type") == "custom"
                for t in raw.get("tools") or ()
            )
            kind = "custom" if custom else "function"
        self._pieces: list[str] = []
        self._text: FreeText | None = None
        self._key = ""
        self._kind = "function"
        if kind == "custom":
            self._kind = "custom"
            self._text = FreeText()
            self.item: Json = {
                "type": "custom_tool_call",
                "id": f"ctc{number}",
                "call_id": call_id,
                "name": name,
            }
            self.item["input"] = ""
        elif isinstance(kind, str) and kind in _CALL_OF:
            item_kind, self._key, prefix = _CALL_OF[kind]
            self._kind = kind
            self.item = {"type": item_kind, "id": f"{prefix}{number}", "call_id": call_id}
            if kind == "tool_search":
                self.item["execution"] = "client"
            self.item |= {self._key: {}, "status": "in_progress"}
        else:
            self.item = {"type": "function_call", "id": f"fc{number}", "call_id": call_id, "name": name}
            self.item |= {"arguments": "", "status": "in_progress"}
        if space is not None:
            self.item["namespace"] = space

    @property
    def plain(self) -> bool:
        """Does the client read the arguments as they are?"""
        return self._kind == "function"

    def feed(self, arguments: str) -> str:
        """Returns what of a piece of arguments the client reads now."""
        self._pieces.append(arguments)
        if self._kind == "function":
            return arguments
        return self._text.feed(arguments) if self._text is not None else ""

    def close(self) -> tuple[str, Json] | None:
        """Completes the item; returns the event that ends its text and what it says, if there is one."""
        whole = "".join(self._pieces)
        item = self.item
        if self._kind == "function":
            item["arguments"], item["status"] = whole or "{}", "completed"
            return "response.function_call_arguments.done", {"name": item["name"], "arguments": whole or "{}"}
        if self._text is not None:
            item["input"] = self._text.close()
            return "response.custom_tool_call_input.done", {"input": item["input"]}
        item[self._key] = _inner(self._kind, whole)
        item["status"] = "completed"
        return None


def _inner(kind: str, arguments: str) -> Json:
    try:
        given = lenient_json.loads(arguments) if arguments.strip() else {}
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        given = {"command": [arguments]} if kind == "local_shell" else {"commands": [arguments]}
    if kind == "local_shell":
        command = given.get("command")
        if isinstance(command, str):  # a line where a list was asked for
            given["command"] = ["bash", "-lc", command]
        return {"type": "exec", "env": {}, **given}
    return given
