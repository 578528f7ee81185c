"""Over the border between two dialects: hints are left out and said, demands refuse, the rest is told in other words."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.canonical import Request, Text, Tool, ToolCall, ToolResult
from adapters.dialects import by_name
from adapters.errors import Inexpressible
from adapters.portable import portable

FOREIGN = ("openai_chat", "openai_responses", "anthropic_messages", "gemini", "bedrock", "cohere")
WEATHER = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
FUNCTION = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


def _messages(content: Any = "Hello.", **more: Any) -> Request:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": content}], **more}
    return by_name("anthropic_messages").decode_request(body)


def _responses(items: Any = "Hello.", **more: Any) -> Request:
    return by_name("openai_responses").decode_request({"model": "m", "input": items, **more})


def _sent(request: Request, dialect: str) -> dict:
    return by_name(dialect).encode_request(portable(request, dialect))


MESSAGES_HINTS = {
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "mcp_servers": [{"type": "url", "url": "https://host", "name": "n"}],
    "container": {"id": "c"},
    "diagnostics": {"previous_message_id": "m"},
    "of_the_next_version": True,
}
RESPONSES_HINTS = {
    "client_metadata": {"a": "b"},
    "include": ["reasoning.encrypted_content"],
    "store": False,
    "max_tool_calls": 3,
    "context_management": [{"type": "compaction"}],
    "stream_options": {"include_obfuscation": False},
    "of_the_next_version": True,
}


@pytest.mark.parametrize("dialect", [name for name in FOREIGN if name != "anthropic_messages"])
@pytest.mark.parametrize("field", MESSAGES_HINTS)
def test_hints_of_messages_are_left_out_and_said(field: str, dialect: str) -> None:
    request = _messages(**{field: MESSAGES_HINTS[field]})
    assert field not in _sent(request, dialect)
    assert field in request.dropped


@pytest.mark.parametrize("dialect", [name for name in FOREIGN if name != "openai_responses"])
@pytest.mark.parametrize("field", RESPONSES_HINTS)
def test_hints_of_responses_are_left_out_and_said(field: str, dialect: str) -> None:
    request = _responses(**{field: RESPONSES_HINTS[field]})
    assert field not in _sent(request, dialect)
    assert field in request.dropped


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "prompt"])
def test_what_stands_for_a_stored_conversation_is_demanded(field: str) -> None:
    with pytest.raises(Inexpressible, match=field):
        portable(_responses(**{field: "x"}), "gemini")


HOSTED = ["web_search", "image_generation", "code_interpreter", "file_search", "mcp", "computer_use_preview"]


@pytest.mark.parametrize("dialect", [name for name in FOREIGN if name != "openai_responses"])
@pytest.mark.parametrize("kind", HOSTED)
def test_a_tool_of_the_vendor_is_left_out_unless_it_is_forced(kind: str, dialect: str) -> None:
    request = _responses(tools=[FUNCTION, {"type": kind}])
    sent = _sent(request, dialect)
    assert "weather" in str(sent)
    assert kind not in str(sent)
    assert request.dropped == [kind]
    with pytest.raises(Inexpressible, match=kind):
        portable(_responses(tools=[FUNCTION, {"type": kind}], tool_choice={"type": kind}), dialect)
    with pytest.raises(Inexpressible, match=kind):
        portable(_responses(tools=[{"type": kind}], tool_choice="required"), dialect)


def test_a_search_that_messages_forces_is_demanded() -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(Inexpressible, match="web_search"):
        portable(_messages(tools=[search], tool_choice={"type": "tool", "name": "web_search"}), "openai_chat")
    request = _messages(tools=[search], tool_choice={"type": "auto"})
    assert {"tools", "tool_choice"}.isdisjoint(_sent(request, "openai_chat"))
    assert request.dropped == ["web_search"]


def test_only_allowed_tools_are_offered() -> None:
    tools = [FUNCTION, {**FUNCTION, "name": "tides"}, {"type": "custom", "name": "patch"}]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]}
    sent = _sent(_responses(tools=tools, tool_choice=allowed), "openai_chat")
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["patch"]
    assert sent["tool_choice"] == "required"
    forced = _sent(
        _responses(tools=tools, tool_choice={"type": "custom", "name": "patch"}), "anthropic_messages"
    )
    assert forced["tool_choice"] == {"type": "tool", "name": "patch"}


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ({**WEATHER, "defer_loading": True}, "weather"),
        ({**WEATHER, "input_examples": [{"city": "Oslo"}]}, "Oslo"),
        ({**WEATHER, "allowed_callers": ["direct"]}, "weather"),
        ({"type": "bash_20250124", "name": "bash"}, "restart"),
        ({"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}, "insert_line"),
        ({"type": "memory_20250818", "name": "memory"}, "old_path"),
        (
            {
                "type": "computer_20250124",
                "name": "computer",
                "display_width_px": 800,
                "display_height_px": 600,
            },
            "800 x 600",
        ),
    ],
    ids=["defer_loading", "input_examples", "allowed_callers", "bash", "editor", "memory", "computer"],
)
@pytest.mark.parametrize("dialect", [name for name in FOREIGN if name != "anthropic_messages"])
def test_tools_that_the_client_runs_are_functions_elsewhere(dialect: str, tool: dict, words: str) -> None:
    request = _messages(tools=[tool])
    assert words in str(_sent(request, dialect)["toolConfig" if dialect == "bedrock" else "tools"])
    assert by_name("anthropic_messages").encode_request(request)["tools"] == [tool]


RETOLD = [
    (
        {
            "type": "search_result",
            "source": "https://a",
            "title": "T",
            "content": [{"type": "text", "text": "tide"}],
        },
        "tide",
    ),
    (
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "tide"},
            "context": "c",
        },
        "tide",
    ),
    (
        {
            "type": "document",
            "source": {"type": "content", "content": "tide"},
            "citations": {"enabled": True},
        },
        "tide",
    ),
    ({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "tide"}}, "tide"),
    (
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": [
                {"type": "web_search_result", "url": "https://tide", "title": "T", "encrypted_content": "x"}
            ],
        },
        "https://tide",
    ),
    (
        {
            "type": "bash_code_execution_tool_result",
            "tool_use_id": "s",
            "content": {
                "type": "bash_code_execution_result",
                "stdout": "tide",
                "stderr": "",
                "return_code": 0,
            },
        },
        "tide",
    ),
    ({"type": "mcp_tool_use", "id": "s", "name": "tide", "server_name": "n", "input": {}}, "tide"),
]


@pytest.mark.parametrize("dialect", [name for name in FOREIGN if name != "anthropic_messages"])
@pytest.mark.parametrize(("block", "word"), RETOLD, ids=[block["type"] for block, _ in RETOLD])
def test_blocks_of_anthropic_are_told_in_words(block: dict, word: str, dialect: str) -> None:
    sent = str(_sent(_messages([block, {"type": "text", "text": "So?"}]), dialect))
    assert word in sent
    assert "encrypted" not in sent


@pytest.mark.parametrize(
    ("inner", "word"),
    [
        ({"type": "tool_reference", "tool_name": "get_tide"}, "get_tide"),
        (
            {
                "type": "search_result",
                "source": "s",
                "title": "T",
                "content": [{"type": "text", "text": "tide"}],
            },
            "tide",
        ),
    ],
    ids=["tool_reference", "search_result"],
)
def test_a_result_of_such_blocks_is_a_result_elsewhere(inner: dict, word: str) -> None:
    block = {"type": "tool_result", "tool_use_id": "t", "content": [inner]}
    request = _messages([block])
    (result,) = portable(request, "openai_chat").messages[0].parts
    assert isinstance(result, ToolResult)
    assert result.raw is None
    assert isinstance(result.content[0], Text)
    assert word in result.content[0].text
    assert by_name("anthropic_messages").encode_request(request)["messages"][0]["content"] == [block]


@pytest.mark.parametrize(
    ("item", "word"),
    [
        ({"type": "web_search_call", "id": "w", "action": {"type": "search", "query": "tide"}}, "tide"),
        ({"type": "code_interpreter_call", "id": "c", "code": "tide()", "outputs": None}, "tide()"),
        ({"type": "file_search_call", "id": "f", "queries": ["tide"], "results": None}, "tide"),
        ({"type": "mcp_call", "id": "m", "name": "tide", "arguments": "{}", "output": "3 m"}, "3 m"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else None,
)
@pytest.mark.parametrize("dialect", [name for name in FOREIGN if name != "openai_responses"])
def test_items_of_openais_own_tools_are_told_in_words(dialect: str, item: dict, word: str) -> None:
    items = [{"role": "user", "content": "How high?"}, item, {"role": "user", "content": "So?"}]
    assert word in str(_sent(_responses(items), dialect))


@pytest.mark.parametrize("kind", ["item_reference", "compaction", "of_the_next_version"])
def test_what_nobody_else_can_read_is_demanded(kind: str) -> None:
    with pytest.raises(Inexpressible, match=kind):
        portable(_responses([{"role": "user", "content": "a"}, {"type": kind, "id": "x"}]), "openai_chat")


def test_a_request_that_nothing_stands_in_the_way_of_is_the_same_object() -> None:
    request = _responses()
    assert portable(request, "openai_responses") is request
    assert portable(request, "openai_chat") is request


def test_custom_tools_of_chat_are_functions_elsewhere() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "Patch."},
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "patch", "input": "a"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "Done."},
        ],
        "tools": [{"type": "custom", "custom": {"name": "patch"}}],
        "tool_choice": {"type": "custom", "custom": {"name": "patch"}},
    }
    request = by_name("openai_chat").decode_request(body)
    sent = portable(request, "gemini")
    assert [tool.name for tool in sent.tools if isinstance(tool, Tool)] == ["patch"]
    assert sent.tool_choice is not None
    assert sent.tool_choice.name == "patch"
    (call,) = sent.messages[1].parts
    assert call == ToolCall("c", "patch", '{"input":"a"}')
    again = by_name("openai_chat").encode_request(request)
    assert again["tools"] == body["tools"]
    assert again["messages"][1]["tool_calls"] == body["messages"][1]["tool_calls"]


def _gemini(**more: Any) -> Request:
    body = {"model": "m", "contents": [{"role": "user", "parts": [{"text": "Hello."}]}], **more}
    return by_name("gemini").decode_request(body)


def test_hints_of_gemini_are_left_out_and_its_demands_refuse() -> None:
    request = _gemini(safetySettings=[{}], labels={"a": "b"}, generationConfig={"mediaResolution": "LOW"})
    _sent(request, "openai_chat")
    assert request.dropped == ["safetySettings", "labels", "generationConfig"]
    for name, value in (
        ("cachedContent", "cachedContents/1"),
        ("generationConfig", {"responseModalities": ["TEXT", "IMAGE"]}),
        ("generationConfig", {"speechConfig": {"voiceConfig": {}}}),
    ):
        with pytest.raises(Inexpressible):
            portable(_gemini(**{name: value}), "openai_chat")


def test_several_allowed_functions_of_gemini_are_the_only_ones_offered() -> None:
    declared = [{"name": name, "parameters": {"type": "OBJECT", "properties": {}}} for name in "abc"]
    request = _gemini(
        tools=[{"functionDeclarations": declared}],
        toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a", "c"]}},
    )
    sent = _sent(request, "anthropic_messages")
    assert [tool["name"] for tool in sent["tools"]] == ["a", "c"]
    assert sent["tool_choice"] == {"type": "any"}


def test_what_a_result_of_gemini_shows_is_shown_elsewhere() -> None:
    png = {"mimeType": "image/png", "data": "aGk="}
    told = {"name": "f", "response": {"ok": True}, "parts": [{"inlineData": png}]}
    contents = [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": told}]},
    ]
    request = _gemini(contents=contents)
    sent = _sent(request, "anthropic_messages")
    assert "aGk=" in str(sent["messages"][-1])
    assert by_name("gemini").encode_request(request)["contents"][-1]["parts"] == [{"functionResponse": told}]
