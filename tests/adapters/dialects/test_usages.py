"""Usage objects of all vendors, as their APIs send them → what a bill is made of."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from adapters.billing.counts import merged, settle
from adapters.canonical import Usage, UsageReport
from adapters.dialects import by_name
from adapters.dialects.anthropic.usage import Counters
from adapters.dialects.bedrock.answer import decode_answer as bedrock_answer
from adapters.dialects.gemini.decode_answer import decode_answer as gemini_answer
from adapters.dialects.gemini.decode_answer import decode_usage as gemini_usage
from adapters.dialects.openai_shared.usage import decode_usage
from adapters.dialects.responses.decode_answer import counted
from adapters.dialects.shared.reported_cost import reported


def anthropic(*blocks: dict[str, Any]) -> Usage:
    counters = Counters()
    for block in blocks:
        counters.add(block)
    usage = counters.usage()
    assert usage is not None
    return usage


@pytest.mark.parametrize(
    ("raw", "right"),
    [
        # OpenAI counts reasoning within the answer, xAI beside it, as the total shows; so does who has more of it.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 20,
                "total_tokens": 30,
                "completion_tokens_details": {"reasoning_tokens": 15},
            },
            Usage(10, 20, reasoning=15),
        ),
        (
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            Usage(32, 103, reasoning=94),
        ),
        (
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            Usage(32, 103, reasoning=94),
        ),
        # Sound and images, with those that were read from the cache.
        (
            {
                "input_tokens": 100,
                "output_tokens": 50,
                "input_tokens_details": {
                    "audio_tokens": 40,
                    "image_tokens": 20,
                    "cached_tokens": 30,
                    "cached_tokens_details": {"audio_tokens": 10, "image_tokens": 5},
                },
                "output_tokens_details": {"audio_tokens": 30, "image_tokens": 9},
            },
            Usage(
                100,
                50,
                30,
                input_audio=40,
                output_audio=30,
                cached_audio=10,
                input_image=20,
                output_image=9,
                cached_image=5,
            ),
        ),
        # Gateways before Anthropic, in OpenAI's words.
        (
            {
                "prompt_tokens": 1000,
                "completion_tokens": 5,
                "cache_read_input_tokens": 600,
                "cache_creation_input_tokens": 300,
                "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
            },
            Usage(1000, 5, 600, 300, cache_write_1h=200),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}, Usage(10, 5, 4)),
        # Perplexity counts searches, and citations beside the answer.
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "citation_tokens": 7, "num_search_queries": 3},
            Usage(10, 12, citation=7, uses={"web_search": 3}),
        ),
        ({"prompt_tokens": -5, "completion_tokens": "many"}, Usage()),
    ],
)
def test_openai_and_those_who_speak_like_it(raw: dict[str, Any], right: Usage) -> None:
    assert decode_usage(raw) == right


@pytest.mark.parametrize(
    ("word", "tier"),
    [
        ("default", "default"),
        ("flex", "flex"),
        ("priority", "priority"),
        ("on_demand", "default"),
        (None, None),
        (7, None),
    ],
)
def test_the_tier_that_answered(word: object, tier: str | None) -> None:
    assert decode_usage({"prompt_tokens": 1, "completion_tokens": 1}, word).tier == tier


def test_mistral_counts_the_seconds_that_it_heard() -> None:
    usage = decode_usage({"prompt_tokens": 4, "completion_tokens": 635, "prompt_audio_seconds": 203})
    assert (usage.input, usage.output, usage.seconds) == (4, 635, 203.0)


def test_anthropic_bills_caches_by_lifetime_searches_tiers_speed_and_region() -> None:
    usage = anthropic(
        {
            "input_tokens": 100,
            "output_tokens": 10,
            "cache_read_input_tokens": 50,
            "cache_creation_input_tokens": 900,
            "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 500},
            "server_tool_use": {"web_search_requests": 2},
            "service_tier": "priority",
            "speed": "fast",
            "inference_geo": "us",
        }
    )
    assert usage == Usage(
        1050,
        10,
        50,
        900,
        cache_write_1h=500,
        uses={"web_search": 2},
        tier="priority",
        speed="fast",
        geography="us",
    )


def test_anthropics_counters_run_on_and_are_not_added_up() -> None:
    first = {"input_tokens": 100, "output_tokens": 1, "server_tool_use": {"web_search_requests": 1}}
    last = {"output_tokens": 40, "server_tool_use": {"web_search_requests": 2}}
    assert anthropic(first, last, last) == Usage(100, 40, uses={"web_search": 2})


def test_gemini_counts_by_modality_and_names_its_traffic() -> None:
    raw = {
        "promptTokenCount": 100,
        "candidatesTokenCount": 1300,
        "thoughtsTokenCount": 40,
        "cachedContentTokenCount": 30,
        "toolUsePromptTokenCount": 8,
        "trafficType": "ON_DEMAND_PRIORITY",
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 50},
            {"modality": "AUDIO", "tokenCount": 30},
            {"modality": "IMAGE", "tokenCount": 20},
        ],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
    }
    assert gemini_usage(raw) == Usage(
        108,
        1340,
        30,
        reasoning=40,
        input_audio=30,
        cached_audio=10,
        input_image=20,
        output_image=1290,
        tier="priority",
    )


def test_gemini_bills_the_grounded_prompt_or_the_search() -> None:
    body = {
        "candidates": [
            {
                "content": {"parts": [{"text": "Jupiter."}]},
                "finishReason": "STOP",
                "groundingMetadata": {"webSearchQueries": ["largest planet", "planets by size"]},
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1},
    }
    report = gemini_answer(orjson.dumps(body))[-1]
    assert isinstance(report, UsageReport)
    assert report.usage.uses == {"web_search": 2, "grounded_prompt": 1}


def test_bedrock_names_lifetimes_and_the_tier() -> None:
    body = {
        "output": {"message": {"content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 10,
            "outputTokens": 5,
            "cacheWriteInputTokens": 700,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 500}, {"ttl": "5m", "inputTokens": 200}],
        },
        "serviceTier": {"type": "flex"},
    }
    report = bedrock_answer(orjson.dumps(body))[-1]
    assert isinstance(report, UsageReport)
    assert report.usage == Usage(710, 5, None, 700, cache_write_1h=500, tier="flex")


def test_responses_count_their_tools() -> None:
    output = [
        {"type": "web_search_call", "action": {"type": "search"}},
        {"type": "web_search_call", "action": {"type": "open_page"}},
        {"type": "web_search_call"},
        {"type": "file_search_call"},
        {"type": "code_interpreter_call", "container_id": "c1"},
        {"type": "code_interpreter_call", "container_id": "c1"},
    ]
    usage = counted({"output": output, "service_tier": "flex"}, {"input_tokens": 1, "output_tokens": 1})
    assert usage == Usage(1, 1, tier="flex", uses={"web_search": 2, "file_search": 1, "code_execution": 1})


@pytest.mark.parametrize(
    ("raw", "bill", "figure"),
    [
        ({}, None, None),
        ({"cost": 0.5}, 0.5, None),
        # Zero is what gateways say that don't know prices; one that says it charged nobody else is believed.
        ({"cost": 0}, None, 0.0),
        ({"cost": 0, "is_byok": False}, 0.0, None),
        ({"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, 0.021, 0.001),
        ({"cost": 0.02, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.02}}, 0.02, None),
        ({"cost": 0.001, "is_byok": True, "cost_details": None}, None, 0.001),
        ({"cost": {"total_cost": 0.0078, "request_cost": 0.0075}}, 0.0078, None),
        ({"cost": {"total_cost": "much"}}, None, None),
        ({"cost_in_usd_ticks": 37_756_000}, 0.0037756, None),
        ({"cost_in_usd_ticks": -1}, None, None),
        ({"cost": -1}, None, None),
        ({"cost": 1e9}, None, None),
        ({"cost": 5000.0}, None, None),
        ({"cost": True}, None, None),
        ({"cost": "a few cents"}, None, None),
    ],
)
def test_which_figure_is_the_bill(raw: dict[str, Any], bill: float | None, figure: float | None) -> None:
    assert reported(raw) == (bill if bill is None else pytest.approx(bill), figure)


def test_blocks_that_come_again_are_not_added_up_and_zeros_take_nothing_back() -> None:
    usage = merged(merged(merged(None, Usage(10, 3)), Usage(10, 7, cached=4)), Usage(0, 0))
    assert (usage.input, usage.output, usage.cached) == (10, 7, 4)


def test_more_in_the_cache_than_text_is_sound_from_the_cache() -> None:
    usage = Usage(100, 1, cached=80, input_audio=60)
    settle(usage, lambda: 1, 1, 4.0)
    assert usage.cached_audio == 40


CHUNK = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
)
START = CHUNK % b"Hello"
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "ends",
    [
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\n',
        b'data: {"choices": [ {"index": 0, "delta": {}, "finish_reason" : "stop"} ], "usage" : {"prompt_tokens": 7, "completion_tokens": 9}}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason"  :  "stop"}],"usage"\t:\t{ "prompt_tokens":7,"completion_tokens":9}}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":7,"completion_tokens":9}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":7,"completion_tokens":9}}}\n\n',
    ],
)
@pytest.mark.parametrize("reads", ["one", "each", "all after the first"])
def test_counts_are_found_however_they_are_spaced_and_placed(ends: bytes, reads: str) -> None:
    """Also where they come in one read with ordinary events, which are let pass by their looks."""
    parts = [START, CHUNK % b"there", *[CHUNK % b"padding" for _ in range(20)], ends, DONE]
    pieces = {
        "one": [b"".join(parts)],
        "each": parts,
        "all after the first": [parts[0], b"".join(parts[1:])],
    }[reads]
    tap = by_name("openai_chat").tap(stream=True, keep_usage=True, cost_of=lambda _: None)
    for piece in pieces:
        tap.feed(piece)
    tap.close()
    assert tap.usage is not None
    assert (tap.usage.input, tap.usage.output, tap.finish) == (7, 9, "stop")


def test_the_counts_of_every_chunk_run_on() -> None:
    with_usage = CHUNK.replace(b"}\n\n", b',"usage":{"prompt_tokens":7,"completion_tokens":%d}}\n\n')
    tap = by_name("openai_chat").tap(stream=True, keep_usage=True, cost_of=lambda _: None)
    for number in (1, 2, 3, 0):
        tap.feed(with_usage % (b"x", number))
    assert tap.usage is not None
    assert (tap.usage.input, tap.usage.output) == (7, 3)


@pytest.mark.parametrize("figure", [b"-1", b"1e9", b'"much"', b"0", b'{"total_cost":0.25}'])
@pytest.mark.parametrize("stream", [True, False])
def test_a_figure_that_is_not_the_bill_is_not_passed_on_as_one(figure: bytes, stream: bool) -> None:
    usage = b'"usage":{"prompt_tokens":7,"cost":%s,"completion_tokens":9}' % figure
    tap = by_name("openai_chat").tap(stream=stream, keep_usage=True, cost_of=lambda _: 0.25)
    if stream:
        last = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],%s}\n\n' % usage
        out = tap.feed(START) + tap.feed(last) + tap.feed(DONE) + tap.close()
    else:
        body = b'{"id":"c","note":"{","choices":[{"message":{"content":"\\u00e9 \\"usage\\":{"},"finish_reason":"stop"}],%s}'
        out = tap.feed(body % usage) + tap.close()
    assert b'"usage":{"prompt_tokens":7,"cost":0.25,"completion_tokens":9}' in out
    whole = out.split(b"data: ")[2] if stream else out
    assert orjson.loads(whole)["usage"]["cost"] == 0.25
