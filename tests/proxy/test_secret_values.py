"""Secrets from values, variables and files; what is wrong is said by name and never by value."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.arms.credentials import with_secrets
from proxy.config import Config, ConfigError, load
from proxy.secret_values import LARGEST, cleaned, expanded, of_file, of_variable

ARM = '[[arms]]\nname = "a/b"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\n'


@pytest.mark.parametrize("raw", ["sk-1", " sk-1", "sk-1\n", "sk-1\r\n", "\ufeffsk-1\n", "\t sk-1 \n\n"])
def test_what_stands_around_a_secret_is_no_part_of_it(raw: str) -> None:
    assert cleaned(raw) == "sk-1"


@pytest.mark.parametrize(
    "raw", ["", " ", "\n", "sk-1\nsk-2", "sk\r1", "sk\0", "sk\x7f", "sk\u2028x", "sk\u200bx"]
)
def test_what_is_no_secret_is_refused_and_not_repeated(raw: str) -> None:
    with pytest.raises(ValueError, match="empty|line break") as raised:
        cleaned(raw)
    assert "sk" not in str(raised.value)


def test_variables_are_put_into_a_value(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    environment = {"A": "one\n", "B_FILE": str(tmp_path / "key")}
    assert expanded("${A}", environment) == "one"
    assert expanded("x-${A}-${B}", environment) == "x-one-from-file"
    assert expanded("$${A} $A", environment) == "${A} $A"


@pytest.mark.parametrize(
    ("text", "words"), [("${C}", "C is not set"), ("${}", "name of a variable"), ("${a b}", "name")]
)
def test_a_variable_that_is_missing_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        expanded(text, {})


def test_a_variable_is_its_value_or_that_of_its_file_but_not_both(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sk-1\r\n")
    assert of_variable("K", {"K": "sk-2"}) == "sk-2"
    assert of_variable("K", {"K_FILE": str(path)}) == "sk-1"
    assert of_variable("K", {"K": "", "K_FILE": str(path)}) == "sk-1"
    assert of_variable("K", {"K": ""}) is None
    with pytest.raises(ValueError, match="K and K_FILE are both set"):
        of_variable("K", {"K": "sk-2", "K_FILE": str(path)})


def test_a_file_that_cannot_be_read_is_named_with_the_variable(tmp_path: Path) -> None:
    for name, content in {
        "missing": None,
        "empty": b"\n",
        "two": b"a\nb",
        "latin": b"\xff",
        "large": b"x" * (LARGEST + 1),
    }.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=f"^K_FILE: {path} "):
            of_variable("K", {"K_FILE": str(path)})
    with pytest.raises(ValueError, match="can't be read"):
        of_file(tmp_path)


def _config(tmp_path: Path, text: str, **environment: str) -> Config:
    path = tmp_path / "meritorder.toml"
    path.write_text(text)
    return load(path, environment)


def test_every_secret_of_the_configuration_file_may_be_a_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-${A}\n")
    text = (
        '[server]\napi_keys = ["${A}", { key = "${B}", name = "b" }, { key_file = "key", team = "t" }]\n'
        '[providers.x]\nbase_url = "http://127.0.0.1:9"\nmodels = ["m"]\napi_key_file = "key"\n'
        '[providers.y]\nbase_url = "http://127.0.0.1:9"\nmodels = ["m"]\napi_key = "y-${A}"\n'
    )
    config = _config(tmp_path, text + ARM + 'api_key_file = "key"', A="client-a\n", B="client-b")
    keys = [entry.key.get_secret_value() for entry in config.server.api_keys]
    assert keys == ["client-a", "client-b", "sk-${A}"]
    assert config.arms[0].api_key_file.get_secret_value() == "sk-${A}"
    assert config.providers["x"].api_key_file.get_secret_value() == "sk-${A}"
    assert config.providers["y"].api_key.get_secret_value() == "y-client-a"
    assert "client" not in repr(config)
    assert "sk-" not in repr(config)


UNREADABLE = {
    ARM + 'api_key = "${C}"': ("arms.0.api_key", "C is not set", "C_FILE"),
    ARM + 'api_key = "${E}"': ("arms.0.api_key", "E is not set"),
    ARM + 'api_key = "${L}"': ("arms.0.api_key", "L: holds a line break"),
    ARM + 'api_key = "sk-a\\nsk-b"': ("arms.0.api_key", "holds a line break"),
    ARM + 'api_key_file = "none"': ("arms.0.api_key_file", "none can't be read"),
    ARM + "api_key_file = 3": ("arms.0.api_key_file", "the path of a file"),
    ARM + 'api_key_file = "x"\napi_key = "sk-a"': ("arms.0", "api_key_file"),
    '[providers.x]\napi_key_file = "none"': ("providers.x.api_key_file", "none can't be read"),
    '[server]\napi_keys = ["${C}"]': ("server.api_keys.0.key", "C is not set"),
    '[server]\napi_keys = [{ key_file = "none" }]': ("server.api_keys.0", "none can't be read"),
    '[server]\napi_keys = [{ key_file = "none", key = "sk-a" }]': ("server.api_keys.0", "can't both"),
}


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_secret_that_cannot_be_read_keeps_the_gateway_from_starting_and_is_named(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        _config(tmp_path, text, E="", L="sk-a\nsk-b")
    for words in (str(tmp_path / "meritorder.toml"), *UNREADABLE[text]):
        assert words in str(raised.value)
    assert "sk-" not in str(raised.value)


def test_the_operators_key_may_be_a_file_and_one_that_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-1\n")
    [entry] = load(None, {"MERITORDER_API_KEY_FILE": str(tmp_path / "key")}).server.api_keys
    assert entry.key.get_secret_value() == "sk-1"
    with pytest.raises(ConfigError, match="^MERITORDER_API_KEY_FILE: .*none can't be read"):
        load(None, {"MERITORDER_API_KEY_FILE": str(tmp_path / "none")})


def test_the_variables_of_providers_and_arms_may_be_files_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key").write_text("sk-1\n")
    file = str(tmp_path / "key")
    config = _config(tmp_path, '[server]\narm_key_env = ["ACME_*"]\n' + ARM + 'api_key_env = "OWN"')
    given = {
        "OPENAI_API_KEY_FILE": file,
        "OWN_FILE": file,
        "AWS_SECRET_ACCESS_KEY_FILE": file,
        "ACME_KEY_FILE": file,
    }
    found = with_secrets(
        config, given | {"XAI_API_KEY": " ", "GROQ_API_KEY": "sk-2\n", "OTHER_FILE": "/none"}
    )
    for name in ("OPENAI_API_KEY", "OWN", "AWS_SECRET_ACCESS_KEY", "ACME_KEY"):
        assert found[name] == "sk-1"
    assert found["GROQ_API_KEY"] == "sk-2"
    assert found.keys().isdisjoint({"XAI_API_KEY", "OTHER"})
    with pytest.raises(ConfigError, match="^OPENAI_API_KEY_FILE: /none can't be read"):
        with_secrets(config, {"OPENAI_API_KEY_FILE": "/none"})
    with pytest.raises(ConfigError, match="^OWN: holds a line break"):
        with_secrets(config, {"OWN": "a\nb"})
    # Nobody asked for this one yet.
    with_secrets(config, {"ACME_KEY_FILE": "/none"})
    assert "ACME_KEY_FILE: /none can't be read" in caplog.text


def test_a_file_of_an_editor_on_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "meritorder.toml"
    path.write_bytes(b"\xef\xbb\xbf" + ARM.replace("\n", "\r\n").encode())
    assert load(path, {}).arms[0].name == "a/b"
