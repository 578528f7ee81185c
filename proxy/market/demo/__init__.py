"""`meritorder demo`: a market that changes, and a gateway that has to notice."""
