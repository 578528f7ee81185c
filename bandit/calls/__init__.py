"""What a call of an arm is like, apart from its quality: output tokens, latency, errors."""
