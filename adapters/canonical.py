"""What a chat is, whatever the wire says: requests, and the events that an answer consists of.

Every dialect decodes into these types and encodes from them. A non-streamed answer is the same list of
events as a streamed one, so there is one meaning for both. Adjacent deltas of one block may be split
anywhere; `merge` joins them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Json = dict[str, Any]

# --- parts of a message ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text. `cache` marks a prompt-cache breakpoint after this part (Anthropic's cache_control)."""

    text: str
    cache: Json | None = None
    annotations: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Media:
    """An image, audio clip, video or file: exactly one of `url`, `data` (base64) and `file_id` is set."""

    kind: Literal["image", "audio", "video", "file"]
    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    name: str | None = None
    detail: str | None = None
    cache: Json | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A thinking block of an earlier turn. `signature` (or `redacted` data) goes back verbatim."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model made. `arguments` is the JSON text exactly as produced; `item_id` is what Responses calls
    the item that holds the call, beside the call's own id. `raw` is the call in the words of the dialect that it came in,
    where those are not a function's.
    """

    id: str
    name: str
    arguments: str
    signature: str | None = None
    item_id: str | None = None
    raw: Json | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered; `raw` as in `ToolCall`."""

    call_id: str
    content: tuple[Text | Media, ...]
    is_error: bool = False
    name: str | None = None
    cache: Json | None = None
    raw: Json | None = None


@dataclass(frozen=True, slots=True)
class RefusalText:
    """The model's own words for not answering."""

    text: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something only one dialect knows (a provider-run search and its result), in that dialect's words: a part
    of an earlier turn, or an event of an answer.
    """

    dialect: str
    raw: Json


Part = Text | Media | Reasoning | ToolCall | ToolResult | RefusalText | Opaque
Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


# --- the request -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call; `parameters` is its JSON schema.

    A tool that the client runs but that is no function to it (free text goes in, or it stands in a namespace) is one here
    all the same. `raw` is then the tool, or the namespace around it, in the words of the dialect it came in, and `within`
    its name in that namespace.
    """

    name: str
    description: str | None = None
    parameters: Json | None = None
    strict: bool | None = None
    cache: Json | None = None
    raw: Json | None = None
    within: str | None = None


