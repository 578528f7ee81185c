"""What each dialect cannot express, and why. Everything else has to survive being written and read."""

from __future__ import annotations

from hypothesis import strategies as st

from adapters.canonical import Thinking
from adapters.dialects.anthropic.dialect import ANTHROPIC_MESSAGES
from adapters.dialects.bedrock.dialect import BEDROCK_CONVERSE
from adapters.dialects.cohere.dialect import COHERE
from adapters.dialects.gemini.dialect import GEMINI
from adapters.dialects.openai_chat.dialect import OPENAI_CHAT
from adapters.dialects.responses.dialect import OPENAI_RESPONSES
from tests.adapters.dialects.strategies import Voice

efforts = st.sampled_from(["low", "high"])
budgets = st.integers(1024, 9999)
OFF = st.just(Thinking(enabled=False))


def because(reason: str, *features: str) -> dict[str, str]:
    return dict.fromkeys(features, reason)


PARAMETER = "the API has no such parameter"
NO_ITEM = "only Responses has items around calls"
NO_TYPE = "the type of what a URL points to is not said"
PARSED = "arguments are an object on the wire, and so lose their spelling"
SEALED = "thoughts go back with the vendor's seal or not at all"
GOOGLE = "only Google seals calls"
ONE_ANSWER = "there is one answer"
ALWAYS = "the counts come with every answer"
NO_MARK = "there is no cache mark"

CHAT = Voice(
    OPENAI_CHAT,
    {
        **because(NO_ITEM, "call_item_id"),
        **because(NO_TYPE, "image_url_typed", "file_url_typed"),
        **because("images have no ids", "image_file_id"),
        **because("annotations stand beside the content, not at a part of it", "annotated_text"),
        **because("a custom call stands in the list of calls", "opaque"),
        **because("a message is thoughts, content and calls, in this order", "interleaved_parts"),
        **because("a tool's message is text, an error its words", "result_media", "result_error"),
        **because("there is one message", "answer_interleaved", "answer_media", "answer_opaque"),
        **because("the sequence that was hit is not said", "answer_stop_sequence"),
    },
    thinkings=OFF | st.builds(Thinking, effort=efforts),
    finishes={name: name for name in ("stop", "length", "tool_calls", "content_filter")},
    tiers=st.just("flex"),
    annotation={"type": "url_citation", "url_citation": {"url": "https://host"}},
    builtin={"type": "browser_search"},
    extra="prediction",
)

