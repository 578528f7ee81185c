"""Gateways and routers written in Rust; their wheels carry the compiled program."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peers.launch import Launch, Peer, Site, python_environment

# The wheel holds the HTTP gateway, but offers it on a port of its own choice only.
_START_TENSORZERO = """
import pathlib, signal, sys, urllib.parse
from tensorzero import tensorzero
gateway = tensorzero._start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
port = pathlib.Path(sys.argv[2])
port.with_suffix(".new").write_text(str(urllib.parse.urlsplit(gateway.base_url).port))
port.with_suffix(".new").rename(port)
signal.pause()
"""


def _launch_tensorzero(home: Path, site: Site) -> Launch:
    lines = ["[gateway]", "observability.enabled = false"]
    for model in site.models:
        lines += [
            f'[models."{model}"]',
            'routing = ["mock"]',
            f'[models."{model}".providers.mock]',
            'type = "openai"',
            f"model_name = {json.dumps(model)}",
            f"api_base = {json.dumps(site.upstream + '/v1/')}",
            'api_key_location = "none"',
        ]
    config, port = site.folder / "tensorzero.toml", site.folder / "port"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Launch(
        [str(home / "bin" / "python"), "-c", _START_TENSORZERO, str(config), str(port)],
        env={"RUST_LOG": "error"},  # else it logs at every request that it ignores "user"
        path="/openai/v1/chat/completions",
        model="tensorzero::model_name::{model}",
        port_file=port,
    )


def _router_argv(site: Site) -> list[str]:
    """smg and the vLLM router share an ancestor and with it these options."""
    return [
        *("--worker-urls", site.upstream, "--policy", "round_robin"),
        *("--host", "127.0.0.1", "--port", str(site.port)),
        *("--prometheus-port", str(site.spare_port), "--log-level", "error"),
    ]


def _launch_smg(home: Path, site: Site) -> Launch:
    # it learns one model name from each worker; the mock reads the rest from the request's "user"
    return Launch([str(home / "bin" / "smg"), "launch", *_router_argv(site)], model="mock")


def _launch_vllm_router(home: Path, site: Site) -> Launch:
    return Launch([str(home / "bin" / "vllm-router"), *_router_argv(site)])


def _launch_rolter(home: Path, site: Site) -> Launch:
    lines = [
        "[server]",
        'host = "127.0.0.1"',
        f"port = {site.port}",
        "[[providers.readonly]]",
        'name = "mock"',
        'kind = "openai_compatible"',
        f"api_base = {json.dumps(site.upstream)}",
    ]
    for model in site.models:
        lines += [
            "[[routes]]",
            f"model = {json.dumps(model)}",
            'strategy = "round_robin"',
            "[[routes.targets]]",
            'provider = "mock"',
            f"model = {json.dumps(model)}",
        ]
    config = site.folder / "rolter.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Launch([str(home / "bin" / "rolter"), "gateway", "-c", str(config)], env={"RUST_LOG": "error"})


TENSORZERO = Peer(
    "tensorzero", "Rust", lambda home: python_environment(home, "tensorzero==2026.6.0"), _launch_tensorzero
)
SMG = Peer("smg", "Rust", lambda home: python_environment(home, "smg==1.13.0"), _launch_smg)
VLLM_ROUTER = Peer(
    "vllm-router", "Rust", lambda home: python_environment(home, "vllm-router==0.1.17"), _launch_vllm_router
)
ROLTER = Peer("rolter", "Rust", lambda home: python_environment(home, "rolter==0.1.0"), _launch_rolter)
