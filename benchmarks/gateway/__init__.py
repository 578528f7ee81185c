"""What a gateway costs beside a bare aiohttp proxy, in kernel-accounted CPU time.

`scenarios` (what is asked) → `gateways` (who is asked: the bare proxy, ours, peers) → `processes` (pinned
processes and their CPU clocks) → `measure` (one run of the load client) → `campaign` (all of them, repeated
and interleaved) → `records` (medians and spread) → `bars` (what was to be reached) → `report`, `publish`,
`plots`. `memory` and `profile` are runs of their own. `native/` holds the mock upstream and the load client in
C, so that neither is the bottleneck.
"""