ANTHROPIC = Voice(
    ANTHROPIC_MESSAGES,
    {
        **because(NO_ITEM, "call_item_id"),
        **because(NO_TYPE, "image_url_typed", "file_url_typed"),
        **because(PARSED, "any_arguments"),
        **because(SEALED, "bare_thought"),
        **because(GOOGLE, "call_signature", "answer_call_signature"),
        **because(PARAMETER, "seed", "n", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs"),
        **because(PARAMETER, "metadata", "cache_key", "image_detail", "message_name", "temperature_above_1"),
        **because("there is no such input", "audio_data", "video_data", "video_url"),
        **because("the one role is system", "developer"),
        **because("refusals are told at the end of an answer only", "refusal"),
        **because("thoughts have no ids", "thought_id"),
        **because("the schema is all there is to say", "format_name", "format_object", "format_strict"),
        **because("the schema is all there is to say", "format_description"),
        **because("max_tokens is required", "limit_unsaid"),
        **because("every tool has a schema", "tool_schema_unsaid"),
        **because("it is a property of the choice", "parallel_without_choice"),
        **because("a result names its call by id alone", "result_name"),
        **because(ALWAYS, "usage_unasked", "answer_without_usage"),
        **because(ONE_ANSWER, "answer_choices"),
        **because("the answer has no such field", "answer_created", "answer_logprobs", "answer_media"),
        **because("the answer has no such field", "usage_audio"),
    },
    thinkings=st.one_of(
        st.builds(Thinking, st.just(False), st.none() | efforts),
        st.builds(
            Thinking,
            st.just(True),
            st.none() | efforts,
            st.none() | budgets,
            st.sampled_from([None, "omitted"]),
        ),
    ),
    finishes={
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
    },
    vendor="anthropic",
    annotation={"type": "citation", "citation": {"type": "char_location", "cited_text": "a"}},
    builtin={"type": "web_search_20250305", "name": "web_search"},
    opaque={"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "a"}},
    extra="container",
)

RESPONSES = Voice(
    OPENAI_RESPONSES,
    {
        **because(NO_TYPE, "image_url_typed", "file_url_typed"),
        **because(SEALED, "bare_thought"),
        **because("a seal is the encrypted content of a thought", "redacted_thought", "answer_redacted"),
        **because(GOOGLE, "call_signature", "answer_call_signature"),
        **because(PARAMETER, "top_k", "seed", "n", "stop", "presence_penalty", "frequency_penalty"),
        **because(PARAMETER, "logit_bias", "message_name"),
        **because("they are asked for, or not", "logprobs_off"),
        **because("there is no such input", "video_data", "video_url"),
        **because(NO_MARK, "cache_of_text", "cache_of_media", "cache_of_result", "cache_of_system"),
        **because(NO_MARK, "cache_of_tool"),
        **because("instructions are one text", "system_texts"),
        **because("a call's output is one text unless it shows something", "result_texts"),
        **because("an error is told in the output's words", "result_error"),
        **because("a result names its call by id alone", "result_name"),
        **because(ALWAYS, "usage_unasked"),
        **because(ONE_ANSWER, "answer_choices"),
        **because("an image is the item of the tool that made it", "answer_media"),
        **because("the sequence that was hit is not said", "answer_stop_sequence"),
        **because("every item has an id", "answer_thought_unnamed"),
        **because("its clients demand every count", "answer_unsaid_counts"),
    },
    thinkings=OFF | st.builds(Thinking, effort=efforts, summary=st.sampled_from([None, "auto"])),
    finishes={
        "stop": "completed",
        "length": "max_output_tokens",
        "tool_calls": "completed",
        "content_filter": "content_filter",
    },
    vendor="openai",
    tiers=st.just("flex"),
    annotation={"type": "url_citation", "url_citation": {"url": "https://host", "title": "a"}},
    builtin={"type": "web_search"},
    opaque={"type": "web_search_call", "id": "ws_1", "status": "completed"},
    extra="prompt",
)

GOOGLE_VOICE = Voice(
    GEMINI,
    {
        **because(NO_ITEM, "call_item_id"),
        **because(PARSED, "any_arguments"),
        **because(SEALED, "bare_thought", "redacted_thought", "answer_redacted"),
        **because("thoughts have no ids", "thought_id"),
        **because(PARAMETER, "logit_bias", "user", "metadata", "cache_key", "parallel_tool_calls"),
        **because(PARAMETER, "service_tier", "image_detail", "message_name", "tool_strict"),
        **because(NO_MARK, "cache_of_text", "cache_of_media", "cache_of_result", "cache_of_system"),
        **because(NO_MARK, "cache_of_tool"),
        **because("what a URL holds is told by its type", "image_url", "file_url", "video_url"),
        **because("files are named by URI", "image_file_id", "file_id", "file_id_named", "file_data_named"),
        **because("instructions come first and have no role", "developer", "system_between"),
        **because("refusals are text", "refusal", "answer_refusal"),
        **because("citations belong to the answer as a whole", "annotated_text"),
        **because("the schema is all there is to say", "format_name", "format_strict", "format_description"),
        **because("a response is one object", "result_media", "result_texts"),
        **because("a response names its function", "result_unnamed"),
        **because(ALWAYS, "usage_unasked"),
        **because("the answer has no such field", "answer_created", "answer_tier", "answer_stop_sequence"),
        **because("no client reads them in this dialect", "answer_logprobs", "answer_annotations"),
        **because("no client reads them in this dialect", "usage_audio"),
        **because("writing to the cache is not counted", "usage_cache_write"),
    },
    thinkings=OFF
    | st.builds(Thinking, budget_tokens=st.none() | budgets, summary=st.sampled_from([None, "omitted"])),
    finishes={"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"},
    vendor="gemini",
    # Later models take effort words, have no way to switch thinking off and want every call sealed.
    models=st.just("gemini-2.5-flash"),
    builtin={"googleSearch": {}},
    opaque={"executableCode": {"language": "PYTHON", "code": "1"}},
    extra="labels",
)

AWS = Voice(
    BEDROCK_CONVERSE,
    {
        **because(NO_ITEM, "call_item_id"),
        **because(PARSED, "any_arguments"),
        **because(SEALED, "bare_thought"),
        **because("thoughts have no ids", "thought_id"),
        **because(GOOGLE, "call_signature", "answer_call_signature"),
        **because(PARAMETER, "seed", "n", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs"),
        **because(PARAMETER, "user", "metadata", "cache_key", "service_tier", "parallel_tool_calls"),
        **because(PARAMETER, "image_detail", "message_name", "temperature_above_1", "choice_none"),
        **because("media are sent inline", "image_url", "image_url_typed", "image_file_id", "video_url"),
        **because("media are sent inline", "file_url", "file_url_typed", "file_id", "file_id_named"),
        **because("there is no such input", "audio_data"),
        **because("documents have names", "file_data"),
        **because("instructions come first and have no role", "developer", "system_between"),
        **because("refusals are text", "refusal", "answer_refusal"),
        **because("citations are blocks of their own", "annotated_text", "answer_annotations"),
        **because("a schema, its name and what it is for is all there is", "format_object", "format_strict"),
        **because("every tool has a schema", "tool_schema_unsaid"),
        **because("a result names its call by id alone", "result_name"),
        **because(ALWAYS, "usage_unasked", "answer_without_usage"),
        **because(ONE_ANSWER, "answer_choices"),
        **because("the answer has no such field", "answer_created", "answer_id", "answer_model"),
        **because("the answer has no such field", "answer_logprobs", "answer_media", "answer_tier"),
        **because("the answer has no such field", "usage_audio", "usage_reasoning"),
        **because("a stream has text, calls and thoughts", "answer_opaque"),
    },
    thinkings=st.builds(Thinking, budget_tokens=budgets),
    finishes={
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "content_filtered",
    },
    vendor="anthropic",
    models=st.just("anthropic.claude-sonnet-4"),
    builtin={"systemTool": {"name": "search"}},
    opaque={"guardContent": {"text": {"text": "a"}}},
    extra="guardrailConfig",
)

COMMAND = Voice(
    COHERE,
    {
        **CHAT.lacks,
        **because(GOOGLE, "call_signature", "answer_call_signature"),
        **because("thoughts are plain", "signed_thought", "redacted_thought", "thought_id"),
        **because("thoughts are plain", "answer_signature", "answer_redacted"),
        **because(PARAMETER, "n", "logit_bias", "user", "metadata", "cache_key", "parallel_tool_calls"),
        **because(PARAMETER, "service_tier", "message_name", "builtin_tool", "choice_auto", "choice_one"),
        **because(PARAMETER, "top_logprobs"),
        **because(NO_MARK, "cache_of_text", "cache_of_media", "cache_of_result", "cache_of_system"),
        **because(NO_MARK, "cache_of_tool"),
        **because("there is no such input", "audio_data", "video_data", "video_url", "file_data", "file_url"),
        **because("there is no such input", "file_data_named", "file_id", "file_id_named"),
        **because("the one role is system", "developer"),
        **because("refusals are text", "refusal", "answer_refusal"),
        **because("the schema is all there is to say", "format_strict", "format_description"),
        **because("a result names its call by id alone", "result_name"),
        **because(ALWAYS, "usage_unasked"),
        **because(ONE_ANSWER, "answer_choices"),
        **because("the answer has no such field", "answer_created", "answer_model", "answer_tier"),
        **because("the answer has no such field", "usage_audio", "usage_reasoning", "usage_cache_write"),
        **because("no client reads them in this dialect", "answer_logprobs"),
    },
    thinkings=OFF | st.builds(Thinking, budget_tokens=st.none() | budgets),
    finishes={
        "stop": "COMPLETE",
        "length": "MAX_TOKENS",
        "tool_calls": "TOOL_CALL",
        "content_filter": "ERROR_TOXIC",
    },
    # The reader has to make one up.
    format_names=st.just("answer"),
    annotation={"start": 0, "end": 1, "text": "a", "sources": []},
    extra="safety_mode",
)

VOICES = (CHAT, ANTHROPIC, RESPONSES, GOOGLE_VOICE, AWS, COMMAND)
