"""CPU microseconds to translate one chunk of a stream, by pair of dialects.

python -m benchmarks.translation [--chunks 4000]
"""

from __future__ import annotations

import argparse
import time

from adapters.canonical import Finish, Message, Request, Start, Text, TextDelta, Usage, UsageReport
from adapters.dialects import by_name

NAMES = ("openai_chat", "anthropic_messages", "openai_responses", "gemini", "bedrock")


def chunks(name: str, number: int) -> list[bytes]:
    request = Request("model", (Message("user", (Text("hi"),)),), stream=True, include_usage=True)
    encoder = by_name(name).stream_encoder(request, lambda usage: None)
    words = [encoder.feed([TextDelta(f" word{i}\n")]) for i in range(number)]
    head = encoder.feed([Start("id", "model")])
    tail = encoder.feed([Finish("stop"), UsageReport(Usage(10, number))]) + encoder.close()
    return [head, *words, tail]


def microseconds(upstream: str, client: str, number: int) -> float:
    pieces = chunks(upstream, number)
    request = Request("model", (Message("user", (Text("hi"),)),), stream=True)
    best = float("inf")
    for _ in range(5):
        decoder = by_name(upstream).stream_decoder()
        encoder = by_name(client).stream_encoder(request, lambda usage: None)
        began = time.process_time()
        for piece in pieces:
            encoder.feed(decoder.feed(piece))
        encoder.feed(decoder.close())
        encoder.close()
        best = min(best, time.process_time() - began)
    return best / len(pieces) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=4000)
    number = parser.parse_args().chunks
    for upstream in NAMES:
        for client in NAMES[:4]:
            if upstream != client:
                print(
                    f"{upstream:>20} -> {client:<20} {microseconds(upstream, client, number):6.1f} µs per chunk"
                )


if __name__ == "__main__":
    main()
