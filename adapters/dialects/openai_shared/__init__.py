"""What OpenAI's dialects and their relatives have in common."""