@dataclass(frozen=True, slots=True)
class BuiltinTool:
    """A tool that the provider runs itself, in the words of the dialect it came in."""

    dialect: str
    raw: Json


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`name` is set when mode is "one"."""

    mode: Literal["auto", "none", "required", "one"]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """Constrained output: any JSON object, or one that fits `schema`."""

    kind: Literal["json_object", "json_schema"]
    name: str | None = None
    schema: Json | None = None
    strict: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """How much to reason: an effort word, a token budget, or plainly on or off."""

    enabled: bool = True
    effort: str | None = None
    budget_tokens: int | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A chat request. `extras` holds fields of the source dialect that have no canonical name; `dropped` is where
    whoever writes the request in other words notes what had no place there and changes nothing that must be.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool | BuiltinTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Json | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    output_format: OutputFormat | None = None
    thinking: Thinking | None = None
    service_tier: str | None = None
    user: str | None = None
    metadata: Json | None = None
    cache_key: str | None = None
    verbosity: str | None = None
    stream: bool = False
    include_usage: bool = False
    extras: Json = field(default_factory=dict)
    dialect: str = ""
    dropped: list[str] = field(default_factory=list, compare=False)


# --- the answer --------------------------------------------------------------------------------------


@dataclass(slots=True, init=False)
class Usage:
    """All that a bill is made of, by OpenAI's convention: `input` includes cached and cache-write tokens, `output`
    includes reasoning, and either includes what isn't text. None means the provider did not say; 0 means it said zero.

    cache_write_1h   those of `cache_write` that live an hour
    cached_audio     those of `input_audio` that were read from a cache; `cached_image` likewise
    citation         those of `output` that a provider counts as such
    seconds          of sound that was heard; `characters` were spoken
    uses             how often a tool was used that is billed by the use, by its name in a price's `fees`
    tier, speed      as the answer names them, `tier` "default" for the usual one
    geography        the region that the answer names
    cost_usd         the provider's bill, where it reported one; `reported_usd` is the figure that it reported
    """

    # Not frozen, as the other types here are: there is one per answer, and that would take three times as long.

    input: int | None
    output: int | None
    cached: int | None
    cache_write: int | None
    reasoning: int | None
    input_audio: int | None
    output_audio: int | None
    cost_usd: float | None
    estimated: bool
    seconds: float | None
    characters: int | None
    cache_write_1h: int | None
    cached_audio: int | None
    input_image: int | None
    output_image: int | None
    cached_image: int | None
    input_video: int | None
    output_video: int | None
    citation: int | None
    uses: dict[str, int] | None
    tier: str | None
    speed: str | None
    geography: str | None
    reported_usd: float | None

    def __init__(
        self,
        input: int | None = None,
        output: int | None = None,
        cached: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
        input_audio: int | None = None,
        output_audio: int | None = None,
        cost_usd: float | None = None,
        estimated: bool = False,
        seconds: float | None = None,
        characters: int | None = None,
        cache_write_1h: int | None = None,
        cached_audio: int | None = None,
        input_image: int | None = None,
        output_image: int | None = None,
        cached_image: int | None = None,
        input_video: int | None = None,
        output_video: int | None = None,
        citation: int | None = None,
        uses: dict[str, int] | None = None,
        tier: str | None = None,
        speed: str | None = None,
        geography: str | None = None,
        reported_usd: float | None = None,
    ) -> None:
        self.input = input
        self.output = output
        self.cached = cached
        self.cache_write = cache_write
        self.reasoning = reasoning
        self.input_audio = input_audio
        self.output_audio = output_audio
        self.cost_usd = cost_usd
        self.estimated = estimated
        self.seconds = seconds
        self.characters = characters
        self.cache_write_1h = cache_write_1h
        self.cached_audio = cached_audio
        self.input_image = input_image
        self.output_image = output_image
        self.cached_image = cached_image
        self.input_video = input_video
        self.output_video = output_video
        self.citation = citation
        self.uses = uses
        self.tier = tier
        self.speed = speed
        self.geography = geography
        self.reported_usd = reported_usd


FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error"]


@dataclass(frozen=True, slots=True)
class Start:
    """The answer begins. `created` is epoch seconds, None where the dialect has no such field."""

    id: str | None = None
    model: str | None = None
    created: int | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """Thinking text, and (on its own or at the block's end) what must be sent back to resume it."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    id: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallStart:
    """Call number `index` (0, 1, … in order of appearance within the choice) begins."""

    index: int
    id: str
    name: str
    signature: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of the JSON text of call `index`'s arguments."""

    index: int
    arguments: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class MediaDelta:
    """Generated image or audio; `transcript` accompanies audio."""

    kind: Literal["image", "audio"]
    data: str = ""
    media_type: str | None = None
    transcript: str = ""
    id: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class LogProbs:
    """OpenAI's `content` entries: {token, logprob, bytes, top_logprobs}."""

    entries: tuple[Json, ...]
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Annotations:
    """Citations and the like, as OpenAI's `annotations` entries."""

    entries: tuple[Json, ...]
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """One choice ended. `native` is the provider's own word, `stop_sequence` the one that was hit."""

    reason: FinishReason
    native: str | None = None
    stop_sequence: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The final counts. Decoders send it once, last before the end."""

    usage: Usage


Event = (
    Start
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallStart
    | ToolCallDelta
    | MediaDelta
    | LogProbs
    | Annotations
    | Finish
    | UsageReport
    | Opaque
)


def merge(events: Iterable[Event]) -> list[Event]:
    """Joins adjacent deltas of the same block, so that two splittings of one answer compare equal."""
    merged: list[Event] = []
    for event in events:
        last = merged[-1] if merged else None
        joined: Event | None = None
        match last, event:
            case TextDelta(), TextDelta() if last.choice == event.choice:
                joined = replace(last, text=last.text + event.text)
            case RefusalDelta(), RefusalDelta() if last.choice == event.choice:
                joined = replace(last, text=last.text + event.text)
            case ToolCallDelta(), ToolCallDelta() if (last.index, last.choice) == (event.index, event.choice):
                joined = replace(last, arguments=last.arguments + event.arguments)
            case ReasoningDelta(), ReasoningDelta() if _same_thought(last, event):
                joined = ReasoningDelta(
                    last.text + event.text, event.signature, event.redacted, last.id or event.id, last.choice
                )
            case LogProbs(), LogProbs() if last.choice == event.choice:
                joined = replace(last, entries=last.entries + event.entries)
            case _:
                pass
        if joined is None:
            merged.append(event)
        else:
            merged[-1] = joined
    return merged


def _same_thought(last: ReasoningDelta, event: ReasoningDelta) -> bool:
    """A signature or redacted data closes a thinking block; another id opens the next."""
    if last.choice != event.choice or last.signature or last.redacted or event.redacted:
        return False
    return last.id is None or event.id is None or last.id == event.id


def text_of(parts: Sequence[Part]) -> str:
    """Returns the plain text of `parts`, joined."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def system_parts(request: Request) -> list[Part]:
    """Returns what system and developer messages say, for dialects that keep it apart from the turns."""
    return [
        part
        for message in request.messages
        if message.role in {"system", "developer"}
        for part in message.parts
    ]
