"""OpenAI's audio APIs: forms with a recording on the way up, sound or a transcript on the way down."""
