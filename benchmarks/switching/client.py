"""The conversation as a client of each dialect keeps it: every answer goes back as it came."""

from __future__ import annotations

from typing import Any

import orjson

Json = dict[str, Any]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJSBhIHBhZ2Ugb2YgdGlkZXMK"
_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_NONE = {"type": "object", "properties": {}}
_TOOLS = (("get_weather", "The weather in a city.", _CITY), ("now", "The time.", _NONE))

DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages")


class Client:
    """One conversation. `body` is what it sends next."""

    def __init__(self, dialect: str, *, image: bool, document: bool, thinking: bool) -> None:
        self.dialect = dialect
        self.history: list[Json] = []
        self._thinking = thinking
        parts = [self._text("How is the weather in Oslo, and when is high water?")]
        parts += [self._image()] if image else []
        parts += [self._document()] if document else []
        self.history.append({"role": "user", "content": parts if len(parts) > 1 else parts[0]["text"]})

    def body(self, model: str, *, stream: bool) -> Json:
        fields: Json = {"model": model, **({"stream": True} if stream else {})}
        match self.dialect:
            case "openai_chat":
                tools: list[Json] = [
                    {"type": "function", "function": {"name": n, "description": d, "parameters": p}}
                    for n, d, p in _TOOLS
                ]
                more: Json = {"reasoning_effort": "low", "max_tokens": 8000} if self._thinking else {}
                return {**fields, "messages": self.history, "tools": tools, **more}
            case "anthropic_messages":
                tools = [{"name": n, "description": d, "input_schema": p} for n, d, p in _TOOLS]
                more = {"thinking": {"type": "enabled", "budget_tokens": 2048}} if self._thinking else {}
                return {**fields, "max_tokens": 8000, "messages": self.history, "tools": tools, **more}
        tools = [
            {"type": "function", "name": n, "description": d, "parameters": p, "strict": False}
            for n, d, p in _TOOLS
        ]
        more = {"reasoning": {"effort": "low"}, "max_output_tokens": 8000} if self._thinking else {}
        kept = {"store": False, "include": ["reasoning.encrypted_content"]}
        return {**fields, **kept, "input": self.history, "tools": tools, **more}

    def took(self, answer: Json) -> list[str]:
        """Adds an answer to the history; returns the ids of its calls."""
        match self.dialect:
            case "openai_chat":
                message = {
                    k: v
                    for k, v in answer["choices"][0]["message"].items()
                    if v is not None or k == "content"
                }
                self.history.append(message)
                return [call["id"] for call in message.get("tool_calls") or ()]
            case "anthropic_messages":
                self.history.append({"role": "assistant", "content": answer["content"]})
                return [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
        self.history += answer["output"]
        return [item["call_id"] for item in answer["output"] if item["type"] == "function_call"]

    def tells(self, results: list[tuple[str, str, bool, bool]]) -> None:
        """Answers calls: (id, text, whether it failed, whether a picture comes with it)."""
        blocks = []
        for call, text, failed, shown in results:
            parts = [self._text(text)] if text else []
            if self.dialect == "openai_chat":  # results are text there
                self.history.append({"role": "tool", "tool_call_id": call, "content": text})
                continue
            content: Any = [*parts, self._image()] if shown else text
            if self.dialect == "openai_responses":
                self.history.append({"type": "function_call_output", "call_id": call, "output": content})
            else:
                block = {"type": "tool_result", "tool_use_id": call, "content": content}
                blocks.append({**block, "is_error": True} if failed else block)
        if blocks:
            self.history.append({"role": "user", "content": blocks})

    def says(self, text: str) -> None:
        self.history.append({"role": "user", "content": text})

    def __str__(self) -> str:
        return orjson.dumps(self.history).decode()

    def _text(self, text: str) -> Json:
        return {"type": "input_text" if self.dialect == "openai_responses" else "text", "text": text}

    def _image(self) -> Json:
        url = f"data:image/png;base64,{PNG}"
        match self.dialect:
            case "openai_chat":
                return {"type": "image_url", "image_url": {"url": url}}
            case "openai_responses":
                return {"type": "input_image", "image_url": url}
        return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}

    def _document(self) -> Json:
        url = f"data:application/pdf;base64,{PDF}"
        match self.dialect:
            case "openai_chat":
                return {"type": "file", "file": {"filename": "tides.pdf", "file_data": url}}
            case "openai_responses":
                return {"type": "input_file", "filename": "tides.pdf", "file_data": url}
        source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
        return {"type": "document", "title": "tides.pdf", "source": source}
