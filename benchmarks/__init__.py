"""Measurements: what the gateway costs and how well it routes."""
