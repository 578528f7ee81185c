"""Constants of the quality posterior."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """Constants of the quality posterior; quality lies in [0, 1].

    noise_variance   prior mean of the variance of a feedback; noise_strength: observations it counts as
    common_mean      prior mean quality of an arm; common_sd, slope_sd: standard deviations of the intercept and of the
                     slopes that arms have in common
    arm_sd, task_sd, topic_sd, statistic_sd
                     prior standard deviations of the differences between arms: in the mean, and by task, topic and statistic
    spread_strength  coefficients that these standard deviations count as
    price_slope      quality per factor of ten in list price
    half_life_s      seconds after which an observation counts half
    reopened_weight  observations that everything before a detected change still counts as
    """

    noise_variance: float = 0.15
    noise_strength: float = 20.0
    common_mean: float = 0.6
    common_sd: float = 0.3
    slope_sd: float = 0.15
    arm_sd: float = 0.1
    task_sd: float = 0.05
    topic_sd: float = 0.05
    statistic_sd: float = 0.035
    spread_strength: float = 30.0
    price_slope: float = 0.1
    half_life_s: float = 14 * 86400.0
    reopened_weight: float = 4.0
