"""Which feature a refusal speaks of, and which ones a request has."""

from __future__ import annotations

import pytest

from adapters.errors import ErrorKind, ProviderError
from adapters.refused import features_of, harmless_field, is_plain, named


def refusal(message: str, param: str | None = None) -> ProviderError:
    return ProviderError(ErrorKind.INVALID_REQUEST, message, 400, None, None, param)


@pytest.mark.parametrize(
    ("message", "features"),
    [
        ("registry.example/library/m:latest does not support tools", {"tools"}),
        ("Unsupported parameter: 'presence_penalty' is not supported with this model.", {"presence_penalty"}),
        ("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1)", {"temperature"}),
        ("Function tools with reasoning_effort are not supported for m", {"tools", "reasoning"}),
        ("Function calling with a response mime type: 'application/json' is unsupported", {"tools", "response_format"}),
        ("This model does not support image input", {"images"}),
        ("`logprobs` is not supported", {"logprobs"}),
        ("Unrecognized request argument supplied: reasoning_effort", {"reasoning"}),
        ("This model does not support assistant message prefill.", {"prefill"}),
        ("Extra inputs are not permitted: stream_options", {"stream_options"}),
        ("Multiple candidates is not enabled for this model", {"n"}),
        ("The role developer is not supported", {"developer"}),
    ],
)  # fmt: skip
def test_the_feature_is_read_from_the_words(message, features):
    error = refusal(message)
    assert named(error) == features
    assert is_plain(error)


@pytest.mark.parametrize(
    "message", ["messages.0: not as this vendor wants it", "temperature: must be at most 1", "Bad request"]
)
def test_a_body_that_is_wrong_is_no_lack_of_the_arm(message):
    assert not is_plain(refusal(message))


def test_the_named_field_counts_as_well():
    assert named(refusal("Unsupported parameter.", "top_k")) == {"top_k"}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ('[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]', "stream_options"),
        ("Unknown parameter: 'prompt_cache_key'.", "prompt_cache_key"),
        ("Unsupported parameter: 'temperature'", None),
        ("metadata: must be an object", None),
    ],
)  # fmt: skip
def test_fields_that_change_nothing_can_be_left_out(message, field):
    assert harmless_field(refusal(message)) == field


def test_features_have_one_name_in_every_dialect():
    document = {
        "model": "m",
        "messages": [],
        "max_tokens": 9,
        "stop_sequences": ["x"],
        "thinking": {"type": "enabled"},
        "tools": [],
        "top_p": 0.5,
        "logprobs": False,
    }
    assert features_of(document, ["images"]) == {"stop", "reasoning", "top_p", "images"}
