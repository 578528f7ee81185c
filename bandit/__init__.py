"""The learner: what each arm is worth for a request, and which one to draw.

Pure: numpy only, no clock, no global randomness, no I/O but one table read at import. Read it in this order:

facts      what the parser saw of a request
features   these become a context vector
words      of `topic_words`, a list by hand of what speaks for a subject
topics     subjects recognised by words, of that list and of a trained table
tasks      task names become slots of that vector
priors     what is known of an arm before traffic, and whether labels can be trusted
hierarchy  what arms have in common, and how much they differ
sums       additive statistics that can be taken back
posteriors mean and covariance of the quality coefficients of every arm, updated by one observation at a time
solving    posteriors of many arms at once
quality    posterior of answer quality per arm (linear, additive, time-decayed)
drift      change detector on quality residuals
evidence   what one arm has shown: its sums, its labels and whether they are trusted, its changes
bias       who gives feedback, and what it should weigh
outcomes   posteriors of output tokens, latency and errors per arm
outlook    what a call of each arm is like: all of these together
objective  what a caller pays for: dollars of quality, cost and waiting
targeting  what quality must be worth for a quality target to hold
pacing     budgets and quality targets that hold on average
contest    who is the best of a few uncertain arms, and which one is worth trying
kernels    posteriors and prices become utilities, these a probability for each arm, and a draw
decision   what a decision says of its candidates
engine     `Bandit`, which puts them together
"""

from bandit.arrays import FloatArray, IntArray
from bandit.context.facts import Context, RequestFacts
from bandit.context.features import DIMENSION, recalled
from bandit.context.tasks import task_label
from bandit.decision.decision import Decision
from bandit.decision.objective import PRESETS, Objective, Quote
from bandit.engine import Bandit, Estimate, Settings
from bandit.quality.priors import ArmPrior
from bandit.quality.regression import Fit

__all__ = [
    "DIMENSION",
    "PRESETS",
    "ArmPrior",
    "Bandit",
    "Context",
    "Decision",
    "Estimate",
    "Fit",
    "FloatArray",
    "IntArray",
    "Objective",
    "Quote",
    "RequestFacts",
    "Settings",
    "recalled",
    "task_label",
]
