"""Constants of the learner."""

from __future__ import annotations

from dataclasses import dataclass, field

from bandit.quality.settings import QualitySettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Constants of the learner, beside those of quality.

    floor_total         probability that is spent on floors, shared evenly by the eligible arms
    directed, directed_judged
                        share of draws that are information-directed, where hardly any answer is judged and where every
                        one is; the others are Thompson's. Rare feedback must be gained where it tells most; where it is
                        plenty, Thompson's draws cost no more and hardly ever give up the best arm after unlucky answers
    broad, narrow       factors on the posterior standard deviation of quality when drawing, for what concerns
                        all traffic and for the rest; 1 is the posterior's own
    sampled_narrow      `narrow` of Thompson's draws: doubt about single kinds of requests is left to the directed ones
    informed_broad      `broad` while labelled examples are trusted and weigh over a fifth of the feedback. All draws are
                        Thompson's then: directed ones would never look at what the labels seem to settle, so nothing would
                        contradict wrong labels
    budgeted, targeted  factors on `broad`, `narrow` and `sampled_narrow` where a budget or a quality target is held: an arm
                        given up for good costs more than utility there. A quality target has requests that explore besides
    token_half_life_s   of output lengths
    latency_half_life_s of TTFT and time per token
    error_half_life_s   of the error rate
    """

    quality: QualitySettings = field(default_factory=QualitySettings)
    floor_total: float = 0.001
    directed: float = 0.9
    directed_judged: float = 0.3
    broad: float = 0.7
    narrow: float = 0.5
    sampled_narrow: float = 0.1
    informed_broad: float = 0.5
    budgeted: float = 1.5
    targeted: float = 1.25
    token_half_life_s: float = 7 * 86400.0
    latency_half_life_s: float = 3600.0
    error_half_life_s: float = 600.0
