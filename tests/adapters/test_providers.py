from __future__ import annotations

import re

import pytest

from adapters.catalogue import find
from adapters.dialects import DIALECTS
from adapters.providers import PROVIDERS, Provider, provider_named

BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "a"}],
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_tokens": 5,
}
ROWS = list(PROVIDERS.values())

# One case per provider: what becomes of a body. A new row needs a new case.
ADAPTED = {
    "openai": ({"max_tokens": 5, "top_k": -1}, {"max_completion_tokens": 5}),
    "azure": ({"max_tokens": 5}, {"max_completion_tokens": 5}),
    "mistral": ({"seed": 3, "user": "u", "stream_options": {}}, {"random_seed": 3}),
    "deepseek": ({"reasoning_effort": "none", "store": True}, {"thinking": {"type": "disabled"}}),
    "xai": ({"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
    "alibaba": ({"reasoning_effort": "low"}, {"enable_thinking": True, "thinking_budget": 2048}),
    "groq": ({"store": True, "max_completion_tokens": 5}, {"max_completion_tokens": 5}),
    "together": ({"max_completion_tokens": 5}, {"max_tokens": 5}),
    "openrouter": ({"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}}),
    "fireworks": ({"service_tier": "auto"}, {}),
    "ollama": ({"max_completion_tokens": 5, "prompt_cache_key": "k"}, {"max_tokens": 5}),
    "vllm": ({"store": True}, {}),
    "openai-compatible": ({"max_completion_tokens": 5}, {"max_tokens": 5}),
}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.dialect == "openai_chat"], ids=lambda row: row.name
)
def test_a_body_is_put_in_the_providers_words(row: Provider):
    given, wanted = ADAPTED[row.name]
    base = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
    assert row.adapt(base | given) == base | wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_are_whole(row: Provider):
    assert row.dialect in DIALECTS
    assert row.base_url is None or re.fullmatch(r"https?://[^/]+(/[\w.-]+)*", row.base_url)
    assert provider_named(row.name) is row
    if row.default_models:
        assert row.base_url
        assert row.key_env


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_default_models_are_in_the_catalogue_with_a_price(row: Provider):
    for name in row.default_models:
        model = find(row.prices, name)
        assert model is not None, name
        assert model.price is not None, name


def test_a_body_without_differences_passes_as_the_same_object():
    assert PROVIDERS["xai"].adapt(BODY) is BODY


def test_the_callers_body_is_left_alone():
    before = dict(BODY)
    PROVIDERS["openai"].adapt(BODY)
    assert before == BODY


def test_messages_lose_what_openai_does_not_document():
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "b", "reasoning_content": "thought", "reasoning_details": []},
    ]
    adapted = PROVIDERS["openai"].adapt({"model": "m", "messages": messages})
    assert adapted["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": "b"},
    ]
    assert PROVIDERS["deepseek"].adapt({"model": "m", "messages": messages})["messages"] is messages


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("openai", (b"authorization", b"Bearer k")),
        ("azure", (b"api-key", b"k")),
        ("anthropic", (b"x-api-key", b"k")),
        ("google", (b"x-goog-api-key", b"k")),
        ("bedrock", (b"authorization", b"Bearer k")),
    ],
)
def test_the_key_goes_where_the_provider_reads_it(name, header):
    row = PROVIDERS[name]
    assert header in row.headers("k")
    assert header not in row.headers(None)


def test_anthropic_wants_its_version_on_every_call():
    assert (b"anthropic-version", b"2023-06-01") in PROVIDERS["anthropic"].headers(None)


def test_files_are_documents_by_url_for_mistral():
    parts = [
        {"type": "text", "text": "a"},
        {"type": "file", "file": {"filename": "b.pdf", "file_data": "data:application/pdf;base64,eA=="}},
        {"type": "file", "file": {"file_id": "f"}},
    ]
    turns = [{"role": "user", "content": parts}, {"role": "user", "content": "c"}]
    body = PROVIDERS["mistral"].adapt({"model": "m", "messages": turns})
    url = "data:application/pdf;base64,eA=="
    assert body["messages"][0]["content"][1] == {
        "type": "document_url",
        "document_url": url,
        "document_name": "b.pdf",
    }
    assert body["messages"][0]["content"][2] == parts[2]
    assert parts[1]["type"] == "file"
