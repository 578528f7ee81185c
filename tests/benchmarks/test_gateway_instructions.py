from benchmarks.gateway.instructions import counts

ANNOTATED = """\
--------------------------------------------------------------------------------
Ir
--------------------------------------------------------------------------------
1,000,000 (100.0%)  PROGRAM TOTALS

--------------------------------------------------------------------------------
Ir                  file:function
--------------------------------------------------------------------------------
700,000 (70.00%)  ???:CPyDef_server____handle_Server_gen_____mypyc_generator_helper__ [/src/meritorder__mypyc.so]
700,000 (70.00%)  ???:0x000000000b4d7be0 [???]
500,000 (50.00%)  /src/Objects/genobject.c:PyGen_am_send'2 [/usr/lib/libpython3.11.so]
 90,000 ( 9.00%)  ???:__pyx_f_6bandit_8decision_6decide_7Decider_decide [/src/bandit/decision/decide.so]
 95,000 ( 9.50%)  ???:__pyx_pw_6bandit_8decision_6decide_7Decider_3decide [/src/bandit/decision/decide.so]
"""


def test_instructions_are_booked_on_the_functions_of_ours_that_were_compiled():
    whole, found = counts(ANNOTATED.splitlines())
    assert whole == 1_000_000
    assert found == {"server.Server._handle": 700_000, "bandit.decision.decide.Decider.decide": 95_000}
