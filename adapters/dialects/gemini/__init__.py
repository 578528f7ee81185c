"""Gemini, at Google's own servers and on Vertex."""
