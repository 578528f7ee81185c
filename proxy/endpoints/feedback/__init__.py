"""`POST /v1/feedback`: what is said of answers, whom it is about, and when it can be committed."""
