"""What models refuse though their API has it: data, and the way to a body that they take.

`table` says for each provider and family of models what it is, with where that is said; `fields` where each dialect has its
fields; `within` leaves a body as it is, changes what is a matter of words or amounts, leaves out what the model can't follow
beside something that matters more, and names each demand that can't be met.
"""

from adapters.limits.table import BUDGETED, Limits, limits_for
from adapters.limits.within import watched, within

__all__ = ["BUDGETED", "Limits", "limits_for", "watched", "within"]
