"""Pictures and documents: as each vendor takes them, or the arm is not for the request; nothing is fetched."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from adapters.canonical import Media, Message, Part, RefusalText, Request, Text, ToolResult
from adapters.dialects import by_name
from adapters.errors import Inexpressible
from adapters.portable import shown
from adapters.portable.media_types import plain_type, text_of, type_of, type_of_name, unescaped
from adapters.providers import PROVIDERS

PNG = "iVBORw0KGgoAAAANSUhEUgAA"
JPEG = "/9j/4AAQSkZJRgABAQ=="
GIF = "R0lGODlhAQABAAAAACw="
PDF = b64encode(b"%PDF-1.4\nA page.").decode()
TEXT = b64encode("Höhe: 3 m".encode()).decode()
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
AT = {name: (name, row.dialect) for name, row in PROVIDERS.items()} | {
    "responses": ("openai", "openai_responses")
}
CHAT = [name for name, (_, dialect) in AT.items() if dialect == "openai_chat"]
NO_FILES = ["deepseek", "xai", "alibaba", "groq", "together", "fireworks", "vllm", "ollama", "cohere"]


def _at(where: str, *parts: Part, dialect: str = "elsewhere") -> list[Part]:
    request = Request("m", (Message("user", parts),), dialect=dialect)
    return list(shown(request, *AT[where]).messages[0].parts)


@pytest.mark.parametrize("where", AT)
@pytest.mark.parametrize(
    ("written", "data", "meant"),
    [
        ("image/jpg", JPEG, "image/jpeg"),
        ("IMAGE/PNG", PNG, "image/png"),
        ("image/png", JPEG, "image/jpeg"),
        ("image/png; charset=binary", PNG, "image/png"),
        (None, PNG, "image/png"),
        ("application/octet-stream", JPEG, "image/jpeg"),
        ("image/*", JPEG, "image/jpeg"),
    ],
)
def test_a_picture_is_called_what_it_is(where: str, written: str | None, data: str, meant: str) -> None:
    assert _at(where, Media("image", data=data, media_type=written)) == [
        Media("image", data=data, media_type=meant)
    ]


@pytest.mark.parametrize("where", ["anthropic", "bedrock", "google", "openai", "responses", "cohere"])
def test_a_picture_of_a_kind_that_a_vendor_does_not_take_is_refused_with_those_that_it_takes(
    where: str,
) -> None:
    with pytest.raises(Inexpressible, match=r"image/bmp \(it takes image/"):
        _at(where, Media("image", data="Qk0=", media_type="image/bmp"))
    with pytest.raises(Inexpressible, match="image/svg"):
        _at(where, Media("image", url="data:image/svg+xml;utf8,<svg/>"))


def test_google_takes_no_gif() -> None:
    with pytest.raises(Inexpressible, match="image/gif"):
        _at("google", Media("image", data=GIF, media_type="image/gif"))
    assert _at("anthropic", Media("image", data=GIF, media_type="image/gif"))


@pytest.mark.parametrize("where", AT)
def test_an_address_goes_to_who_fetches_it(where: str) -> None:
    picture = Media("image", url="https://host/a.webp?size=1")
    if where in ("bedrock", "ollama"):
        with pytest.raises(Inexpressible, match="image by URL"):
            _at(where, picture)
    else:
        (sent,) = _at(where, picture)
        assert isinstance(sent, Media)
        assert sent.url == picture.url
        assert sent.media_type == ("image/webp" if where in ("google", "vertex") else None)


@pytest.mark.parametrize("where", AT)
def test_the_address_of_a_document_too(where: str) -> None:
    document = Media("file", url="https://host/tides")
    if where in ("anthropic", "google", "vertex", "responses", "openrouter", "mistral"):
        assert _at(where, document)
    else:
        with pytest.raises(Inexpressible, match="file by URL"):
            _at(where, document)


@pytest.mark.parametrize("where", AT)
def test_a_pdf_goes_where_documents_are_known(where: str) -> None:
    for document in (
        Media("file", data=PDF, media_type="application/pdf", name="tides.pdf"),
        Media("file", data=PDF, name="tides.pdf"),
        Media("file", url=f"data:application/pdf;base64,{PDF}", name="tides.pdf"),
    ):
        if where in NO_FILES:
            with pytest.raises(Inexpressible, match="application/pdf"):
                _at(where, document)
        else:
            assert _at(where, document) == [
                Media("file", data=PDF, media_type="application/pdf", name="tides.pdf")
            ]


@pytest.mark.parametrize(
    "where", ["openai", "azure", "openrouter", "mistral", "openai-compatible", "responses"]
)
def test_a_document_without_a_name_gets_one(where: str) -> None:
    (sent,) = _at(where, Media("file", data=PDF, media_type="application/pdf"))
    assert isinstance(sent, Media)
    assert sent.name == "document.pdf"


@pytest.mark.parametrize("where", AT)
def test_text_can_be_read_everywhere(where: str) -> None:
    (sent,) = _at(where, Media("file", data=TEXT, media_type="text/csv", name="tides.csv"))
    if where in ("anthropic", "google", "vertex", "bedrock"):
        kind = "text/csv" if where == "bedrock" else "text/plain"
        assert sent == Media("file", data=TEXT, media_type=kind, name="tides.csv")
    else:
        assert sent == Text("tides.csv:\nHöhe: 3 m")


def test_text_that_is_none_is_refused_where_it_would_have_to_be_read() -> None:
    with pytest.raises(Inexpressible, match="not UTF-8"):
        _at("deepseek", Media("file", data="//79", media_type="text/plain"))


def test_other_kinds_of_documents_go_where_they_are_taken() -> None:
    document = Media("file", data="UEsDBA==", media_type=DOCX, name="tides.docx")
    assert _at("bedrock", document) == _at("openai", document) == [document]
    for where in ("anthropic", "google", "deepseek"):
        with pytest.raises(Inexpressible, match="wordprocessingml"):
            _at(where, document)


def test_a_picture_sent_as_a_file_is_a_picture() -> None:
    (sent,) = _at("anthropic", Media("file", data=PNG, media_type="image/png", name="a.png"))
    assert sent == Media("image", data=PNG, media_type="image/png")


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "anthropic_messages", "gemini"])
def test_an_uploaded_file_is_there_for_its_vendor_alone(client: str) -> None:
    owners = {
        "openai_chat": {"openai", "azure", "responses"},
        "openai_responses": {"openai", "azure", "responses"},
        "anthropic_messages": {"anthropic"},
        "gemini": {"google", "vertex"},
    }
    document = Media("file", file_id="file-1")
    for where, (_, dialect) in AT.items():
        if where in owners[client]:
            assert _at(where, document, dialect=client) == [document]
        elif dialect != client:
            with pytest.raises(Inexpressible, match="another vendor"):
                _at(where, document, dialect=client)


def test_what_results_show_is_seen_too() -> None:
    result = ToolResult("c", (Text("a"), Media("image", data=JPEG, media_type="image/jpg")))
    (sent,) = _at("anthropic", result)
    assert isinstance(sent, ToolResult)
    assert sent.content[1] == Media("image", data=JPEG, media_type="image/jpeg")


def test_what_was_refused_is_text_where_there_is_no_field_for_it() -> None:
    assert _at("mistral", RefusalText("No.")) == [Text("No.")]
    assert _at("openai", RefusalText("No.")) == [RefusalText("No.")]


def test_a_request_that_is_right_is_the_same_object() -> None:
    picture = Media("image", data=PNG, media_type="image/png")
    request = Request("m", (Message("user", (Text("a"), picture, ToolResult("c", (picture,)))),))
    for where in AT:
        if where != "openai_completions":
            assert shown(request, *AT[where]) is request


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (plain_type("Image/JPG; q=1"), "image/jpeg"),
        (plain_type(None), ""),
        (type_of("UklGRiQAAABXRUJQVlA4", None), "image/webp"),
        (type_of("UklGRiQAAABXQVZFZm10", "audio/wav"), "audio/wav"),
        (type_of(TEXT, None), "text/plain"),
        (type_of("gICA", None, "a.csv"), "text/csv"),
        (type_of("gICA", None), ""),
        (type_of_name("https://host/a/b.PDF?x=1#p"), "application/pdf"),
        (type_of_name("https://host/pdf"), ""),
        (text_of("AAAA"), None),
        (unescaped("data:text/plain,a%20b"), ("text/plain", "YSBi")),
        (unescaped("data:text/plain;base64,YQ=="), None),
    ],
)
def test_what_bytes_are(given: Any, expected: Any) -> None:
    assert given == expected


def test_bedrock_takes_the_documents_of_an_office() -> None:
    document = Media("file", data="UEsDBA==", media_type=DOCX, name="tides")
    request = Request("m", (Message("user", (Text("Read it."), document)),))
    sent = by_name("bedrock").encode_request(request)["messages"][0]["content"][1]["document"]
    assert sent["format"] == "docx"
