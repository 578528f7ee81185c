"""A conversation as the next vendor takes it, whatever vendors spoke before.

`rules` is data: what each vendor demands of a history. `fitted` applies it to a canonical request, and `fits` looks at a
client's own JSON, so that a body of the arm's own dialect passes untouched unless something in it must be mended.
`Returned` does the way back: names of tools as the client wrote them, seals with the name of who made them; `signed` does that for
bytes that pass.
"""

from adapters.history.answers import Returned
from adapters.history.fit import Fitted, fitted
from adapters.history.rules import Rules, rules_for
from adapters.history.tap import signed
from adapters.history.wire import fits

__all__ = ["Fitted", "Returned", "Rules", "fits", "fitted", "rules_for", "signed"]
