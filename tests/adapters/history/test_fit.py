"""What a vendor gets of a conversation that others led before."""

from __future__ import annotations

import orjson
import pytest

from adapters.canonical import (
    Media,
    Message,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from adapters.history import fitted, rules_for

ASKED = Message("user", (Text("Weather?"),))
MISTRAL = rules_for("mistral", "openai_chat", "mistral-large")
CLAUDE = rules_for("anthropic", "anthropic_messages", "claude-sonnet-4-5")
BEDROCK = rules_for("bedrock", "bedrock", "anthropic.claude-sonnet-4-5")
GEMINI = rules_for("google", "gemini", "gemini-3.1-pro")
OPENAI = rules_for("openai", "openai_chat", "gpt-5.4")
DEEPSEEK = rules_for("deepseek", "openai_chat", "deepseek-v4")
ROUTER = rules_for("openrouter", "openai_chat", "openai/gpt-5.4")
ALL = [MISTRAL, CLAUDE, BEDROCK, GEMINI, OPENAI, DEEPSEEK, ROUTER]


def said(rules, *messages, dialect="openai_chat", **fields):
    return fitted(Request("m", messages, dialect=dialect, **fields), rules, "some").request


def turns(rules, *messages, **fields):
    return list(said(rules, *messages, **fields).messages)


def call(id, name="get_weather", arguments='{"city":"Oslo"}', **more):
    return ToolCall(id, name, arguments, **more)


def result(id, text="rain", **more):
    return Message("tool", (ToolResult(id, (Text(text),), **more),))


def test_an_id_that_a_vendor_takes_stays():
    history = turns(MISTRAL, ASKED, Message("assistant", (call("aB3dE6gH9"),)), result("aB3dE6gH9"))
    assert history[1].parts[0].id == history[2].parts[0].call_id == "aB3dE6gH9"


def test_a_longer_id_becomes_the_same_nine_letters_in_every_turn():
    first = turns(MISTRAL, ASKED, Message("assistant", (call("toolu_01A"),)), result("toolu_01A"))
    later = turns(
        MISTRAL,
        ASKED,
        Message("assistant", (call("toolu_01A"),)),
        result("toolu_01A"),
        Message("assistant", (call("toolu_01B"),)),
        result("toolu_01B"),
    )
    assert later[: len(first)] == first
    made = first[1].parts[0].id
    assert len(made) == 9
    assert made.isalnum()
    assert made != later[3].parts[0].id


def test_the_second_of_an_id_gets_one_of_its_own_and_keeps_its_result():
    turn = Message("assistant", (call("f:0"),))
    history = turns(CLAUDE, ASKED, turn, result("f:0", "rain"), turn, result("f:0", "hail"))
    ids = [history[1].parts[0].id, history[3].parts[0].id]
    assert len(set(ids)) == 2
    assert [history[2].parts[0].call_id, history[4].parts[0].call_id] == ids
    assert history[4].parts[0].content == (Text("hail"),)


def test_calls_without_ids_are_answered_in_order():
    turn = Message("assistant", (call(""), call("", arguments='{"city":"Bergen"}')))
    history = turns(CLAUDE, ASKED, turn, result("", "rain"), result("", "hail"))
    ids = [part.id for part in history[1].parts]
    assert len(set(ids)) == 2
    assert "" not in ids
    assert [(p.call_id, p.content[0].text) for p in history[2].parts] == list(
        zip(ids, ("rain", "hail"), strict=True)
    )


def test_results_stand_behind_their_calls_in_their_order_and_words_between_come_after():
    history = turns(
        OPENAI,
        ASKED,
        Message("assistant", (call("a"), call("b"))),
        result("b", "hail"),
        Message("user", (Text("Hurry."),)),
        result("a", "rain"),
    )
    assert [p.call_id for p in history[2].parts] == ["a", "b"]
    assert history[3] == Message("user", (Text("Hurry."),))


@pytest.mark.parametrize("rules", ALL)
def test_a_call_that_nobody_answered_is_told_as_an_error(rules):
    history = turns(rules, ASKED, Message("assistant", (call("a"),)), Message("user", (Text("And?"),)))
    told = next(part for message in history for part in message.parts if isinstance(part, ToolResult))
    assert told.is_error
    assert told.call_id == history[1].parts[0].id


def test_a_result_without_a_call_is_the_users_words():
    history = turns(CLAUDE, ASKED, result("gone", "rain"))
    assert [message.role for message in history] == ["user", "user"]
    assert "rain" in history[1].parts[0].text


def test_a_result_may_belong_to_a_call_that_the_vendor_itself_keeps():
    rules = rules_for("openai", "openai_responses", "gpt-5.4")
    history = turns(rules, result("call_1"), extras={"previous_response_id": "resp_1"})
    assert isinstance(history[0].parts[0], ToolResult)


@pytest.mark.parametrize("written", ['{"city": "Os', "[]", "null", "7"])
def test_arguments_that_are_no_object_are_wrapped(written):
    history = turns(CLAUDE, ASKED, Message("assistant", (call("a", arguments=written),)), result("a"))

    assert orjson.loads(history[1].parts[0].arguments) == {"_invalid_json": written}


def test_no_arguments_are_an_empty_object():
    history = turns(OPENAI, ASKED, Message("assistant", (call("a", arguments=""),)), result("a"))
    assert history[1].parts[0].arguments == "{}"


def test_a_name_that_a_vendor_refuses_is_mapped_everywhere_and_back():
    request = Request(
        "m",
        (
            ASKED,
            Message("assistant", (call("a", "srv/get.x"), call("b", "srv.get/x"))),
            result("a", name="srv/get.x"),
        ),
        tools=(Tool("srv/get.x", parameters={}), Tool("srv.get/x"), Tool("plain")),
        tool_choice=ToolChoice("one", "srv/get.x"),
    )
    fit = fitted(request, CLAUDE, "anthropic_messages")
    names = [tool.name for tool in fit.request.tools]
    assert fit.names == {names[0]: "srv/get.x", names[1]: "srv.get/x"}
    assert names[2] == "plain"
    assert [part.name for part in fit.request.messages[1].parts] == names[:2]
    assert fit.request.tool_choice.name == names[0]
    assert all(CLAUDE.names.fullmatch(name) for name in names)


def test_tools_of_the_history_are_declared_where_a_vendor_wants_them():
    request = said(CLAUDE, ASKED, Message("assistant", (call("a"),)), result("a"))
    assert [tool.name for tool in request.tools] == ["get_weather"]
    assert request.tool_choice == ToolChoice("none")
    assert said(OPENAI, ASKED, Message("assistant", (call("a"),)), result("a")).tools == ()


def test_words_about_tools_go_with_the_tools():
    request = said(OPENAI, ASKED, tool_choice=ToolChoice("auto"), parallel_tool_calls=False)
    assert request.tool_choice is None
    assert request.parallel_tool_calls is None


def test_a_seal_goes_to_its_maker_alone():
    thought = Reasoning("Hm.", signature="anthropic:sig")
    turn = Message("assistant", (thought, Text("Rain.")))
    again = Message("user", (Text("And?"),))
    assert turns(CLAUDE, ASKED, turn, again)[1].parts[0] == Reasoning("Hm.", signature="sig")
    assert turns(BEDROCK, ASKED, turn, again)[1].parts[0] == Reasoning("Hm.", signature="sig")
    assert turns(GEMINI, ASKED, turn, again)[1].parts == (Text("Rain."),)
    assert turns(OPENAI, ASKED, turn, again)[1].parts == (Text("Rain."),)
    assert turns(DEEPSEEK, ASKED, turn, again)[1].parts[0] == Reasoning("Hm.")


def test_what_openrouter_sealed_has_no_name_on_it_in_chat():
    turn = Message(
        "assistant", (Reasoning(redacted='{"type":"reasoning.encrypted","data":"x"}'), Text("Rain."))
    )
    again = Message("user", (Text("And?"),))
    assert turns(ROUTER, ASKED, turn, again)[1].parts[0] == turn.parts[0]
    assert turns(CLAUDE, ASKED, turn, again)[1].parts == (Text("Rain."),)


def test_a_turn_of_foreign_thoughts_alone_vanishes():
    turn = Message("assistant", (Reasoning("Hm."),))
    assert [m.role for m in turns(CLAUDE, ASKED, turn, ASKED)] == ["user", "user"]


@pytest.mark.parametrize("rules", [CLAUDE, BEDROCK])
def test_blank_text_vanishes(rules):
    history = turns(
        rules, ASKED, Message("assistant", (Text("\n"), Text("Rain."))), Message("user", (Text(" "),))
    )
    assert history == [ASKED, Message("assistant", (Text("Rain."),))]


def test_system_words_in_between_keep_their_place():
    history = turns(
        CLAUDE, Message("system", (Text("Be kind."),)), ASKED, Message("system", (Text("Hurry."),))
    )
    assert [m.role for m in history] == ["system", "user", "user"]
    assert "Hurry." in history[2].parts[0].text


@pytest.mark.parametrize("rules", [CLAUDE, BEDROCK, GEMINI, MISTRAL])
def test_nothing_but_system_words_are_a_question(rules):
    history = turns(rules, Message("system", (Text("Be kind."),)), Message("system", (Text("Write."),)))
    assert [m.role for m in history] == ["system", "user"]


def test_turns_alternate_at_bedrock():
    history = turns(
        BEDROCK, Message("assistant", (Text("Hello."),)), ASKED, ASKED, Message("assistant", (Text("a"),))
    )
    assert [m.role for m in history] == ["user", "assistant", "user", "assistant"]
    assert history[2].parts == ASKED.parts * 2


def test_mistral_hears_no_user_right_behind_a_result():
    history = turns(MISTRAL, ASKED, Message("assistant", (call("a"),)), result("a"), ASKED)
    assert [m.role for m in history] == ["user", "assistant", "tool", "assistant", "user"]


def test_the_last_words_are_the_users_where_no_answer_can_be_begun():
    opus = rules_for("anthropic", "anthropic_messages", "claude-opus-4-7")
    begun = Message("assistant", (Text("It is "),))
    assert turns(opus, ASKED, begun)[-1].role == "user"
    assert turns(CLAUDE, ASKED, begun)[-1] == Message("assistant", (Text("It is"),))


def test_pictures_of_results_come_behind_the_last_of_them():
    image = Media("image", data="QQ==", media_type="image/png")
    shown = Message("tool", (ToolResult("a", (image,)),))
    history = turns(OPENAI, ASKED, Message("assistant", (call("a"), call("b"))), shown, result("b"))
    assert [m.role for m in history] == ["user", "assistant", "tool", "user"]
    assert image in history[3].parts
    assert len(history[2].parts) == 2
    assert all(not isinstance(piece, Media) for part in history[2].parts for piece in part.content)


def test_deepseek_gets_one_text():
    history = turns(DEEPSEEK, Message("user", (Text("a"), Text("b"))), dialect="anthropic_messages")
    assert history[0].parts == (Text("a\n\nb"),)


def test_a_loop_that_began_without_a_thought_goes_on_without():
    loop = (ASKED, Message("assistant", (call("a"),)), result("a"))
    budget = Thinking(budget_tokens=2048)
    assert said(CLAUDE, *loop, thinking=budget).thinking is None
    assert said(CLAUDE, *loop, ASKED, thinking=budget).thinking is None
    assert (
        said(CLAUDE, *loop, Message("assistant", (Text("So."),)), ASKED, thinking=budget).thinking == budget
    )
    newer = rules_for("anthropic", "anthropic_messages", "claude-opus-4-8")
    assert said(newer, *loop, thinking=Thinking(effort="low")).thinking == Thinking(effort="low")
    thought = Message("assistant", (Reasoning("Hm.", signature="anthropic:s"), call("a")))
    assert said(CLAUDE, ASKED, thought, result("a"), thinking=budget).thinking == budget


@pytest.mark.parametrize("rules", ALL)
def test_fitting_twice_changes_nothing(rules):
    history = (
        Message("system", (Text("Be kind."),)),
        Message("assistant", (Reasoning("Hm.", signature="gemini:x"), call("f:0"), call("f:0"))),
        result("f:0"),
        ASKED,
        Message("developer", (Text("Hurry."),)),
        Message("assistant", (Text("So "),)),
    )
    once = fitted(Request("m", history, dialect="gemini"), rules, "gemini").request
    assert fitted(once, rules, "gemini").request.messages == once.messages
