"""Gateways written for Node.js."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.peers.launch import InstallError, Launch, Peer, Site, run

_PORTKEY = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": "1.15.2"},
    # with a newer one every stream fails: it changes headers that are immutable by then
    "overrides": {"@hono/node-server": "1.13.8"},
}


def _install_portkey(home: Path) -> None:
    if shutil.which("node") is None:
        raise InstallError("node is not on this machine: on Debian, apt install nodejs npm")
    done, wanted = home / ".installed", json.dumps(_PORTKEY, indent=1)
    if done.exists() and done.read_text() == wanted:
        return
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "package.json").write_text(wanted)
    run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=home)
    done.write_text(wanted)


def _launch_portkey(home: Path, site: Site) -> Launch:
    program = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    return Launch(
        ["node", str(program), "--headless", f"--port={site.port}"],
        env={"NODE_ENV": "production"},
        headers=(
            "Authorization: Bearer sk-bench",
            "x-portkey-provider: openai",
            f"x-portkey-custom-host: {site.upstream}/v1",
        ),
    )


PORTKEY = Peer("portkey", "TypeScript", _install_portkey, _launch_portkey)
