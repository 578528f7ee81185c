"""`POST /v1/audio/transcriptions` and `/v1/audio/speech`: bytes in, bytes out, whatever their format."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace

from adapters.canonical import Usage
from adapters.dialects.openai_shared.sound_tap import SoundTap
from adapters.errors import ProviderError
from proxy.arms.arm import Arm
from proxy.dispatch.call import Call, begin
from proxy.dispatch.passthrough import Passing, plain_request, plan_for
from proxy.dispatch.relay import Relay
from proxy.dispatch.rewrite import rewrite
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.errors import invalid
from proxy.ingress.reply import Reply, StreamReply, header_lines
from proxy.routing.body import name_field, read_json
from proxy.upstream import complete_head, head_prefix

_TRANSCRIPTIONS = Passing(
    "transcriptions", "/audio/transcriptions", r"whisper|transcribe|voxtral|\basr\b|speech-to-text"
)
_SPEECH = Passing("speech", "/audio/speech", r"\btts\b|-tts|text-to-speech|kokoro|\borpheus")

_FIELD = re.compile(rb'content-disposition:[^\r\n]*[; ]name="?(\w+)"?', re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary="?([^";]{1,70})"?', re.IGNORECASE)
_LONGEST_S = 1e6

_USUAL_BYTES_PER_S = 16_000
"""Of compressed speech, 128 kbit/s: an estimate of how long a recording is that doesn't say so."""


async def transcribe(asked: EndpointRequest) -> Reply | StreamReply:
    """OpenAI's transcriptions, `multipart/form-data`."""
    gateway, http, principal = asked.gateway, asked.http, asked.principal
    raw = await http.read()
    boundary = _BOUNDARY.search(http.headers.get("Content-Type", ""))
    if boundary is None:
        raise invalid("The body must be multipart/form-data with a boundary.")
    fields = _fields(raw, boundary[1].encode("utf-8", "surrogateescape"))
    if "file" not in fields:
        raise invalid("`file` is missing.", "file")
    start, end = fields.get("model", (0, 0))
    model = name_field(raw[start:end].decode("utf-8", "replace"), "model")
    at, until = fields.get("stream", (0, 0))
    request = plain_request(
        http,
        _TRANSCRIPTIONS,
        raw,
        {},
        model=model,
        task="transcription",
        stream=raw[at:until].lower() == b"true",
    )
    measured = Usage(estimated=True, seconds=seconds_of(raw, *fields["file"]))
    found = plan_for(gateway, request, principal, _TRANSCRIPTIONS, measured)
    call = begin(gateway, http, request, principal, plan=found, kind=_Form)
    assert isinstance(call, _Form)
    call.model_at = (start, end)
    call.measured = measured
    return await call.run()


async def speak(asked: EndpointRequest) -> Reply | StreamReply:
    """OpenAI's speech: the answer is sound, passed on as it comes."""
    gateway, http, principal = asked.gateway, asked.http, asked.principal
    raw, document = await read_json(http)
    model = name_field(document.get("model"), "model")
    text = document.get("input")
    if not isinstance(text, str) or not text:
        raise invalid("`input` must be a text that isn't empty.", "input")
    request = plain_request(http, _SPEECH, raw, document, model=model, task="speech", text=text, stream=True)
    measured = Usage(estimated=True, characters=len(text))
    found = plan_for(gateway, request, principal, _SPEECH, measured)
    call = begin(gateway, http, request, principal, plan=found, kind=_Sound)
    assert isinstance(call, _Sound)
    call.measured = measured
    return await call.run()


def _fields(raw: bytes, boundary: bytes) -> dict[str, tuple[int, int]]:
    """Returns where the value of each form field stands; nothing is copied."""
    fields: dict[str, tuple[int, int]] = {}
    mark = b"--" + boundary
    at = raw.find(mark)
    while at >= 0:
        head_end = raw.find(b"\r\n\r\n", at)
        following = raw.find(b"\r\n" + mark, at + len(mark))
        if head_end < 0 or following < 0:
            break
        name = _FIELD.search(raw, at, head_end)
        if name is not None and head_end + 4 <= following:
            fields[name[1].decode()] = (head_end + 4, following)
        at = following + 2
    return fields


