"""Tools of Responses clients that are no functions to them: offered as functions elsewhere, called back as themselves."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from adapters.canonical import (
    Finish,
    Request,
    Start,
    Text,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
)
from adapters.dialects import by_name

RESPONSES = by_name("openai_responses")
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Changes files."}
SPACE = {"type": "namespace", "name": "mcp__sky", "description": "The sky.", "tools": [WEATHER, PATCH]}
SEARCH = {
    "type": "tool_search",
    "execution": "client",
    "description": "Finds tools.",
    "parameters": {"type": "object"},
}


def _request(tools: list[dict], items: Any = "Hello.") -> Request:
    return RESPONSES.decode_request({"model": "m", "input": items, "tools": tools})


def _events(*calls: tuple[str, str]) -> list[Any]:
    events: list[Any] = [Start("resp_1", "m")]
    for number, (name, arguments) in enumerate(calls):
        events.append(ToolCallStart(number, f"call_{number}", name))
        events += [ToolCallDelta(number, letter) for letter in arguments]
    return [*events, Finish("tool_calls")]


def _called(request: Request, *calls: tuple[str, str]) -> list[dict]:
    """Returns the items that a client gets, which must be the same streamed and whole."""
    whole = orjson.loads(RESPONSES.encode_answer(_events(*calls), request, lambda _: None))["output"]
    encoder = RESPONSES.stream_encoder(request, lambda _: None)
    stream = encoder.feed(_events(*calls)) + encoder.close()
    events = [orjson.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: ")]
    assert [e["item"] for e in events if e["type"] == "response.output_item.done"] == whole
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    return whole


def test_names_of_a_namespace_are_flat_elsewhere_and_restored() -> None:
    request = _request([SPACE])
    assert [tool.name for tool in request.tools if isinstance(tool, Tool)] == [
        "mcp__sky__weather",
        "mcp__sky__apply_patch",
    ]
    first, second = _called(request, ("mcp__sky__weather", "{}"), ("mcp__sky__apply_patch", '{"input": "x"}'))
    assert (first["type"], first["namespace"], first["name"]) == ("function_call", "mcp__sky", "weather")
    assert (second["type"], second["namespace"], second["name"], second["input"]) == (
        "custom_tool_call",
        "mcp__sky",
        "apply_patch",
        "x",
    )
    assert by_name("openai_responses").encode_request(request)["tools"] == [SPACE]


def test_free_text_is_streamed_as_it_comes() -> None:
    request = _request([PATCH])
    encoder = RESPONSES.stream_encoder(request, lambda _: None)
    stream = encoder.feed(_events(("apply_patch", '{"input": "ab"}'))) + encoder.close()
    events = [orjson.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: ")]
    kinds = [e["type"] for e in events if "custom_tool_call_input" in e["type"]]
    assert kinds == ["response.custom_tool_call_input.delta"] * 2 + ["response.custom_tool_call_input.done"]
    assert "".join(e["delta"] for e in events if e["type"].endswith("input.delta")) == "ab"


@pytest.mark.parametrize(
    ("tool", "name", "arguments", "expected"),
    [
        (
            {"type": "local_shell"},
            "local_shell",
            '{"command": ["ls"], "timeout_ms": 5}',
            {
                "type": "local_shell_call",
                "action": {"type": "exec", "env": {}, "command": ["ls"], "timeout_ms": 5},
            },
        ),
        (
            {"type": "local_shell"},
            "local_shell",
            '{"command": "ls -l"}',
            {
                "type": "local_shell_call",
                "action": {"type": "exec", "env": {}, "command": ["bash", "-lc", "ls -l"]},
            },
        ),
        (
            {"type": "shell"},
            "shell",
            '{"commands": ["ls"]}',
            {"type": "shell_call", "action": {"commands": ["ls"]}},
        ),
        (
            {"type": "apply_patch"},
            "apply_patch",
            '{"type": "delete_file", "path": "a"}',
            {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
        ),
        (SEARCH, "tool_search", '{"q": "sky"}', {"type": "tool_search_call", "arguments": {"q": "sky"}}),
    ],
    ids=["local_shell", "local_shell as a line", "shell", "apply_patch", "tool_search"],
)
def test_a_tool_with_items_of_its_own_is_called_in_them(
    tool: dict, name: str, arguments: str, expected: dict
) -> None:
    request = _request([tool])
    assert [offered.name for offered in request.tools if isinstance(offered, Tool)] == [name]
    (item,) = _called(request, (name, arguments))
    assert expected.items() <= item.items()
    assert item["call_id"] == "call_0"
    assert item["status"] == "completed"


HISTORY = [
    (
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "p", "input": "a"},
        "p",
        '{"input":"a"}',
    ),
    (
        {
            "type": "local_shell_call",
            "id": "l",
            "call_id": "c",
            "action": {"type": "exec", "command": ["ls"]},
        },
        "local_shell",
        '{"command":["ls"]}',
    ),
    (
        {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}},
        "shell",
        '{"commands":["ls"]}',
    ),
    (
        {"type": "function_call", "call_id": "c", "namespace": "n", "name": "f", "arguments": "{}"},
        "n__f",
        "{}",
    ),
    (
        {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"q": "x"}},
        "tool_search",
        '{"q":"x"}',
    ),
]


@pytest.mark.parametrize(("item", "name", "arguments"), HISTORY, ids=[name for _, name, _ in HISTORY])
def test_calls_of_earlier_turns_are_calls_elsewhere(item: dict, name: str, arguments: str) -> None:
    request = _request([], [item])
    (call,) = request.messages[0].parts
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("c", name, arguments)
    assert RESPONSES.encode_request(request)["input"] == [item]


@pytest.mark.parametrize(
    ("item", "text", "failed"),
    [
        ({"type": "custom_tool_call_output", "call_id": "c", "output": "Done."}, "Done.", False),
        ({"type": "local_shell_call_output", "id": "c", "output": "Done."}, "Done.", False),
        (
            {
                "type": "shell_call_output",
                "call_id": "c",
                "output": [{"stdout": "a", "stderr": "b", "outcome": {"type": "exit", "exit_code": 2}}],
            },
            "a\nb\nExit code 2.",
            False,
        ),
        (
            {
                "type": "apply_patch_call_output",
                "call_id": "c",
                "status": "failed",
                "output": "No such file.",
            },
            "No such file.",
            True,
        ),
        (
            {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": [WEATHER]},
            "These tools can be called now: weather.",
            False,
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else None,
)
def test_results_of_earlier_turns_are_results_elsewhere(item: dict, text: str, failed: bool) -> None:
    request = _request([], [item])
    (result,) = request.messages[0].parts
    assert isinstance(result, ToolResult)
    assert (result.call_id, result.content, result.is_error) == ("c", (Text(text),), failed)
    assert RESPONSES.encode_request(request)["input"][0]["type"] == item["type"]


def test_tools_that_were_found_are_offered_from_then_on() -> None:
    found = {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": [SPACE]}
    request = _request([SEARCH], [found])
    names = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    assert names == ["tool_search", "mcp__sky__weather", "mcp__sky__apply_patch"]
