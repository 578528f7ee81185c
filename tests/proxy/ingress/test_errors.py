import orjson

from proxy.ingress.errors import invalid, not_found


def test_a_refusal_quotes_only_so_much_of_what_the_client_sent_and_keeps_both_ends() -> None:
    refusal = not_found(f"The model {'x' * 100_000!r} does not exist here.", code="model_not_found")
    message = orjson.loads(refusal.body())["error"]["message"]
    assert len(message) < 1100
    assert message.startswith("The model 'xxx")
    assert message.endswith("xxx' does not exist here.")


def test_a_refusal_is_in_the_words_of_the_clients_dialect() -> None:
    refusal = invalid("`n` must be positive.", "n", status=422)
    assert orjson.loads(refusal.body())["error"] == {
        "message": "`n` must be positive.",
        "type": "invalid_request_error",
        "param": "n",
        "code": 422,
    }
    assert orjson.loads(refusal.body("anthropic")) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "`n` must be positive."},
    }
