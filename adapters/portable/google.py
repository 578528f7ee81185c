"""What a Gemini client says inside objects: which of it another vendor may do without."""

from __future__ import annotations

from adapters.canonical import Json
from adapters.errors import Inexpressible

_FORMS = ("speechConfig", "imageConfig")


def of_google(extras: Json) -> Json | None:
    """Returns the choice between tools that `extras` hold, if they do, in the form of a list of allowed ones. Raises
    Inexpressible for an answer that is to be no text.
    """
    config = extras.get("generationConfig")
    if isinstance(config, dict):
        modalities = config.get("responseModalities")
        spoken = [str(one) for one in modalities if one != "TEXT"] if isinstance(modalities, list) else []
        if spoken:
            raise Inexpressible(f"responseModalities {spoken[0]}")
        for name in _FORMS:
            if config.get(name):
                raise Inexpressible(name)
    tools = extras.get("toolConfig")
    calling = tools.get("functionCallingConfig") if isinstance(tools, dict) else None
    if not isinstance(calling, dict):
        return None
    names = calling.get("allowedFunctionNames")
    if not isinstance(names, list) or not names:
        return None
    del extras["toolConfig"]
    mode = "required" if calling.get("mode") == "ANY" else "auto"
    return {"type": "allowed_tools", "mode": mode, "tools": [{"name": name} for name in names]}
