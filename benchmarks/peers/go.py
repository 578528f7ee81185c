"""Gateways written in Go."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peers.launch import Launch, Peer, Site, python_environment


def _launch_ferro(home: Path, site: Site) -> Launch:
    config = site.folder / "ferro.yaml"
    config.write_text(json.dumps({"strategy": {"mode": "single"}, "targets": [{"virtual_key": "openai"}]}))
    env = {
        "GATEWAY_CONFIG": str(config),
        "PORT": str(site.port),
        "MASTER_KEY": "sk-bench",
        "ALLOW_UNAUTHENTICATED_PROXY": "true",
        "RATE_LIMIT_RPS": "0",  # by default 20 a second from one address
        "LOG_LEVEL": "error",
        "OPENAI_API_KEY": "sk-bench",
        "OPENAI_BASE_URL": site.upstream,
    }
    # it takes names from its own catalogue only; the mock reads the rest from the request's "user"
    return Launch([str(home / "bin" / "ferrogw"), "serve"], env=env, model="gpt-4o-mini")


FERRO = Peer("ferro", "Go", lambda home: python_environment(home, "ferrogw==1.5.10"), _launch_ferro)
