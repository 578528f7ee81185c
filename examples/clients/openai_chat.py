"""OpenAI's client with only its address changed: ask, stream, and say how good the answer was."""

import json
import os
import urllib.request

import openai

URL = os.environ.get("MERITORDER_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("MERITORDER_API_KEY", "unused")

client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY)
stream = client.chat.completions.create(
    model="auto",
    messages=[{"role": "user", "content": "Name three rivers."}],
    stream=True,
    extra_body={"task": "trivia", "objective": {"preset": "cheap"}},
)
answer_id = ""
for chunk in stream:
    answer_id = chunk.id
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()

feedback = json.dumps({"id": answer_id, "metric": "quality", "value": 1.0}).encode()
headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
urllib.request.urlopen(urllib.request.Request(f"{URL}/v1/feedback", feedback, headers)).close()
