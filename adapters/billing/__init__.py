"""What a call costs: counts, prices, and the dollars of both."""
