"""Configuration: what it gives, and what each mistake is told: the file, the field, and never a value."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from bandit import PRESETS
from proxy.config import ArmConfig, ConfigError, ObjectiveConfig, load, secret
from proxy.gateway import Gateway
from proxy.governance.principal import ALL_SCOPES
from tests.proxy.provider import Provider
from tests.proxy.running import Launch

ARM = '[[arms]]\nname = "a/b"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\n'

MISTAKES = {
    "a = [": ("not valid TOML",),
    "[sever]\nport = 1": ("sever", "no such field"),
    "[server]\nprt = 1": ("server.prt", "no such field"),
    '[server]\nport = "x"': ("server.port", "integer"),
    "[server]\nport = 70000": ("server.port", "65535"),
    "[server]\nworkers = 0": ("server.workers",),
    '[server]\napi_keys = "sk-secret"': ("server.api_keys", "must be a list"),
    '[server]\napi_keys = [""]': ("server.api_keys.0", "is empty"),
    '[server]\napi_keys = ["sk-1", " \\t\\n"]': ("server.api_keys.1", "is empty"),
    '[server]\napi_keys = ["sk-secret\\nsk-secret2"]': ("server.api_keys.0", "line break"),
    '[server]\napi_keys = [{ key = "  " }]': ("server.api_keys.0.key", "is empty"),
    '[server]\napi_keys = [{ name = "a" }]': ("server.api_keys.0.key", "is missing"),
    '[server]\napi_keys = [{ key = "sk-secret", name = "a b" }]': ("server.api_keys.0.name",),
    '[server]\napi_keys = [{ key = "sk-secret", team = "" }]': ("server.api_keys.0.team",),
    '[server]\napi_keys = [{ key = "sk-secret", scopes = [] }]': ("server.api_keys.0.scopes",),
    '[server]\napi_keys = [{ key = "sk-secret", scopes = ["write"] }]': (
        "server.api_keys.0.scopes.0",
        "'feedback'",
    ),
    '[server]\napi_keys = [{ key = "sk-secret", nam = "a" }]': ("server.api_keys.0.nam", "no such field"),
    '[server]\napi_keys = [{ key = "sk-1", name = "a" }, { key = "sk-2", name = "a" }]': (
        "server.api_keys",
        "same name: a",
    ),
    '[server]\napi_keys = ["sk-1", "sk-secret", { key = "sk-secret " }]': (
        "server.api_keys",
        "entries 1 and 2 hold the same key",
    ),
    '[server]\napi_keys = [{ key = "sk-1", name = "MERITORDER_API_KEY" }]': (
        "server.api_keys",
        "the environment",
    ),
    '[server]\nallowed_origins = ["localhost:3000"]': ("server.allowed_origins.0",),
    "[server]\napi_keys = [12345]": ("server.api_keys.0", "string"),
    "[server]\nmax_body_bytes = 5": ("server.max_body_bytes",),
    "[timeouts]\nconnect = 0": ("timeouts.connect", "greater than 0"),
    "[timeouts]\nidle = nan": ("timeouts.idle",),
    '[[arms]]\nname = "x"': ("arms.0.model", "is missing"),
    '[[arms]]\nname = "a b"\nmodel = "m"': ("arms.0.name",),
    '[[arms]]\nname = "auto"\nmodel = "m"': ("arms.0.name", "the name auto is taken"),
    '[[arms]]\nname = "x:floor"\nmodel = "m"': ("arms.0.name", "the name x:floor is taken"),
    '[[arms]]\nname = "x"\nmodel = "m"\nbase_url = "ftp://x"': ("arms.0.base_url",),
    ARM + 'api_key = "sk-secret"\napi_key_env = "X"': ("arms.0", "api_key and api_key_env can't both"),
    ARM + "api_key = 12345": ("arms.0.api_key", "string"),
    ARM + 'capabilities = ["tool"]': ("arms.0.capabilities.0", "'tools'"),
    ARM + "quality = 2": ("arms.0.quality",),
    ARM + "context_window = 0": ("arms.0.context_window",),
    ARM + 'price_until = "soon"': ("arms.0.price_until", "must be a date"),
    ARM + "price_factor = -1": ("arms.0.price_factor", "greater than or equal to 0"),
    ARM + "tiers.flex.colour = 1": ("arms.0.tiers.flex.colour", "no such field"),
    'price_missing = "ignore"': ("price_missing", "'refuse' or 'warn'"),
    ARM + "input_usd_per_mtok = nan\noutput_usd_per_mtok = 1": ("arms.0.input_usd_per_mtok", "finite"),
    ARM + "input_usd_per_mtok = -1\noutput_usd_per_mtok = 1": ("arms.0.input_usd_per_mtok",),
    ARM + ARM: ("two arms have the same name: a/b",),
    ARM + '[routes.x]\nobjective = { preset = "nope" }': ("routes.x.objective.preset", "'best'"),
    ARM + "[routes.x]\nobjective = { min_quality = 2 }": ("routes.x.objective.min_quality",),
    ARM + "[routes.x]\narms = []": ("routes.x.arms",),
    ARM + '[routes."a/b"]': ("routes.a/b", "an arm has this name too"),
    ARM + '[routes."x:nitro"]': ("routes.x:nitro",),
    '[providers.x]\napi_key = "sk-secret"\napi_key_env = "X"': ("providers.x", "can't both be given"),
    "providers = 3": ("providers", "must be a table"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_file_and_field_and_without_its_value(tmp_path: Path, text: str) -> None:
    path = tmp_path / "meritorder.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(path, {})
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    for words in MISTAKES[text]:
        assert words in message
    for value in ("sk-secret", "12345"):
        assert value not in message
    assert "Value error" not in message


# What only shows when the arms are made: text, environment, what is said.
UNUSABLE: list[tuple[str, dict[str, str], str]] = [
    (ARM + 'api_key_env = "FOO"', {}, "arm a/b: the environment variable FOO is not set"),
    (ARM + 'dialect = "klingon"', {}, "arm a/b: the dialect 'klingon' is not one of openai_chat"),
    ('[[arms]]\nname = "x"\nmodel = "m"', {}, "arm x: provider 'custom' needs a base_url"),
    (ARM.replace("127.0.0.1", "me:sk-secret@127.0.0.1"), {}, "arm a/b: a base URL holds no user name"),
    ("[providers.nobody]\nmodels = ['m']", {}, "providers.nobody: is not in the table of providers"),
    ("[providers.nobody]\nbase_url = 'http://127.0.0.1:9'", {}, "providers.nobody: name its models"),
    ("[providers.openai]\nmodels = ['gpt-5.4']", {}, "the environment variable OPENAI_API_KEY is not set"),
    (
        ARM + "[providers.a]\nbase_url = 'http://127.0.0.1:9'\nmodels = ['b']",
        {},
        "two arms have the same name",
    ),
    (
        "[routes.'openai/m']\n[providers.openai]\nmodels = ['m']",
        {"OPENAI_API_KEY": "k"},
        "routes.openai/m: an arm",
    ),
]


@pytest.mark.parametrize(("text", "environment", "words"), UNUSABLE)
async def test_an_arm_that_could_never_answer_keeps_the_gateway_from_starting_and_says_why(
    tmp_path: Path, text: str, environment: dict[str, str], words: str
) -> None:
    path = tmp_path / "meritorder.toml"
    path.write_text(text + "\n[server]\njournal = false\n" if "[server]" not in text else text)
    with pytest.raises(ConfigError) as raised:
        await Gateway.open(load(path, environment), environment)
    assert str(raised.value).startswith(f"{path}: ")
    assert words in str(raised.value)
    assert "sk-secret" not in str(raised.value)


async def test_a_route_that_no_arm_fits_is_said_and_one_may_still_come(
    provider: Provider, launch: Launch, caplog: pytest.LogCaptureFixture
) -> None:
    await launch(provider.arm("good"), routes={"x": {"arms": ["zzz/*"]}, "y": {"arms": ["p/*"]}})
    assert "routes.x: no arm fits zzz/* yet" in caplog.text
    assert "routes.y" not in caplog.text


@pytest.mark.parametrize("made", ["missing", "folder", "not text"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, made: str) -> None:
    path = tmp_path / "meritorder.toml"
    if made == "folder":
        path.mkdir()
    elif made == "not text":
        path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"meritorder\.toml: (can't be read|not valid TOML)"):
        load(path, {})


def test_without_a_file_the_defaults_stand_and_the_environments_key_counts() -> None:
    config = load(None, {"MERITORDER_API_KEY": "sk-1\n"})
    assert (config.server.host, config.server.port, config.source) == ("127.0.0.1", 8080, None)
    [operator] = config.server.api_keys
    assert (operator.key.get_secret_value(), operator.scopes) == ("sk-1", ALL_SCOPES)
    assert load(None, {"MERITORDER_API_KEY": ""}).server.api_keys == ()


@pytest.mark.parametrize("value", [" ", "\n", "\t \r\n", "sk-1\nsk-2", "sk-1\0"])
def test_a_key_of_the_environment_that_is_none_does_not_leave_the_gateway_open(value: str) -> None:
    with pytest.raises(ConfigError, match="^MERITORDER_API_KEY: ") as raised:
        load(None, {"MERITORDER_API_KEY": value})
    assert "sk-" not in str(raised.value)


def test_keys_of_file_and_environment_both_count_and_are_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "meritorder.toml"
    table = '{ key = " sk-table\\n", name = "eval", team = "search", scopes = ["read"] }'
    path.write_text(f'[server]\napi_keys = ["sk-file", {table}]\n' + ARM + 'api_key = "sk-arm"')
    config = load(path, {"MERITORDER_API_KEY": "sk-env"})
    assert [(e.key.get_secret_value(), e.name, e.team, e.scopes) for e in config.server.api_keys] == [
        ("sk-file", None, None, ("data", "feedback", "read")),
        ("sk-table", "eval", "search", ("read",)),
        ("sk-env", "MERITORDER_API_KEY", None, ("data", "feedback", "read", "admin")),
    ]
    for shown in (repr(config), str(config), config.model_dump_json()):
        assert "sk-" not in shown


def test_the_operators_key_may_not_be_a_clients(tmp_path: Path) -> None:
    path = tmp_path / "meritorder.toml"
    path.write_text('[server]\napi_keys = ["sk-same"]\n')
    with pytest.raises(ConfigError, match=r"MERITORDER_API_KEY is one of server\.api_keys") as raised:
        load(path, {"MERITORDER_API_KEY": "sk-same"})
    assert "sk-" not in str(raised.value)


def test_a_worker_gets_the_same_configuration_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "meritorder.toml"
    path.write_text(ARM)
    config = load(path, {})
    same = pickle.loads(pickle.dumps(config))
    assert same == config
    assert same.source == path


@pytest.mark.parametrize(
    ("fields", "base", "expected"),
    [
        ({}, None, PRESETS["balanced"]),
        ({"preset": "cheap"}, None, PRESETS["cheap"]),
        ({}, "best", PRESETS["best"]),
        ({"preset": "fast"}, "best", PRESETS["fast"]),
    ],
)
def test_an_objective_is_its_preset_or_what_it_is_laid_over(
    fields: dict[str, Any], base: str | None, expected: object
) -> None:
    assert ObjectiveConfig(**fields).over(None if base is None else PRESETS[base]) == expected


def test_a_field_of_an_objective_replaces_only_itself() -> None:
    found = ObjectiveConfig(value_usd=0.5, min_quality=0.9).over(PRESETS["best"])
    assert (found.value_usd, found.min_quality) == (0.5, 0.9)
    assert found.second_usd == PRESETS["best"].second_usd


def test_a_key_is_the_one_given_else_the_variables() -> None:
    own = ArmConfig.model_validate({"name": "x", "model": "m", "api_key": "own"})
    none = ArmConfig.model_validate({"name": "x", "model": "m"})
    assert secret(own, "VARIABLE", {"VARIABLE": "other"}) == "own"
    assert secret(none, "VARIABLE", {"VARIABLE": "other\n"}) == "other"
    assert secret(none, "VARIABLE", {}) is secret(none, None, {"": "x"}) is None
