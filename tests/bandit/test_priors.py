from bandit.priors import LabelTrust

NOISE = 0.02
LABELS = 200.0


def told_until(residual: float, most: int, noise: float = NOISE) -> int | None:
    """Returns the feedback at which labels are given up that all miss by `residual`, None if never."""
    trust = LabelTrust()
    for number in range(1, most + 1):
        if trust.contradicts(residual, noise, LABELS):
            return number
    return None


def test_a_small_miss_refutes_labels_where_feedback_is_clean() -> None:
    found = told_until(-0.07, 300)
    assert found is not None
    assert told_until(-0.07, 300, noise=0.2) is None


def test_labels_that_miss_by_less_than_their_own_error_are_kept() -> None:
    assert told_until(0.02, 5000) is None


def test_one_outlier_refutes_nothing() -> None:
    trust = LabelTrust()
    assert not trust.contradicts(-0.9, NOISE, LABELS)
    for _ in range(50):
        assert not trust.contradicts(0.0, NOISE, LABELS)
