"""The filters over a list of arms: who stays a candidate, why the others don't, and what that costs."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.dialects import by_name
from proxy.arms.arm import ArmTable, build
from proxy.config import ArmConfig, ObjectiveConfig, RouteConfig
from proxy.governance.principal import LOCAL
from proxy.ingress.errors import Refusal
from proxy.routing.cooldowns import Cooldowns
from proxy.routing.prompt import Prompt
from proxy.routing.request import ClientRequest
from proxy.routing.router import Plan, Router
from proxy.routing.sessions import Sessions


def asked(model: str = "auto", **more: Any) -> ClientRequest:
    prompt = Prompt(model, "Hi")
    for name in ("images", "max_tokens", "in_tool_loop"):
        setattr(prompt, name, more.pop(name, getattr(prompt, name)))
    request = ClientRequest(by_name("openai_chat"), b"", more.pop("document", {}), prompt)
    for name, value in more.items():
        setattr(request, name, value)
    return request


class Routing:
    """A router over arms of its own."""

    def __init__(self, **routes: RouteConfig) -> None:
        self.arms = ArmTable()
        self.cooldowns = Cooldowns()
        self.sessions = Sessions()
        self.router = Router(self.arms, self.cooldowns, routes, self.sessions)

    def add(self, name: str, **more: Any) -> None:
        config = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0} | more
        config = {
            "name": name,
            "provider": "mine",
            "model": name,
            "base_url": "http://127.0.0.1:1/v1",
        } | config
        self.arms.put(build(ArmConfig.model_validate(config), len(self.arms), {}, 0.0))

    def plan(self, request: ClientRequest, now: float = 0.0) -> Plan:
        return self.router.plan(request, LOCAL, now)


@pytest.fixture
def routing() -> Routing:
    routing = Routing()
    routing.add("a", context_window=1000, max_output_tokens=100, capabilities=["tools"])
    routing.add("b", context_window=2000, max_output_tokens=200, capabilities=["images"], provider="other")
    routing.add("c", input_usd_per_mtok=9.0)
    return routing


def test_an_ordinary_request_gets_the_very_candidates_of_the_last_one(routing: Routing) -> None:
    first, second = routing.plan(asked()), routing.plan(asked())
    assert second.candidates is first.candidates
    assert first.candidates.names == ("a", "b", "c")
    assert second.excluded is first.excluded
    assert not first.excluded


def test_what_leaves_nobody_out_builds_no_set_of_its_own(routing: Routing) -> None:
    every = routing.plan(asked()).candidates
    routing.add("d", context_window=50)
    routing.arms.drop("d")
    every = routing.plan(asked()).candidates
    routing.cooldowns.failed(7, "upstream", 0.0)  # an arm of another name
    again = routing.plan(asked(in_tool_loop=True, session="unknown"))
    assert again.candidates is every


@pytest.mark.parametrize(
    ("request_", "names", "excluded"),
    [
        (asked(input_tokens=1500), ("b", "c"), {"a": "context_window"}),
        (asked(max_tokens=150), ("b", "c"), {"a": "max_output"}),
        (asked(images=1), ("b", "c"), {"a": "lacks:images"}),
        (asked(provider={"ignore": ["other"]}), ("a", "c"), {"b": "provider"}),
        (asked(provider={"only": ["mine"], "ignore": ["c"]}), ("a",), {"b": "provider", "c": "provider"}),
        (
            asked(provider={"order": ["other"], "allow_fallbacks": False}),
            ("b",),
            {"a": "provider:order", "c": "provider:order"},
        ),
        (asked(provider={"max_price": {"prompt": 2.0}}), ("a", "b"), {"c": "provider:max_price"}),
        (
            asked(provider={"only": ["a", "b"]}, input_tokens=1500),
            ("b",),
            {"a": "context_window", "c": "provider"},
        ),
    ],
)
def test_each_arm_that_is_left_out_has_its_reason(
    routing: Routing, request_: ClientRequest, names: tuple[str, ...], excluded: dict[str, str]
) -> None:
    plan = routing.plan(request_)
    assert plan.candidates.names == names
    assert plan.excluded == excluded
    assert plan.quote.fixed_usd.shape == (len(names),)
    assert not routing.plan(asked()).excluded


def test_an_arm_that_cools_down_is_left_out_until_all_do(routing: Routing) -> None:
    routing.cooldowns.failed(0, "upstream", 0.0)
    plan = routing.plan(asked(), now=1.0)
    assert (plan.candidates.names, plan.excluded) == (("b", "c"), {"a": "cooldown"})
    routing.cooldowns.failed(1, "upstream", 0.5)
    routing.cooldowns.failed(2, "upstream", 1.0)
    plan = routing.plan(asked(), now=1.0)
    assert (plan.candidates.names, plan.excluded) == (("a",), {"b": "cooldown", "c": "cooldown"})


def test_a_loop_of_tools_stays_with_the_arm_that_it_began_at(routing: Routing) -> None:
    routing.sessions.ended("", "s", "b", 0.0, 10)
    loop = asked(in_tool_loop=True, session="s")
    plan = routing.plan(loop)
    assert (plan.candidates.names, plan.excluded) == (("b",), {"a": "tool_loop", "c": "tool_loop"})
    assert routing.plan(asked(session="s")).candidates.names == ("a", "b", "c")
    routing.arms.drop("b")
    assert routing.plan(loop).candidates.names == ("a", "c")


def test_arms_of_unknown_price_are_left_out_by_a_route_and_by_a_limit_in_dollars() -> None:
    routing = Routing(open=RouteConfig(unpriced=True))
    routing.add("a")
    routing.add("b", input_usd_per_mtok=None, output_usd_per_mtok=None)
    assert routing.plan(asked()).excluded == {"b": "unpriced"}
    assert routing.plan(asked("open")).candidates.names == ("a", "b")
    limit = ObjectiveConfig(max_usd_per_request=0.01)
    assert routing.plan(asked("open", objective=limit)).excluded == {"b": "unpriced"}
    with pytest.raises(Refusal, match="b behind 'b'"):
        routing.plan(asked("b", objective=limit))


def test_a_demand_for_every_parameter_names_what_an_arm_has_no_words_for(routing: Routing) -> None:
    routing.add("d", provider="anthropic", model="claude-sonnet-4-5")
    turns = [{"role": "user", "content": "Hi"}]
    document = {"model": "auto", "messages": turns, "seed": 3}
    plan = routing.plan(asked(document=document, require_parameters=True))
    assert plan.excluded == {"d": "parameter:seed"}
