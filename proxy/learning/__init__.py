"""The journal and the fold over it: what was learnt, what happened."""
