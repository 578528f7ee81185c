"""Gateways written in Python."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peers.launch import Launch, Peer, Site, python_environment

# Without the OpenTelemetry packages an import fails, and is tried again, at every request.
_LITELLM = (
    "litellm[proxy]==1.108.7",
    "opentelemetry-api==1.45.2",
    "opentelemetry-sdk==1.45.2",
    "opentelemetry-exporter-otlp==1.45.2",
)


def _launch_litellm(home: Path, site: Site) -> Launch:
    models = [
        {
            "model_name": model,
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": f"{site.upstream}/v1",
                "api_key": "sk-bench",
            },
        }
        for model in site.models
    ]
    config = site.folder / "litellm.yaml"
    config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": "sk-bench"}}))
    argv = [str(home / "bin" / "litellm"), "--config", str(config), "--telemetry", "False"]
    argv += ["--host", "127.0.0.1", "--port", str(site.port), "--num_workers", "1"]
    return Launch(
        argv, env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}, start_seconds=120
    )


# Every request must name a user that exists; ours name the mock's models.
_START_ANY_LLM = """
import os, sys
from any_llm.gateway.db.models import User
from any_llm.gateway.db.session import get_db, init_db
program, config, url, *users = sys.argv[1:]
init_db(url)
session = next(get_db())
session.add_all([User(user_id=user) for user in users])
session.commit()
os.execv(program, [program, "serve", "--config", config, "--workers", "1", "--log-level", "40"])
"""


def _launch_any_llm(home: Path, site: Site) -> Launch:
    config, url = site.folder / "any-llm.yaml", f"sqlite:///{site.folder / 'any-llm.db'}"
    settings = {
        "database_url": url,
        "host": "127.0.0.1",
        "port": site.port,
        "master_key": "sk-bench",
        "providers": {"openai": {"api_key": "sk-bench", "api_base": f"{site.upstream}/v1"}},
    }
    config.write_text(json.dumps(settings))
    program = str(home / "bin" / "any-llm-gateway")
    argv = [str(home / "bin" / "python"), "-c", _START_ANY_LLM, program, str(config), url, *site.models]
    return Launch(argv, model="openai:{model}")


ANY_LLM = Peer(
    "any-llm",
    "Python",
    lambda home: python_environment(home, "any-llm-sdk[gateway,openai]==1.12.1"),
    _launch_any_llm,
    stalls=True,
)
LITELLM = Peer(
    "litellm", "Python", lambda home: python_environment(home, *_LITELLM), _launch_litellm, translates=True
)
