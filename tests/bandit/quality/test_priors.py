from bandit.quality.priors import LabelTrust, contradicted

NOISE = 0.02
LABELS = 200.0


def refuted_after(residual: float, most: int, noise: float = NOISE) -> int | None:
    """Returns the feedback at which labels are given up that all miss by `residual`, None if never."""
    trust = LabelTrust()
    for number in range(1, most + 1):
        trust.record(residual, noise, LABELS)
        if contradicted([trust]):
            return number
    return None


def trust_after(*residuals: float) -> LabelTrust:
    """Returns the trust in an arm after these residuals."""
    trust = LabelTrust()
    for residual in residuals:
        trust.record(residual, NOISE, LABELS)
    return trust


def test_a_small_miss_refutes_labels_where_feedback_is_clean() -> None:
    refuted = refuted_after(-0.07, 300)
    assert refuted is not None
    assert refuted_after(-0.07, 300, noise=0.2) is None


def test_labels_that_miss_by_less_than_their_own_error_are_kept() -> None:
    assert refuted_after(0.02, 5000) is None


def test_one_outlier_refutes_nothing() -> None:
    for kept in range(51):
        assert not contradicted([trust_after(-0.9, *[0.0] * kept)])


def test_arms_that_keep_their_labels_speak_for_those_of_an_arm_that_had_bad_luck() -> None:
    unlucky = [-0.3] * 3
    assert contradicted([trust_after(*unlucky)])
    assert contradicted([trust_after(*unlucky), trust_after()])
    assert not contradicted([trust_after(*unlucky), trust_after(*[0.0] * 50), trust_after(*[0.0] * 50)])


def test_arms_that_all_miss_a_little_refute_their_labels_together() -> None:
    one = trust_after(*[-0.13] * 8)
    assert not contradicted([one])
    assert contradicted([one, one, one])


def test_an_arm_that_is_elsewhere_beyond_doubt_refutes_all_labels_whatever_the_others_say() -> None:
    others = [trust_after(*[0.0] * 50) for _ in range(11)]
    assert not contradicted([trust_after(*[-0.3] * 3), *others])
    assert contradicted([trust_after(*[-0.3] * 8), *others])


def test_an_arm_whose_labels_are_no_longer_trusted_does_not_count() -> None:
    missed = trust_after(*[-0.3] * 20)
    assert contradicted([missed, trust_after()])
    missed.trusted = False
    assert not contradicted([missed, trust_after()])
