"""From a model name to the arms that may answer, with today's quote."""
