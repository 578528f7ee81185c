"""Which pictures and documents a vendor takes, and how: data.

Sources: Anthropic's guides "Vision" and "PDF support"; Bedrock's ImageBlock and DocumentBlock; Google's "Image understanding",
"Document understanding" and "File input methods"; OpenAI's "Images and vision" and "File inputs"; OpenRouter's "PDF inputs";
Mistral's "Document QnA"; Ollama's "OpenAI compatibility" ("base64 encoded image", no addresses). Chat servers whose
reference knows no part for files take none.
"""

from __future__ import annotations

from dataclasses import dataclass

_WEB = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_OFFICE = {
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class Takes:
    """None for types: any. `images` and `files` are media types; what is text and not among `files` is told as text.
    `image_urls`, `file_urls`: the vendor fetches it itself. `named`: a document needs a file name. `typed_urls`: what an address points to must be said. `ids` is whose ids
    of files it knows; those of the client's own dialect are believed to be the arm's. `refusals`: it has a field for what a model
    refused to say.
    """

    images: frozenset[str] | None = _WEB
    image_urls: bool = True
    files: frozenset[str] | None = None
    file_urls: bool = False
    named: bool = True
    typed_urls: bool = False
    ids: str = ""
    refusals: bool = True


_NO_FILES = Takes(None, files=frozenset(), refusals=False)
_GOOGLE = Takes(
    frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}),
    files=frozenset({PDF, "text/plain"}),
    file_urls=True,
    named=False,
    typed_urls=True,
    ids="google",
)

_BY_DIALECT = {
    "openai_responses": Takes(file_urls=True, ids="openai"),
    "anthropic_messages": Takes(
        files=frozenset({PDF, "text/plain"}), file_urls=True, named=False, ids="anthropic"
    ),
    "bedrock": Takes(
        image_urls=False,
        files=frozenset({PDF, "text/plain", "text/html", "text/csv", "text/markdown", *_OFFICE.values()}),
    ),
    "gemini": _GOOGLE,
    "cohere": Takes(files=frozenset()),
    "openai_completions": Takes(frozenset(), files=frozenset()),
}
_BY_PROVIDER = {
    "openai": Takes(ids="openai"),
    "azure": Takes(ids="openai"),
    "openrouter": Takes(None, file_urls=True),
    "mistral": Takes(None, file_urls=True, refusals=False),
    "ollama": Takes(None, image_urls=False, files=frozenset(), refusals=False),
    **dict.fromkeys(("deepseek", "xai", "alibaba", "groq", "together", "fireworks", "vllm"), _NO_FILES),
}
_UNKNOWN = Takes(None)

_OWNERS = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic_messages": "anthropic",
    "gemini": "google",
}


def takes(provider: str, dialect: str) -> Takes:
    """Returns what a provider's models take that are spoken to in `dialect`."""
    if dialect == "openai_chat":
        return _BY_PROVIDER.get(provider, _UNKNOWN)
    return _BY_DIALECT.get(dialect, _UNKNOWN)


def owner_of_ids(dialect: str) -> str:
    """Returns whose file ids a client of `dialect` has."""
    return _OWNERS.get(dialect, dialect)
