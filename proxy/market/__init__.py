"""The simulated market: what `meritorder serve` starts without provider keys, and the demo's scene.

catalogue   what was recorded (data/)
conditions  what the market does to it: prices, collapses, outages
replies     answers in the OpenAI chat format
provider    one provider's HTTP server
market      all providers, and the handle that changes the market

The demo plays on it from outside: `process` and `gateway` start both, `story` says what changes when,
`run` and `traffic` send questions and grades, `tally` and `view` show them, `report`, `milestones` and
`results` sum up, and `demo` is the command.
"""

from proxy.market.market import Market, MarketArm, start_market

__all__ = ["Market", "MarketArm", "start_market"]
