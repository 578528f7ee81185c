"""Vendors' failures by their own words: what rests an arm, what is one request's, and what a status alone tells."""

from __future__ import annotations

import pytest

from adapters.dialects.openai_shared.errors import decode_error
from adapters.errors import ErrorKind
from adapters.failure_words import classify


@pytest.mark.parametrize(
    ("status", "message", "codes"),
    [
        (400, "Model Not Exist", ["invalid_request_error"]),
        (400, "The model `m` does not exist or you do not have access to it.", []),
        (400, "Unable to access model m. Please visit https://example.invalid", []),
        (400, "Invalid model: m", []),
        (400, "The provided model identifier is invalid.", ["ValidationException"]),
        (400, "m is not a valid model ID", []),
        (400, "The model `m` has been decommissioned and is no longer supported.", ["model_decommissioned"]),
        (404, "x", ["api_error"]),
        (400, "模型不存在", ["1211"]),
    ],
)  # fmt: skip
def test_a_model_that_is_gone(status, message, codes):
    assert classify(status, message, *codes) is ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    ("status", "message", "codes", "kind"),
    [
        (400, "API key expired. Please renew the API key.", ["INVALID_ARGUMENT"], ErrorKind.AUTHENTICATION),
        (400, "Incorrect API key provided: ab***yz.", [], ErrorKind.AUTHENTICATION),
        (400, "Your account has been suspended.", [], ErrorKind.AUTHENTICATION),
        (401, "No.", ["api_error"], ErrorKind.AUTHENTICATION),
        (400, "Budget has been exceeded! Current cost: 10, Max budget: 5", ["budget_exceeded"], ErrorKind.QUOTA),
        (401, "No.", ["insufficient_quota"], ErrorKind.QUOTA),
        (400, "User location is not supported for the API use.", ["FAILED_PRECONDITION"], ErrorKind.PERMISSION),
        (400, "This model is not available in your region.", [], ErrorKind.PERMISSION),
        (403, "x", ["unsupported_country_region_territory"], ErrorKind.PERMISSION),
        (429, "No.", ["api_error"], ErrorKind.RATE_LIMIT),
    ],
)  # fmt: skip
def test_what_is_the_accounts(status, message, codes, kind):
    assert classify(status, message, *codes) is kind


@pytest.mark.parametrize(
    ("status", "message", "codes"),
    [
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000", ["validation"]),
        (400, "Invalid request: Your request exceeded model token limit: 131072", []),
        (400, "Prompt exceeds max length", ["1261"]),
        (400, "the request exceeds the available context size. try increasing it", ["exceed_context_size_error"]),
        (400, "Range of input length should be [1, 30720]", []),
        (400, "This model's maximum prompt length is 131072 but the request contains 150000 tokens.", []),
        (400, "The input token count (1048999) exceeds the maximum number of tokens allowed (1048575).", []),
        (413, "Prompt is too long", []),
    ],
)  # fmt: skip
def test_a_prompt_that_does_not_fit(status, message, codes):
    assert classify(status, message, *codes) is ErrorKind.CONTEXT_LENGTH


@pytest.mark.parametrize("status", [413, 429])
def test_a_request_of_more_than_a_minutes_tokens_is_too_large_and_no_matter_of_waiting(status):
    message = "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000."
    assert classify(status, message, "rate_limit_exceeded", "tokens") is ErrorKind.TOO_LARGE


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "No endpoints found that support tool use. Try disabling tools."),
        (404, "No endpoints found that support image input"),
        (500, "image input is not supported - hint: you may need to provide the mmproj"),
        (500, "tools param requires --jinja flag"),
        (501, "not implemented"),
        (400, "max_tokens is too large: 9000. This model supports at most 4096 completion tokens."),
        (400, "Invalid value: 'The model m does not exist'. Supported values are: 'system', 'user'."),
        (422, 'Invalid value: "api key expired"'),
    ],
)  # fmt: skip
def test_what_one_request_asked_for_rests_no_arm(status, message):
    assert classify(status, message) is ErrorKind.INVALID_REQUEST


def test_googles_reason_and_the_field_are_read():
    body = b'{"error":{"code":400,"message":"No.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}'
    assert decode_error(400, {}, body).kind is ErrorKind.AUTHENTICATION
    body = b'{"error":{"message":"No.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}'
    assert decode_error(400, {}, body).param == "temperature"
