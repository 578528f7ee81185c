"""How a call is written for an arm, and its answer for the client."""
