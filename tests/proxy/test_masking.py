"""The gateway's own secrets are masked in every spelling, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import logging
from urllib.parse import quote, quote_plus

import pytest

from adapters.errors import ErrorKind, ProviderError, redact
from proxy.arms.credentials import GoogleSigner, mask_of
from proxy.config import Config
from proxy.masking import Mask, MaskedLog

KEYS = [
    "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "myownpasswordforvllm",
    'quo"te\\back/slash+pl us&<>%',
    "Schlüssel-für-alle",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "abc:sk-12345678:tail/of+it",
    "12345678",
]

SPELLINGS = {
    "plain": lambda key: key,
    "upper": str.upper,
    "json": json.dumps,
    "json in json": lambda key: json.dumps({"message": key}),
    "unicode": lambda key: json.dumps(key, ensure_ascii=False),
    "html": html.escape,
    "url": lambda key: "https://x/?key=" + quote(key, safe=""),
    "form": quote_plus,
    "lower-case url": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "hexadecimal": lambda key: key.encode().hex(),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "basic": lambda key: "Basic " + base64.b64encode(b"user:" + key.encode()).decode(),
    "basic 2": lambda key: "Basic " + base64.b64encode(b"me:" + key.encode() + b":x").decode(),
    "basic 3": lambda key: "Basic " + base64.b64encode(b"m:" + key.encode()).decode(),
    "url-safe": lambda key: base64.urlsafe_b64encode(b"api:" + key.encode()).decode(),
    "redacted before": redact,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_masked_in_every_spelling(key: str, spelling: str) -> None:
    mask = Mask()
    mask.add("another-key-of-ours", key)
    form = SPELLINGS[spelling]
    masked = mask.text(f"said {form(key)} twice {form(key)}")
    assert key not in masked
    assert masked.startswith("said ")
    assert " twice " in masked
    # Base64 shares a letter or two with what stands around the key.
    assert len(mask.text(form(key))) <= len(form("")) + len("***") + 5


def test_the_rest_of_a_key_that_a_cut_left_is_masked_too() -> None:
    mask = Mask()
    mask.add("0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    said = "x" * 1990 + " 0f1e2d3c4b5a69788796"
    assert "0f1e2d" not in mask.text(redact(said))
    assert mask.text(redact("y" * 3000)).endswith("yyy…")


@pytest.mark.parametrize("key", ["", "k", "test", "EMPTY", "ollama", "dummy12"])
def test_what_is_too_short_for_a_secret_is_left_in_words(key: str) -> None:
    mask = Mask()
    mask.add(key, None)
    said = "the test of ollama is EMPTY: dummy12, k"
    assert mask.text(said) is said
    assert mask.body(said.encode()) == said.encode()


def test_what_holds_no_secret_stays_the_same_object() -> None:
    mask = Mask()
    mask.add(*KEYS)
    body = b"\xff\x00 good"
    assert mask.body(body) is body
    assert mask.text("good") == "good"


def test_an_error_is_masked_in_message_and_code() -> None:
    mask = Mask()
    mask.add("my-secret-key")
    error = mask.error(ProviderError(ErrorKind.UPSTREAM, "no my-secret-key", 500, "my-secret-key"))
    assert (error.message, error.code) == ("no ***", "***")


def test_of_secrets_that_are_made_anew_the_newest_are_known() -> None:
    mask = Mask()
    for number in range(20):
        mask.add_passing(f"ya29-token-{number:02}-x")
        mask.add_passing(f"ya29-token-{number:02}-x")
    assert mask.text("ya29-token-19-x") == "***"
    assert mask.text("ya29-token-00-x") == "ya29-token-00-x"


async def test_googles_token_is_known_as_soon_as_it_is_used() -> None:
    class Credentials:
        expiry = None
        token = "plain-google-token"

        def refresh(self, transport: object) -> None: ...

        def apply(self, headers: dict[str, str]) -> None:
            headers["authorization"] = f"Bearer {self.token}"

    mask = Mask()
    signer = GoogleSigner(lambda: (Credentials(), None))
    signer.hide(mask)
    await signer.ready()
    assert mask.text("bad plain-google-token") == "bad ***"


def test_all_secrets_of_configuration_and_environment_are_known() -> None:
    config = Config.model_validate(
        {
            "server": {"api_keys": ["client-key-1", {"key": "client-key-2", "name": "two"}]},
            "arms": [
                {"name": "a", "model": "m", "base_url": "http://x", "api_key": "inline-key"},
                {"name": "b", "model": "m", "base_url": "http://x", "api_key_env": "NAMED"},
            ],
            "providers": {"y": {"models": ["m"], "base_url": "http://x", "api_key": "provider-key"}},
        }
    )
    environment = {
        "NAMED": "named-key-1",
        "OPENAI_API_KEY": "openai-key",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-key",
        "AWS_SESSION_TOKEN": "aws-session-token",
        "HTTPS_PROXY": "http://me:pass%20word-x@proxy:3128",
    }
    mask = mask_of(config, environment)
    for secret in (
        "client-key-1", "client-key-2", "inline-key", "named-key-1", "provider-key", "openai-key", "aws-secret-key",
        "aws-session-token", "pass%20word-x", "pass word-x",
    ):  # fmt: skip
        assert mask.text(f"<{secret}>") == "<***>"


def test_a_log_line_its_arguments_and_its_trace_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    mask = Mask()
    mask.add("my-secret-key")
    handler = logging.StreamHandler()
    handler.addFilter(MaskedLog(mask))
    logger = logging.getLogger("a.test")
    logger.addHandler(handler)
    try:
        raise ValueError("with my-secret-key")
    except ValueError:
        logger.exception("%s said %s", "he", ["my-secret-key"])
    logger.warning("my-secret-%s", "key")
    logger.warning("%d %%", 5, stack_info=True)
    written = capsys.readouterr().err
    assert "my-secret-key" not in written
    assert "he said ['***']" in written
    assert "ValueError: with ***" in written
    assert "5 %" in written
