"""What each vendor demands of a conversation: data, with where it is said.

Sources: the vendors' API references and guides (Anthropic: "Handle tool calls", "Extended thinking"; Bedrock: Converse,
ToolUseBlock; Google: "Function calling", "Thought signatures"; Mistral: chat reference; DeepSeek: "Thinking mode";
OpenRouter: "Preserving reasoning"; OpenAI: chat and Responses references) and the words of their 400s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from adapters.limits.table import BUDGETED

OPENROUTER = "openrouter"

_ANY = re.compile(r"(?s).+")
_WORD_40 = re.compile(r"[a-zA-Z0-9_.:-]{1,40}")
_WORD_64 = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_WORD_128 = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
# "Must start with a letter or an underscore … a-z, A-Z, 0-9, underscores, dots, colons, dashes, at most 64."
_GOOGLE_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")

# "This model does not support assistant message prefill": from 4.6 on.
_NO_PREFILL = re.compile(r"(?:opus|sonnet|haiku)-(?:4-[6-9]|[5-9])|fable|mythos")


@dataclass(frozen=True, slots=True)
class Rules:
    """How a vendor wants a history. The defaults are those of an OpenAI-compatible server that nobody knows.

    Seals: `maker` makes them and takes them back; `unsaid`: also those of a chat that nobody's name is on; `vendor`: the
    dialect is its own, where its seals bear no name. `thoughts`: it has a field for thoughts without a seal;
    `thought_with_calls`: which, if only empty, must stand beside calls. `thought_first`: a model that is given a budget to think
    doesn't go on with a loop whose last turn began without a thought; `budgeted`: it knows no other way to think.

    Calls: `ids` and `names` are what it takes, `id_length` and `name_length` how long those are that we make; `unique`: no
    id twice in a history. `shown_after`: results are text, what they show comes behind the last of them. `objects`:
    arguments must be a JSON object. `declared`: a history with calls needs tools. `choice_needs_tools`: no words about
    tools without tools.

    Turns: `apart`: system words stand beside the list, not in it. `developer`: it knows that role. `extensions` False: it
    refuses fields of messages that OpenAI doesn't document. `blank`: it takes text of nothing but white space. `texts`: content is one text.
    `user_first`, `user_needed`, `user_last`: what must be a user's. `alternates`: turns of one role must be one, of
    "all" or of the "model" alone. `bridged`: no user right behind a result.
    """

    maker: str = ""
    unsaid: bool = False
    vendor: bool = False
    thoughts: bool = True
    extensions: bool = True
    ids: re.Pattern[str] = _ANY
    id_length: int = 24
    unique: bool = False
    names: re.Pattern[str] = _WORD_64
    name_length: int = 64
    apart: bool = False
    developer: bool = False
    blank: bool = True
    user_first: bool = False
    user_needed: bool = False
    user_last: bool = False
    alternates: str = ""
    bridged: bool = False
    shown_after: bool = True
    objects: bool = True
    declared: bool = False
    texts: bool = False
    thought_with_calls: bool = False
    choice_needs_tools: bool = True
    refusals: bool = True
    thought_first: bool = False
    budgeted: bool = False


_CHAT = Rules()

_BY_DIALECT = {
    "openai_chat": _CHAT,
    "openai_responses": Rules(
        ids=re.compile(r"(?s).{1,64}"),
        developer=True,
        shown_after=False,
        objects=False,
        thoughts=False,
        extensions=False,
    ),
    "anthropic_messages": Rules(
        ids=_WORD_64,
        unique=True,
        names=_WORD_128,
        name_length=128,
        apart=True,
        blank=False,
        user_first=True,
        user_needed=True,
        shown_after=False,
        declared=True,
        thoughts=False,
    ),
    "bedrock": Rules(
        ids=_WORD_64,
        unique=True,
        apart=True,
        blank=False,
        user_first=True,
        user_needed=True,
        alternates="all",
        shown_after=False,
        declared=True,
        thoughts=False,
    ),
    "gemini": Rules(
        names=_GOOGLE_NAME,
        unique=True,
        apart=True,
        user_first=True,
        user_needed=True,
        alternates="all",
        shown_after=False,
        thoughts=False,
    ),
    "cohere": Rules(user_needed=True),
}

# What differs from the dialect's rules at a provider.
_BY_PROVIDER: dict[tuple[str, str], dict[str, object]] = {
    ("openai", "openai_chat"): {
        "ids": _WORD_40,
        "developer": True,
        "objects": False,
        "extensions": False,
        "thoughts": False,
    },
    ("openrouter", "openai_chat"): {"developer": True, "unsaid": True},
    ("groq", "openai_chat"): {"extensions": False, "thoughts": False},
    ("mistral", "openai_chat"): {
        "ids": _NINE,
        "id_length": 9,
        "extensions": False,
        "thoughts": False,
        "bridged": True,
        "user_needed": True,
        "user_last": True,
        "alternates": "model",
        "refusals": False,
    },
    ("deepseek", "openai_chat"): {"texts": True, "thought_with_calls": True, "user_needed": True},
}
_BY_PROVIDER["azure", "openai_chat"] = _BY_PROVIDER["openai", "openai_chat"]

# Rows of known vendors give no seals in chat; of any other server, what it sealed has no name on it.
_SEALLESS = frozenset(
    ("openai", "azure", "mistral", "deepseek", "xai", "alibaba", "groq", "together", "fireworks", "ollama", "vllm")
)  # fmt: skip
_MAKERS = {
    ("anthropic", "anthropic_messages"): "anthropic",
    ("google", "gemini"): "gemini",
    ("vertex", "gemini"): "gemini",
    ("openai", "openai_responses"): "openai",
}
# Whose seals have no name on them on the wire of a dialect.
_VENDORS = {
    "anthropic_messages": "anthropic",
    "openai_responses": "openai",
    "gemini": "gemini",
    "bedrock": "anthropic",
}
_PLAIN = re.compile(r"[^a-z0-9_.-]")


def maker_for(provider: str, dialect: str, model: str) -> str:
    """Returns the name of who seals thoughts at an arm. Claude's signatures are the same wherever it is served, says
    Anthropic's guide; those of other vendors are bound to an account.
    """
    if dialect == "bedrock" and "claude" in model:
        return "anthropic"
    if provider == OPENROUTER:
        return OPENROUTER
    if dialect == "anthropic_messages" and "claude" in model:
        return "anthropic"
    return _MAKERS.get((provider, dialect)) or "via-" + _PLAIN.sub("-", provider.lower())


@lru_cache(maxsize=4096)
def rules_for(provider: str, dialect: str, model: str) -> Rules:
    """Returns what a model at a provider demands, spoken to in `dialect`."""
    rules = _BY_DIALECT.get(dialect, _CHAT)
    changes: dict[str, object] = dict(_BY_PROVIDER.get((provider, dialect), {}))
    changes["maker"] = maker_for(provider, dialect, model)
    if dialect == "openai_chat":
        changes["unsaid"] = provider not in _SEALLESS
    changes["vendor"] = changes["maker"] == _VENDORS.get(dialect)
    if dialect in ("anthropic_messages", "bedrock") and _NO_PREFILL.search(model):
        changes["user_last"] = True
    if dialect == "anthropic_messages" or (dialect == "bedrock" and "claude" in model):
        changes["thought_first"] = True
        changes["budgeted"] = dialect == "bedrock" or BUDGETED.search(model) is not None
    return replace(rules, **changes)  # type: ignore[arg-type]
