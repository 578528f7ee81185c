"""What a call of each arm is like, apart from its quality: tokens, latency, errors."""
