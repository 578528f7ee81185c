from __future__ import annotations

import pytest

from adapters.dialects.openai_shared.errors import decode_error, encode_error
from adapters.errors import ErrorKind, ProviderError, redact, retry_after_s
from adapters.failure_words import classify

NOON = 1_767_268_800.0  # Thu, 01 Jan 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e9"}, 3600.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ratelimit-reset-requests": "1m2.5s"}, 62.5),
        ({"x-ratelimit-reset-tokens": "20ms", "x-ratelimit-remaining-tokens": "0"}, 0.02),
        ({"x-ratelimit-reset-tokens": "20s", "x-ratelimit-remaining-tokens": "812"}, None),
        ({"x-ratelimit-reset": str(int((NOON + 40) * 1000))}, 40.0),
        ({"anthropic-ratelimit-tokens-reset": "2026-01-01T12:00:05Z"}, 5.0),
    ],
)
def test_the_wait_is_read_from_whatever_header_says_it(headers, seconds):
    assert retry_after_s(headers, NOON) == seconds


def test_a_date_is_measured_against_the_answers_own_clock():
    headers = {"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT", "date": "Thu, 01 Jan 2026 12:00:00 GMT"}
    assert retry_after_s(headers) == 30.0


@pytest.mark.parametrize(
    ("status", "message", "codes", "kind"),
    [
        (429, "slow down", ["rate_limit_exceeded"], ErrorKind.RATE_LIMIT),
        (429, "You exceeded your current quota", ["insufficient_quota"], ErrorKind.QUOTA),
        (429, "You exceeded your current quota, please check billing details", [], ErrorKind.QUOTA),
        (402, "", [], ErrorKind.QUOTA),
        (529, "Overloaded", ["overloaded_error"], ErrorKind.OVERLOADED),
        (503, "", [], ErrorKind.OVERLOADED),
        (400, "This model's maximum context length is 8192 tokens.", [], ErrorKind.CONTEXT_LENGTH),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", ["invalid_request_error"], ErrorKind.CONTEXT_LENGTH),
        (400, "x", ["context_length_exceeded", "invalid_request_error"], ErrorKind.CONTEXT_LENGTH),
        (400, "The response was filtered due to the prompt triggering content management policy.", ["content_filter"],
         ErrorKind.CONTENT_FILTER),
        (400, "Invalid value for temperature", ["invalid_request_error"], ErrorKind.INVALID_REQUEST),
        (400, "API key not valid. Please pass a valid API key.", ["INVALID_ARGUMENT"], ErrorKind.AUTHENTICATION),
        (401, "", ["invalid_api_key"], ErrorKind.AUTHENTICATION),
        (404, "no such model", ["model_not_found"], ErrorKind.NOT_FOUND),
        (413, "", [], ErrorKind.TOO_LARGE),
        (418, "", [], ErrorKind.INVALID_REQUEST),
        (500, "context length", [], ErrorKind.UPSTREAM),
        (504, "", [], ErrorKind.TIMEOUT),
        (None, "", ["server_error"], ErrorKind.UPSTREAM),
        (None, "The model is overloaded", ["ThrottlingException"], ErrorKind.RATE_LIMIT),
    ],
)  # fmt: skip
def test_failures_are_told_apart(status, message, codes, kind):
    assert classify(status, message, *codes) is kind


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcDEF0123456789",
        "Bearer abcdefghijkl",
        "AIzaSyA1234567890abcdefghij",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "gsk_0123456789abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "xai-0123456789abcdef",
    ],
)
def test_credentials_leave_no_trace(secret):
    assert secret not in redact(f"The key {secret} is wrong")
    assert secret.removeprefix("Bearer ") not in redact(f'{{"authorization": "{secret}"}}')


def test_plain_words_stay():
    said = "The keyboard-layout of chatcmpl-0123456789 and key figures are fine; request 7f3e2d1c-0000-4000-8000-1234567890ab"
    assert redact(said) == said


def test_a_page_of_html_is_cut():
    assert len(redact("<html>" * 10_000)) < 2_100


@pytest.mark.parametrize(
    ("body", "kind", "message", "code"),
    [
        (b'{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}',
         ErrorKind.CONTEXT_LENGTH, "m", "context_length_exceeded"),
        (b'{"error":"plain words"}', ErrorKind.INVALID_REQUEST, "plain words", None),
        (b'{"object":"error","message":"mistral says","type":"invalid_request_error","code":null}',
         ErrorKind.INVALID_REQUEST, "mistral says", "invalid_request_error"),
        (b'{"detail":[{"loc":["body"],"msg":"field required"}]}', ErrorKind.INVALID_REQUEST,
         '[{"loc":["body"],"msg":"field required"}]', None),
        (b"<html>Bad gateway</html>", ErrorKind.INVALID_REQUEST, "<html>Bad gateway</html>", None),
        (b"", ErrorKind.INVALID_REQUEST, "The provider gave no reason.", None),
        (b"[]", ErrorKind.INVALID_REQUEST, "The provider gave no reason.", None),
        (b'{"error":{"innererror":{"code":"ResponsibleAIPolicyViolation"},"message":"m","code":"content_filter"}}',
         ErrorKind.CONTENT_FILTER, "m", "ResponsibleAIPolicyViolation"),
    ],
)  # fmt: skip
def test_error_bodies_of_every_shape_are_read(body, kind, message, code):
    error = decode_error(400, {"retry-after": "3"}, body)
    assert (error.kind, error.message, error.code, error.status, error.retry_after_s) == (
        kind,
        message,
        code,
        400,
        3.0,
    )


def test_an_encoded_error_reads_as_the_same_kind():
    for kind in set(ErrorKind) - {ErrorKind.GATEWAY, ErrorKind.DEADLINE}:  # a provider has neither
        error = ProviderError(kind, "words", 400, None, None)
        assert decode_error(kind.status, {}, encode_error(error)).kind in (kind, ErrorKind.INVALID_REQUEST)
