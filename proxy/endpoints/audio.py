"""`POST /v1/audio/transcriptions` and `/v1/audio/speech`: bytes in, bytes out, whatever their format."""

from __future__ import annotations

from adapters.canonical import Usage
from adapters.dialects.openai_audio.form import Form
from proxy.dispatch.call import begin
from proxy.dispatch.wires.passthrough import Passthrough, plain_request, plan_for
from proxy.dispatch.wires.sound import SoundWire
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.errors import invalid
from proxy.ingress.reply import Reply, StreamReply
from proxy.routing.body import name_field, read_json

_TRANSCRIPTIONS = Passthrough(
    "transcriptions", "/audio/transcriptions", r"whisper|transcribe|voxtral|\basr\b|speech-to-text"
)
_SPEECH = Passthrough("speech", "/audio/speech", r"\btts\b|-tts|text-to-speech|kokoro|\borpheus")


async def transcribe(asked: EndpointRequest) -> Reply | StreamReply:
    """OpenAI's transcriptions, `multipart/form-data`."""
    gateway, http, principal = asked.gateway, asked.http, asked.principal
    raw = await http.read()
    try:
        form = Form(raw, http.headers.get("Content-Type", ""))
    except ValueError as error:
        raise invalid(str(error)) from None
    if "file" not in form:
        raise invalid("`file` is missing.", "file")
    model = name_field(form["model"].decode("utf-8", "replace"), "model")
    request = plain_request(
        http,
        _TRANSCRIPTIONS,
        raw,
        {},
        model=model,
        task="transcription",
        stream=form["stream"].lower() == b"true",
    )
    measured = Usage(estimated=True, seconds=form.seconds)
    plan = plan_for(gateway, request, principal, _TRANSCRIPTIONS, measured)
    wire = SoundWire(request, measured, form)
    return await begin(gateway, http, request, principal, wire, plan=plan).run()


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
    plan = plan_for(gateway, request, principal, _SPEECH, measured)
    wire = SoundWire(request, measured)
    return await begin(gateway, http, request, principal, wire, plan=plan).run()
