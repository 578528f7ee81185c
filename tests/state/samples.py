"""Records for the tests of the store."""

import dataclasses

import numpy as np

from state.records import Decision

ARMS = ("openai/large", "mistral/small", "local/tiny")


def decision(number: int, **changes: object) -> Decision:
    """Returns the decision number `number`, every field set."""
    values: dict[str, object] = {
        "id": f"chatcmpl-{number}",
        "at": 1000.0 + number,
        "route": "support",
        "task": "code",
        "arm": ARMS[number % 3],
        "arms": ARMS,
        "probabilities": np.array([0.5, 0.3, 0.2], np.float32),
        "propensity": 0.3,
        "context": np.array([1.0, number, -0.25], np.float32),
        "objective": {"value_usd": 0.05, "min_quality": None},
        "price_version": "2026-11-01",
        "key": "key-1",
        "session": "session-1",
        "user": "user-1",
        "dialect": "anthropic",
        "streamed": True,
        "request_id": f"gen-{number}",
        "finished_at": 1001.5 + number,
        "status": "upstream_error",
        "http_status": 502,
        "error": "it broke",
        "finish": "length",
        "input_tokens": 10,
        "cached_tokens": 4,
        "cache_write_tokens": 0,
        "output_tokens": 20,
        "reasoning_tokens": 5,
        "usage_estimated": True,
        "cost_usd": 0.001,
        "ttft_s": 0.25,
        "attempts": [{"arm": "openai/large", "error": "timeout", "status": None, "seconds": 1.5}],
    }
    return Decision(**(values | changes))


def fields(record: object) -> dict[str, object]:
    """Returns a record as plain values, so that two can be compared."""
    found: dict[str, object] = {}
    for name in (field.name for field in dataclasses.fields(record)):
        value = getattr(record, name)
        if isinstance(value, np.ndarray):
            value = (str(value.dtype), value.tolist())
        elif dataclasses.is_dataclass(value):
            value = fields(value)
        found[name] = value
    return found
