import pytest

from benchmarks.gateway.perf import function, raw

SAMPLES = """\
python 1
\tffffffff8 tcp_sendmsg ([kernel.kallsyms])
\t7f01 __pyx_pf_6uvloop_4loop_8UVStream_4write+0x10 (/venv/uvloop/loop.so)
\t7f02 CPyDef_connection___Connection___start+0x1 (/src/meritorder__mypyc.so)
\t7f03 CPyPy_connection___Connection___start+0x1 (/src/meritorder__mypyc.so)
\t7f04 _PyEval_EvalFrameDefault (/usr/lib/libpython3.11.so)
\t7f05 CPyDef_calls___Call____dispatch (/src/meritorder__mypyc.so)

python 1
\t7f06 __pyx_f_5proxy_7passage_7Passage_let+0x2 (/src/proxy/passage.so)
\t7f07 __pyx_pw_5proxy_7passage_7Passage_5let+0x2 (/src/proxy/passage.so)

python 2
\t7f08 epoll_wait (/usr/lib/libc.so.6)

"""


def test_what_runs_below_a_function_of_ours_is_booked_on_it():
    stacks = "elsewhere;calls.Call._dispatch;connection.Connection.start 1\nelsewhere;proxy.passage.Passage.let 1\n"
    assert raw(SAMPLES.splitlines()) == stacks + "elsewhere 1\n"


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("CPyDef_calls___Call____record", "calls.Call._record"),
        ("CPyDef_openai_chat_tap____ChatTap____bill", "openai_chat_tap._ChatTap._bill"),
        ("CPyDef_request____spliced+0x3f", "request._spliced"),
        ("CPyDef_state___journal___append", "state.journal.append"),
        ("CPyDef_reply___prepare_Reply_gen_____mypyc_generator_helper__", "reply.Reply.prepare"),
        ("CPyDef_calls___begin_gen_____mypyc_generator_helper__", "calls.begin"),
        (
            "CPyDef_proxy___journal____write_Journal_gen_____mypyc_generator_helper__",
            "proxy.journal.Journal._write",
        ),
        ("__pyx_f_6bandit_8decision_6decide_7Decider__draw", "bandit.decision.decide.Decider._draw"),
        ("__pyx_pw_6bandit_7context_8features_3context_vector", "bandit.context.features.context_vector"),
        ("__pyx_memoryview___cinit__.constprop.0", None),
        ("CPyDict_GetItem", None),
        ("read", None),
    ],
)
def test_symbols_of_compiled_functions_get_their_python_names(symbol, name):
    assert function(symbol) == name
