"""The shipped selection of recorded traffic, through the command that checks whole folders."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import zlib
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


ANSWER = b'{"id":"1","model":"m","choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}'
ASKED = {
    "method": "POST",
    "uri": "https://host/v1/chat/completions",
    "body": '{"model":"m","messages":[{"role":"user","content":"a"}]}',
}


def _cassette(response, request=ASKED):
    return {"interactions": [{"request": request, "response": {"status": {"code": 200}, **response}}]}


def test_rubbish_is_reported_and_the_rest_is_checked(tmp_path, monkeypatch, capsys):
    good = _cassette({"headers": {}, "body": {"string": ANSWER.decode()}})
    (tmp_path / "good.json").write_text(json.dumps(good))
    (tmp_path / "noise.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "broken.yaml").write_text("a: [1, {b: 'c")
    (tmp_path / "cut.json").write_text('{"interactions": [')
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "settings.yaml").write_text("port: 1")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "index.jsonl").write_text('{"file": "good.json"}\n')
    (tmp_path / "folder.yaml").mkdir()
    odd = {"interactions": [None, 7, {}, {"request": {}, "response": {}}, {"request": 1, "response": []}]}
    (tmp_path / "odd.json").write_text(json.dumps(odd))
    packed = _cassette({"body": {"base64_string": "H4sIAAAA"}})
    (tmp_path / "packed.json").write_text(json.dumps(packed))
    monkeypatch.setattr(sys, "argv", ["cassettes", str(tmp_path)])
    assert command.main() == 1
    told = capsys.readouterr().out
    assert "answers 1 of 1 right" in told
    for name in ("noise.yaml", "broken.yaml", "cut.json", "deep.json", "odd.json#0", "packed.json#0"):
        assert f"  {name} can't be read" in told
    for name in ("settings.yaml", "list.json", "empty.yaml", "index.jsonl"):
        assert name not in told


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, already unpacked"])
def test_packed_bodies_are_unpacked_whether_the_recorder_did_or_not(tmp_path, encoding):
    raw = {
        "br": lambda: pytest.importorskip("brotli").compress(ANSWER),
        "zstd": lambda: _zstandard(ANSWER),
        "deflate": lambda: zlib.compress(ANSWER)[2:-4],
        "gzip, already unpacked": lambda: ANSWER,
    }[encoding]()
    headers = {"Content-Encoding": [encoding.partition(",")[0]], "Content-Type": ["application/json"]}
    cassette = _cassette({"headers": headers, "body": {"string": raw}})
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(cassette))
    (exchange,) = exchanges(tmp_path)
    assert exchange.body == ANSWER


def _zstandard(body):
    library = pytest.importorskip("zstandard")
    return library.ZstdCompressor(write_content_size=False).compress(body)


def test_tags_of_older_recorders_are_read_as_what_they_hold(tmp_path):
    (tmp_path / "a.yaml").write_text(
        """interactions:
- request:
    body: !!python/unicode '{"model":"m","messages":[{"role":"user","content":"a"}]}'
    method: POST
    uri: https://host/v1/chat/completions
  response:
    body: {string: !!python/unicode 'ANSWER'}
    headers: !!python/object/new:dict
      content-type: !!python/tuple [application/json]
    status: {code: 200, message: OK}
""".replace("ANSWER", ANSWER.decode())
    )
    (exchange,) = exchanges(tmp_path)
    assert check_answer(exchange, 0) == []
    assert exchange.headers == {"content-type": "application/json"}
