"""An upstream of any dialect that records what it was sent and answers what a test says, whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class Recorder:
    """`answer` is asked with the path of every request."""

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Recorder:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def arm(self, name: str, dialect: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "model": name, "base_url": f"{self.url}/{name}/v1", "dialect": dialect, **more}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                status, kind, body = self.answer(head.split(b" ")[1].decode())
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def refusal(message: str, status: int = 400) -> Answer:
    """Returns an error in OpenAI's form."""
    return (
        status,
        "application/json",
        orjson.dumps({"error": {"message": message, "type": "invalid_request_error"}}),
    )


def form(model: str) -> tuple[bytes, str]:
    """Returns the body and the content type of a transcription's form."""
    parts = (
        b'--bound\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + model.encode(),
        b'--bound\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF1234',
        b"--bound--\r\n",
    )
    return b"\r\n".join(parts), "multipart/form-data; boundary=bound"


def request(endpoint: str, model: str, *, stream: bool = False) -> tuple[bytes, str]:
    """Returns the body and the content type of an ordinary request to an endpoint."""
    if endpoint.endswith("transcriptions"):
        return form(model)
    messages = [{"role": "user", "content": "Hi"}]
    fields: dict[str, Any] = {
        "/v1/chat/completions": {"messages": messages},
        "/chat/completions": {"messages": messages},
        "/v1/messages": {"messages": messages, "max_tokens": 10},
        "/v1/responses": {"input": "Hi"},
        "/v1/completions": {"prompt": "Hi"},
        "/v1/embeddings": {"input": "Hi"},
        "/v1/audio/speech": {"input": "Hi", "voice": "alloy"},
    }[endpoint]
    return orjson.dumps(
        {"model": model, **({"stream": True} if stream else {}), **fields}
    ), "application/json"


ENDPOINTS = (
    "/v1/chat/completions",
    "/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/audio/transcriptions",
    "/v1/audio/speech",
)
DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini", "bedrock", "cohere")
