"""What bytes are, whatever they are called: clients write types in many ways, leave them out, or are wrong."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from urllib.parse import unquote_to_bytes

PDF = "application/pdf"
_UNKNOWN = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": PDF,
    "text/x-markdown": "text/markdown",
    "application/csv": "text/csv",
}

# The first bytes of files, in base64.
_BEGINNINGS = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGODdh", "image/gif"),
    ("R0lGODlh", "image/gif"),
    ("Qk", "image/bmp"),
    ("JVBERi0", PDF),
)
_WEBP = "XRUJQ"
"""Behind RIFF and a size, in base64."""

_BY_ENDING = {
    "pdf": PDF,
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "htm": "text/html",
    "json": "application/json",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_TEXTS = frozenset(
    {
        "application/json",
        "application/xml",
        "application/yaml",
        "application/x-yaml",
        "application/toml",
        "application/javascript",
        "application/x-ndjson",
        "application/sql",
    }
)


def plain_type(media_type: str | None) -> str:
    """Returns a media type in the letters of its registration, without parameters; "" where it says nothing."""
    plain = (media_type or "").partition(";")[0].strip().lower()
    return "" if plain in _UNKNOWN or plain.endswith("/*") else _OTHER_NAMES.get(plain, plain)


def type_of(data: str, media_type: str | None, name: str | None = None) -> str:
    """Returns the media type of base64 `data`: by its first bytes, as declared, by its file name; "" if unknown."""
    declared = plain_type(media_type)
    for beginning, actual in _BEGINNINGS:
        if data.startswith(beginning) and (len(beginning) > 2 or not declared):
            return actual
    if data.startswith("UklGR") and data[11:16] == _WEBP:
        return "image/webp"
    if declared:
        return declared
    return type_of_name(name) or ("text/plain" if text_of(data[:4096]) is not None else "")


def type_of_name(name: str | None) -> str:
    """Returns the media type of the ending of a file name or an address; "" if unknown."""
    path = (name or "").partition("?")[0].partition("#")[0]
    _, dot, ending = path.rpartition("/")[2].rpartition(".")
    return _BY_ENDING.get(ending.lower(), "") if dot else ""


def is_text(media_type: str) -> bool:
    """Returns whether the content is text."""
    return media_type.startswith("text/") or media_type in _TEXTS


def text_of(data: str) -> str | None:
    """Returns base64 `data` as text, None where it is none."""
    try:
        text = b64decode(data[: len(data) // 4 * 4], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return None if "\0" in text else text


def unescaped(url: str) -> tuple[str, str] | None:
    """Returns (media type, base64) of a data URL that is no base64; None for any other URL."""
    if not url.startswith("data:"):
        return None
    head, comma, rest = url[5:].partition(",")
    if not comma or head.endswith(";base64"):
        return None
    return head.partition(";")[0], b64encode(unquote_to_bytes(rest)).decode()
