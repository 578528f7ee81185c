"""Failures in the words that clients of each API act on."""

from __future__ import annotations

import orjson
import pytest

from adapters.client_words import anthropic_message, overflow_of
from adapters.dialects import by_name
from adapters.errors import ErrorKind, ProviderError
from proxy.ingress.errors import Refusal

OPENAI = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        (OPENAI, (9000, 8192)),
        ("prompt is too long: 210000 tokens > 200000 maximum", (210000, 200000)),
        ("`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 100 `max_new_tokens`", (5000, 4096)),
        ("The input token count (1048999) exceeds the maximum number of tokens allowed (1048575).", (1048999, 1048575)),
        ("Your request exceeded model token limit: 131072", (None, 131072)),
        ("maximum is 128,000 tokens, got 130,001", (130001, 128000)),
        ("Prompt exceeds max length", (None, None)),
    ],
)  # fmt: skip
def test_counts_are_read_from_any_vendors_words(message, counts) -> None:
    assert overflow_of(message) == counts


@pytest.mark.parametrize(
    "message", [OPENAI, "Prompt exceeds max length", "prompt is too long: 9 tokens > 8 maximum"]
)
def test_messages_clients_read_that_the_prompt_is_too_long(message) -> None:
    told = anthropic_message(ErrorKind.CONTEXT_LENGTH, message)
    assert told.startswith("prompt is too long: ")
    assert anthropic_message(ErrorKind.CONTEXT_LENGTH, told) == told


def test_each_dialect_has_its_own_words_for_an_overflow() -> None:
    error = ProviderError(ErrorKind.CONTEXT_LENGTH, OPENAI, 400)
    told = {name: orjson.loads(by_name(name).encode_error(error)) for name in
            ("openai_chat", "openai_responses", "anthropic_messages", "gemini")}  # fmt: skip
    assert told["openai_chat"]["error"]["code"] == "context_length_exceeded"
    assert told["openai_chat"]["error"]["param"] == "messages"
    assert told["openai_responses"]["error"]["code"] == "context_length_exceeded"
    message = "prompt is too long: 9000 tokens > 8192 maximum"
    assert told["anthropic_messages"]["error"] == {"type": "invalid_request_error", "message": message}
    assert told["gemini"]["error"]["message"].startswith(
        "The input token count (9000) exceeds the maximum number of tokens"
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ErrorKind.RATE_LIMIT, "rate_limit_exceeded"),
        (ErrorKind.QUOTA, "insufficient_quota"),
        (ErrorKind.CONTENT_FILTER, "content_filter"),
        (ErrorKind.NOT_FOUND, "model_not_found"),
        (ErrorKind.UPSTREAM, 502),
    ],
)
def test_openais_clients_get_openais_codes(kind, code) -> None:
    error = ProviderError(kind, "m", 400)
    assert orjson.loads(by_name("openai_chat").encode_error(error))["error"]["code"] == code


def test_the_gateways_own_refusal_says_it_likewise() -> None:
    refusal = Refusal(
        400,
        "The prompt has about 9000 tokens; the largest context window here is 8192.",
        code="context_length_exceeded",
    )
    assert (
        orjson.loads(refusal.body("anthropic"))["error"]["message"]
        == "prompt is too long: 9000 tokens > 8192 maximum"
    )
    assert orjson.loads(refusal.body())["error"]["code"] == "context_length_exceeded"


def test_a_filter_is_named_as_anthropic_names_it() -> None:
    told = anthropic_message(ErrorKind.CONTENT_FILTER, "flagged")
    assert told == "Output blocked by content filtering policy: flagged"
