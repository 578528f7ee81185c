"""Anthropic's client in front of the gateway; whichever model answers, it speaks Messages."""

import os

import anthropic

URL = os.environ.get("MERITORDER_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("MERITORDER_API_KEY", "unused")

client = anthropic.Anthropic(base_url=URL, api_key=KEY)
with client.messages.stream(
    model="auto", max_tokens=500, messages=[{"role": "user", "content": "Name three rivers."}]
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
