from __future__ import annotations

import pytest

from adapters.catalogue import find, models, search
from adapters.families import chats


def test_every_listed_model_is_in_the_catalogue_sorted():
    names = [(model.provider, model.name) for model in models()]
    assert len(names) > 2000
    assert names == sorted(names)


def test_a_search_looks_at_provider_and_name_whatever_the_case():
    found = search("QWEN")
    assert found
    assert all("qwen" in f"{model.provider}/{model.name}".lower() for model in found)
    assert search("x-ai/grok")
    assert search("no such model") == []


@pytest.mark.parametrize(
    ("provider", "name", "abilities"),
    [
        ("openai", "gpt-4o-mini", {"tools", "images", "json_schema"}),
        ("openai", "gpt-3.5-turbo", {"tools"}),
        ("openai", "o3-mini", {"tools", "json_schema", "reasoning"}),
        ("openai", "text-embedding-3-small", set()),
        ("anthropic", "claude-3-haiku-20240307", {"tools", "images"}),
        ("anthropic", "claude-opus-4-8", {"tools", "images", "json_schema", "reasoning"}),
        ("google", "gemini-2.5-pro", {"tools", "images", "json_schema", "reasoning", "audio"}),
        ("deepseek", "deepseek-v4-flash", {"tools", "reasoning"}),
        ("groq", "llama-3.3-70b-versatile", {"tools"}),
        ("groq", "whisper-large-v3", set()),
    ],
)
def test_abilities_are_those_of_the_family(provider, name, abilities):
    model = find(provider, name)
    assert model is not None
    assert model.capabilities == abilities


def test_few_names_tell_nothing():
    unknown = [model for model in models() if not model.family]
    assert len(unknown) < 0.07 * len(list(models()))


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("gpt-5.4", True),
        ("gemini-3.5-flash", True),
        ("voxtral-small", True),
        ("canopylabs/orpheus-v1-english", False),
        ("text-embedding-3-small", False),
        ("gpt-4o-mini-transcribe", False),
        ("qwen3-embedding-0.6b", False),
        ("voyage-4-large", False),
        ("olive-7b", True),
        ("some-delivery-model", True),
        ("mistral-ocr-latest", False),
    ],
)
def test_the_name_tells_what_cannot_chat(name, answers):
    assert chats(name) is answers


def test_a_family_that_nobody_described_can_do_text_only():
    unknown = [model for model in models() if not model.family]
    assert unknown
    assert all(not model.capabilities and model.max_output is None for model in unknown)


def test_no_answer_is_longer_than_the_context():
    for model in models():
        assert (
            model.max_output is None
            or model.context_window is None
            or model.max_output <= model.context_window
        )


def test_unknown_models_are_not_found():
    assert find("openai", "no-such-model-anywhere") is None
    assert find(None, "gpt-4o") is None
