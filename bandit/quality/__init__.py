"""What is believed of answers: one regression per arm, and what arms have in common."""
