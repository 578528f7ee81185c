"""README and docs name nothing that doesn't exist: providers, fields, commands, options, paths, variables, files, headers."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from adapters.dialects import DIALECTS
from adapters.providers import PROVIDERS
from proxy.commands.main import main
from proxy.config import Config
from proxy.endpoints import EXACT, PREFIXES

ROOT = Path(__file__).parents[1]
PAGES = {
    path.name: path.read_text("utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
SOURCE = "\n".join(
    path.read_text("utf-8")
    for room in ("adapters", "bandit", "proxy", "state")
    for path in (ROOT / room).rglob("*.py")
)
WORDS = frozenset(re.findall(r"\w+", SOURCE))

ELSEWHERE = {
    "model_list", "litellm_params", "model_name", "api_base", "cooldown_time", "routing_strategy",  # LiteLLM's
    "NAME_FILE", "ACME_KEY", "MERITORDER_KEY",  # stand for names of one's own
    "set_default_openai_client", "http_options", "is_chat_model", "is_function_calling_model",  # clients'
}  # fmt: skip


def spans(text: str) -> list[str]:
    """Returns what stands in backticks within lines."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def commands() -> dict[str, click.Command]:
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


OPTIONS = {name: options(command) | {"--help"} for name, command in commands().items()}


@pytest.mark.parametrize("page", PAGES)
def test_every_provider_that_is_named_is_a_row(page: str) -> None:
    text = PAGES[page]
    named = set(re.findall(r"\[providers\.([\w-]+)\]", text)) | set(
        re.findall(r'\bprovider = "([\w-]+)"', text)
    )
    for listed in re.findall(r"one of the table \(([^)]*)\)", text):
        named |= set(re.findall(r"`([\w-]+)`", listed))
    assert named - {"NAME"} <= PROVIDERS.keys()


def test_the_table_of_providers_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (.*?) \| (.*?) \| (.*?) \|$", PAGES["providers.md"], re.MULTILINE)
    assert rows == [
        (
            row.name,
            f"`{row.key_env}`" if row.key_env else "none",
            row.base_url or "yours to give",
            f"`{row.dialect}`",
        )
        for row in PROVIDERS.values()
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_that_is_named_exists(page: str) -> None:
    text = PAGES[page]
    called = [span for span in spans(text) if re.match(r"meritorder [a-z-]", span)]
    called += [
        line.strip().removeprefix(".venv/bin/")
        for block in blocks(text, "sh")
        for line in block.splitlines()
        if re.match(r"(\.venv/bin/)?meritorder ", line.strip())
    ]
    for call in called:
        name, *rest = call.split()[1:]
        assert name in OPTIONS, call
        assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= OPTIONS[name], call
    known = set().union(*OPTIONS.values()) | {"--backup"}
    for span in spans(text) if page != "results.md" else ():  # there they are the benchmarks'
        if re.match(r"--[a-z]", span):
            assert span.split()[0] in known, span
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([\w-]+)", text, re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_is_served(page: str) -> None:
    served = {path for _, path in EXACT} | {path for _, path in PREFIXES}
    for span in spans(PAGES[page]):
        match = re.match(r"(?:(GET|POST|PUT|DELETE|HEAD) )?(/(?:v1/|healthz|readyz)[\w/]*)", span)
        if match is None:
            continue
        method, path = match.groups()
        either = {path, f"{path}/"}  # prose may leave out whose arm or price
        assert either & served, span
        if method:
            assert {(method, one) for one in either} & {*EXACT, *PREFIXES}, span


def test_every_endpoint_is_documented() -> None:
    text = PAGES["api.md"]
    for method, path in (*EXACT, *PREFIXES):
        if not path.startswith("/v1"):  # the same without the prefix, as some clients ask
            continue
        assert path in text, (method, path)
    for method, path in EXACT:
        if method in ("PUT", "DELETE"):
            assert f"{method} {path}" in text


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_that_is_named_is_read(page: str) -> None:
    named = {
        variable
        for span in spans(PAGES[page])
        for variable in re.findall(r"(?<![\w{-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w*])", span)
    }
    google = {"GOOGLE_APPLICATION_CREDENTIALS"}  # read by google-auth
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}  # read in lower case too
    assert all(f'"{name.lower()}"' in SOURCE for name in proxies)
    unread = {
        name for name in named - google - proxies - ELSEWHERE if name.removesuffix("_FILE") not in WORDS
    }
    assert unread == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_field_and_identifier_that_is_named_is_in_the_code(page: str) -> None:
    named = {
        word
        for span in spans(PAGES[page])
        if not span.startswith(("http", "benchmarks", "python -m"))
        for word in re.findall(r"(?<![\w/.-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w/])", span)
    }
    assert {word for word in named - ELSEWHERE if word not in WORDS} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_field_of_a_section_that_is_named_exists(page: str) -> None:
    sections = {"server": Config.model_fields["server"], "timeouts": Config.model_fields["timeouts"]}
    for span in spans(PAGES[page]):
        for section, field in re.findall(r"\b(server|timeouts)\.([a-z_]+)", span):
            kind = sections[section].annotation
            assert kind is not None
            assert field in kind.model_fields, span


