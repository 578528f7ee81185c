import numpy as np

from bandit import RequestFacts
from bandit.features import FIRST_TOPIC, context_vector


def test_the_wording_counts_half_where_the_kind_of_work_is_known() -> None:
    text = "Find the integral of x^2 between 0 and 3, and the plaintiff's damages.\n"
    facts = RequestFacts(
        route="auto", task=None, system="", text=text, characters=len(text), turns=1, has_tools=True,
        has_images=False, has_schema=False, stream=True, max_tokens=None,
    )  # fmt: skip
    unknown, known = context_vector(facts, None), context_vector(facts, 3)
    assert np.count_nonzero(unknown[FIRST_TOPIC:]) > 5
    np.testing.assert_allclose(known[FIRST_TOPIC:], 0.5 * unknown[FIRST_TOPIC:])
    assert (known[0], known[4]) == (1.0, 1.0)