def seconds_of(raw: bytes, start: int, end: int) -> float:
    """Returns how long the recording in `raw[start:end]` lasts: from the head of a WAVE file, else by its size."""
    head = raw[start : start + 64]
    rate = 0
    if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt ":
        rate = int.from_bytes(head[28:32], "little")
    return min((end - start) / (rate or _USUAL_BYTES_PER_S), _LONGEST_S)


class _SoundRelay(Relay):
    """An answer whose type the upstream names. A keep-alive comment would be noise in it."""

    __slots__ = ("content_type", "named_head")
    content_type: bytes
    named_head: bytes

    def on_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        super().on_head(status, headers)
        kind = next(
            (value for name, value in headers if name == b"content-type"), b"application/octet-stream"
        )
        kind = self.content_type = self._mask.body(kind)
        self._head = b"Content-Type: %s\r\n%s" % (kind, self.named_head)
        assert isinstance(self.pipe, SoundTap)
        self.pipe.expect(kind)

    def keep_alive(self, now: float, silence: float) -> None:
        """Nothing to send."""


class _Sound(Call):
    """A call whose answer is bytes of any type. `measured` is what it is billed by where the answer doesn't say."""

    measured = Usage(estimated=True)

    def _dispatch(self, arm: Arm, reply: StreamReply | None) -> Relay:
        services = self.services
        body = self._body(arm)
        pipe = SoundTap(speech=self.client is _SPEECH)
        relay = _SoundRelay(
            pipe, reply, b"", arm.dialect.decode_error, services.tasks, services.loop, services.mask
        )
        relay.account = self.http.client.account
        relay.content_type = b"application/octet-stream"
        relay.named_head = self._names(arm)
        self.relay = relay
        self.at, self.started = services.clock.now(), services.loop.time()
        services.cooldowns.dispatched(arm.index, self.started)
        path = arm.path(stream=self.request.stream)
        head = head_prefix("POST", arm.endpoint, path, self._headers(arm))
        head += arm.signature(body, time.time(), stream=self.request.stream)
        relay.exchange = services.pool.send(arm.endpoint, complete_head(head, len(body)), body, relay)
        return relay

    def _body(self, arm: Arm) -> bytes:
        return rewrite(
            self.request.raw, self.request.document, arm=arm, ask_usage=False, dropped=self.dropped
        )

    def _headers(self, arm: Arm) -> Sequence[tuple[bytes, bytes]]:
        return arm.headers

    def _names(self, arm: Arm) -> bytes:
        return header_lines(
            {
                "X-Generation-Id": self.id,
                "X-Meritorder-Arm": arm.name,
                "X-Meritorder-Propensity": f"{self.probabilities[self.chosen]:.6g}",
                "X-Meritorder-Route": self.plan.route,
            }
        )

    def _head(self, arm: Arm) -> bytes:
        relay = self.relay
        assert isinstance(relay, _SoundRelay)
        return b"Content-Type: %s\r\n%s" % (relay.content_type, self._names(arm))

    def _fail(self, reply: StreamReply | None, error: ProviderError) -> Reply | StreamReply:
        if reply is None or not reply.started:
            return super()._fail(reply, error)
        # Bytes have no words for an error; a cut connection is the only honest end of half an answer.
        transport = self.http.client.transport
        if transport is not None:
            transport.abort()
        return reply

    def _record(self, arm: Arm, relay: Relay, status: str, error: ProviderError | None) -> None:
        price, usage = arm.price, relay.pipe.usage
        if usage is None:
            usage = relay.pipe.usage = self.measured if status == "ok" else Usage(estimated=True)
        if usage.input is None and usage.output is None:
            # Tokens are what most arms are paid by, and nobody counted them.
            known = (
                price.request
                + price.second * (usage.seconds or 0)
                + price.character * (usage.characters or 0)
            )
            arm = replace(arm, priced=arm.priced and known > 0.0)
        super()._record(arm, relay, status, error)


class _Form(_Sound):
    """A form that goes up as it came but for the model's name."""

    model_at = (0, 0)

    def _body(self, arm: Arm) -> bytes:
        start, end = self.model_at
        raw = self.request.raw
        return b"%s%s%s" % (raw[:start], arm.model.encode(), raw[end:])

    def _headers(self, arm: Arm) -> Sequence[tuple[bytes, bytes]]:
        kind = self.http.headers["Content-Type"].encode("utf-8", "surrogateescape")
        rest = (pair for pair in arm.headers if pair[0] != b"content-type")
        return ((b"content-type", kind), *rest)