@pytest.mark.parametrize("page", PAGES)
def test_every_example_of_a_configuration_is_one(page: str) -> None:
    for block in blocks(PAGES[page], "toml"):
        Config.model_validate(tomllib.loads(block))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_link_and_header_that_is_named_exists(page: str) -> None:
    text = PAGES[page]
    folder = ROOT if page == "README.md" else ROOT / "docs"
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not link.startswith("http"):
            assert (folder / link).exists(), link
    for span in spans(text):
        if re.fullmatch(r"(?:adapters|bandit|proxy|state|benchmarks|docs|tests)/[\w./-]+", span):
            assert (ROOT / span).exists(), span
        for header in re.findall(r"X-(?:Meritorder|Generation|Session)[\w-]*", span):
            assert header.lower() in SOURCE.lower(), header
    for module in re.findall(r"python -m (benchmarks[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_every_dialect_is_named() -> None:
    for name in DIALECTS:
        if name != "openai_completions":
            assert f"`{name}`" in PAGES["configuration.md"]


ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
_PACKAGES = ("adapters", "bandit", "proxy", "state")


def _stands(path: str) -> bool:
    """Returns whether a path of the repository exists; within a section on a package its name may be left out."""
    return any((ROOT / package / path).exists() for package in ("", *_PACKAGES))


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_path_of_the_contributors_pages_exists(page: str) -> None:
    named = {
        span
        for span in spans((ROOT / page).read_text("utf-8"))
        if re.fullmatch(r"[\w.-]+/[\w./-]*|[\w-]+\.(?:py|md|txt|toml|lock)", span) and "NAME" not in span
    }
    assert len(named) > 20 or page != "ARCHITECTURE.md"
    assert {path for path in named if not _stands(path)} == set()


def test_the_map_names_every_folder() -> None:
    folders = {
        str(path.parent.relative_to(ROOT)) + "/"
        for package in _PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    mapped = set(re.findall(r"`([\w./]+/)`", ARCHITECTURE))
    mapped |= {f"{package}/{path}" for package in _PACKAGES for path in mapped}
    dialects = {folder for folder in folders if folder.startswith("adapters/dialects/")}
    assert folders - mapped <= dialects, "a folder that ARCHITECTURE.md doesn't name"


def test_ten_jobs_have_a_place() -> None:
    section = ARCHITECTURE.partition("## Where is it done?")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|`-][^|]*) \| (.*`.*) \|$", section, re.MULTILINE)
    assert len(rows) >= 10
    for job, answer in rows:
        assert any(path.endswith(".py") and (ROOT / path).is_file() for path in spans(answer)), job
