"""One module per API; these tables say which path leads where."""

from proxy.endpoints import (
    arms,
    audio,
    chat,
    completions,
    control,
    embeddings,
    feedback,
    generation,
    health,
    labels,
    messages,
    models,
    responses,
)

EXACT = {
    ("POST", "/v1/chat/completions"): chat.completions,
    ("POST", "/chat/completions"): chat.completions,
    ("POST", "/v1/messages"): messages.create,
    ("POST", "/v1/messages/count_tokens"): messages.count_tokens,
    ("POST", "/v1/responses"): responses.create,
    ("POST", "/v1/completions"): completions.create,
    ("POST", "/v1/embeddings"): embeddings.create,
    ("POST", "/v1/audio/transcriptions"): audio.transcribe,
    ("POST", "/v1/audio/speech"): audio.speak,
    ("GET", "/v1/models"): models.listing,
    ("GET", "/models"): models.listing,
    ("POST", "/v1/feedback"): feedback.post,
    ("POST", "/v1/labels"): labels.post,
    ("GET", "/v1/arms"): arms.listing,
    ("POST", "/v1/arms"): control.add_arm,
    ("GET", "/v1/generation"): generation.get,
    ("POST", "/v1/explain"): chat.explain,
    ("GET", "/healthz"): health.healthz,
    ("GET", "/readyz"): health.readyz,
}

PREFIXES = {
    ("GET", "/v1/models/"): models.one,
    ("DELETE", "/v1/arms/"): control.remove_arm,
    ("PUT", "/v1/prices/"): control.set_price,
}
