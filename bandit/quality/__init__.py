"""How good an arm's answers are: one regression per arm, and what arms have in common."""
