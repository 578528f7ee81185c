"""Which arm is drawn: objective, probabilities, the draw, budgets and targets."""
