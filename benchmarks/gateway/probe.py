"""Asks a gateway for one whole and one streamed answer before anything is measured."""

from __future__ import annotations

import http.client
import time

from benchmarks.gateway.bodies import body
from benchmarks.gateway.processes import Process, StartError
from benchmarks.gateway.scenarios import SCENARIOS, Scenario
from benchmarks.peers import Launch

_PATIENCE_SECONDS = 60.0
_WHOLE, _STREAMED = SCENARIOS["c1"], SCENARIOS["flood"]


def wait_until_it_answers(process: Process, port: int, launch: Launch) -> None:
    """Returns once both kinds of answer came through unharmed. Raises StartError with the last answer."""
    deadline = time.monotonic() + launch.start_seconds
    while True:
        process.check()
        problem = _problem(port, launch, _WHOLE) or _problem(port, launch, _STREAMED)
        if problem is None:
            return
        if time.monotonic() > deadline:
            raise StartError(
                f"no good answer after {launch.start_seconds:.0f} s; the last: {problem}\n{process.tail()}"
            )
        time.sleep(0.1)


def _problem(port: int, launch: Launch, scenario: Scenario) -> str | None:
    headers = dict(header.split(": ", 1) for header in launch.headers)
    headers["Content-Type"] = "application/json"
    payload = body(scenario, launch.model.format(model=scenario.upstream_model), 0)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("POST", launch.path, payload, headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()
    if answer.status != 200:
        return f"{answer.status}: {text[:500]}"
    if not scenario.streamed:
        return None if "mock answer" in text else f"not the mock's answer: {text[:500]}"
    if text.count("T@") != scenario.chunks or "data: [DONE]" not in text:
        return f"a stream of {text.count('T@')} instead of {scenario.chunks} chunks, ending {text[-300:]!r}"
    return None
