"""Conversations that change arms at every turn, between all vendors and for each client dialect.

`python -m benchmarks.switching [--json FILE]` starts a gateway, puts upstreams behind it that hold every body against their vendor's
rules (`demands`), and prints how many turns were tried for each pair of vendors, how many were refused, and what was lost.
"""
