"""Other gateways, each installed on demand into an environment of its own and started fairly.

Fairly means: one worker, no request logging, no rate limit, no database or telemetry that it doesn't need to
forward a request, keep-alive to the upstream, and every known mistake in its set-up avoided.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.peers.go import FERRO
from benchmarks.peers.launch import InstallError, Launch, Peer, Site
from benchmarks.peers.node import PORTKEY
from benchmarks.peers.python import ANY_LLM, LITELLM
from benchmarks.peers.rust import ROLTER, SMG, TENSORZERO, VLLM_ROUTER
from benchmarks.peers.system import ENVOY, HAPROXY, NGINX

__all__ = ["CACHE", "PEERS", "InstallError", "Launch", "Peer", "Site"]

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meritorder" / "peers"
_ALL = (NGINX, HAPROXY, ENVOY, VLLM_ROUTER, SMG, ROLTER, TENSORZERO, FERRO, PORTKEY, LITELLM, ANY_LLM)
PEERS = {peer.name: peer for peer in _ALL}
