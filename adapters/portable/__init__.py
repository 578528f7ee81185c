"""A request as any vendor can take it: what only the client's own dialect knows is told otherwise, left out, or refused.

`hints` is data: the fields of each dialect that change nothing in an answer that the client couldn't live without, and
the demands that no other vendor can meet. `tools` leaves out what only the vendor itself could run. `retold` says what
an earlier turn held in words that everybody reads. What is left out is noted in `Request.dropped`. `takes` is data again:
which pictures and documents a provider takes; `media` brings them into that form.
"""

from adapters.portable.carry import portable
from adapters.portable.limits import at_most, body_at_most
from adapters.portable.media import shown
from adapters.portable.target import ModelTarget, carried
from adapters.portable.tools import note

__all__ = ["ModelTarget", "at_most", "body_at_most", "carried", "note", "portable", "shown"]
