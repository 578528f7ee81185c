"""One call to its end: encode, call, fall back, relay, record."""
