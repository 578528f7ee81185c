"""The shipped selection of recorded traffic, through the command that checks whole folders."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks.cassettes import __main__ as command
from benchmarks.cassettes.checks import check_answer
from benchmarks.cassettes.recordings import exchanges

FOLDER = Path(__file__).parent / "cassettes"


def test_every_recorded_exchange_decodes_as_an_independent_reading_says():
    result = command.run(FOLDER)
    assert result["failures"] == []
    assert sum(row["answers"] for row in result["rows"]) >= 20
    assert len({row["dialect"] for row in result["rows"]}) >= 7


def test_a_wrong_answer_is_noticed():
    exchange = next(e for e in exchanges(FOLDER) if e.dialect == "openai_chat" and e.stream)
    assert check_answer(exchange, 0) == []
    object.__setattr__(exchange, "body", exchange.body.replace(b'"finish_reason":"', b'"finish_reason":"un'))
    assert any(reason.startswith("finish") for reason in check_answer(exchange, 0))


def test_the_command_writes_json_and_fails_for_a_failure(tmp_path, monkeypatch, capsys):
    cassette = {
        "interactions": [
            {
                "request": {
                    "method": "POST",
                    "uri": "https://api.openai.com/v1/chat/completions",
                    "body": '{"model":"m","messages":[{"role":"user","content":"a"}]}',
                },
                "response": {
                    "status": {"code": 200},
                    "headers": {"content-type": ["application/json"]},
                    "body": {"string": '{"id":"1","choices":[{"index":0,"message":{"content":"a"}'},
                },
            }
        ]
    }
    (tmp_path / "cut.json").write_text(json.dumps(cassette))
    report = tmp_path / "report"
    monkeypatch.setattr(sys, "argv", ["cassettes", str(tmp_path), "--json", str(report)])
    assert command.main() == 1
    assert json.loads(report.read_text())["failures"][0]["where"] == "cut.json#0"
    assert "answers 0 of 1 right" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["gzip", "base64", "parsed", "bytes"])
def test_bodies_are_read_in_every_form_a_recorder_writes(tmp_path, form):
    answer = {
        "id": "1",
        "model": "m",
        "choices": [{"index": 0, "message": {"content": "é"}, "finish_reason": "stop"}],
    }
    raw = json.dumps(answer).encode()
    response = {"status": 200, "headers": {}}
    response |= {
        "gzip": {"body": {"string": gzip.compress(raw)}},
        "base64": {"body": {"base64_string": base64.b64encode(raw).decode()}},
        "parsed": {"parsed_body": answer},
        "bytes": {"body": {"string": raw}},
    }[form]
    request = {"uri": "https://host/v1/chat/completions", "method": "POST", "parsed_body": {"model": "m"}}
    (tmp_path / "a.yaml").write_text(
        yaml.safe_dump({"interactions": [{"request": request, "response": response}]})
    )
    (exchange,) = exchanges(tmp_path)
    assert json.loads(exchange.body) == answer
    assert exchange.dialect == "openai_chat"
    assert check_answer(exchange, 0) == []
