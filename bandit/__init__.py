"""The learner: what each arm is worth for a request, and which one to draw.

Pure: numpy only, no clock, no global randomness, no I/O but one table read at import. Read it in this order:

context/      what kind of request it is
  facts              a request as the parser reads it
  features           facts become a context vector
  topic_words        words that speak for a subject, listed by hand
  topics             subjects recognised by these words and by a trained table
  tasks              names of kinds of work become columns of the vector
quality/      how good an arm's answers are
  settings           constants
  priors             an arm's prior, and whether its labels can be trusted
  sums               additive statistics that can be retracted
  decay              the weight of old observations
  drift              change detector on residuals
  evidence           the observations of one arm
  query_effects      what makes a query hard for all arms, removed from labels
  hierarchy          what arms have in common, and posteriors of many arms at once
  newcomers          the benefit of the doubt for arms that join late
  posteriors         mean and covariance of every arm's coefficients, updated by one observation at a time
  regression         the posterior of quality, of all these together
  feedback_bias      who gives feedback, and its weight
  context_sums       the mean context of traffic, for reports
calls/        what a call of an arm is like
  call_posteriors    posteriors of output tokens, latency and errors
  call_model         all of these together
decision/     which arm is drawn
  objective          what a caller pays for: US dollars of quality, cost and waiting
  targeting          the worth of quality that holds a quality target
  pacing             budgets and quality targets that hold on average
  shortlist          of many candidates, the few that compete
  predict_quality    expected quality of the candidates, and its variance
  arm_probabilities  the probability that each of a few arms is drawn with
  decide             posteriors and prices become utilities, probabilities and a draw
  draw               the result, and a redraw after a failed attempt
evaluation/   what another policy would have done on logged traffic
settings, learners, engine
                   constants; everything that is learnt, and its snapshot; `Bandit`, the interface
"""

from bandit.arrays import FloatArray, IntArray
from bandit.context.facts import Context, RequestFacts
from bandit.context.features import DIMENSION, journal_context
from bandit.context.tasks import task_label
from bandit.decision.draw import Draw
from bandit.decision.objective import PRESETS, Objective, Quote
from bandit.engine import Bandit, Estimate
from bandit.quality.priors import ArmPrior
from bandit.quality.regression import Fit
from bandit.settings import Settings

__all__ = [
    "DIMENSION",
    "PRESETS",
    "ArmPrior",
    "Bandit",
    "Context",
    "Draw",
    "Estimate",
    "Fit",
    "FloatArray",
    "IntArray",
    "Objective",
    "Quote",
    "RequestFacts",
    "Settings",
    "journal_context",
    "task_label",
]
