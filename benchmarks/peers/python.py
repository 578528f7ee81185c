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


LITELLM = Peer(
    "litellm", "Python", lambda home: python_environment(home, *_LITELLM), _launch_litellm, translates=True
)
