"""Wire dialects, providers and prices: pure functions of bytes and dicts, no sockets.

canonical   requests and events that every dialect decodes into and encodes from
dialect     what a dialect offers
errors      the one tree of failures, and how a provider's words find their place in it
sse         event streams, split from bytes
dialects/   one module per wire format, found by name
providers   the table of providers: where, with which key, in which dialect, what they do differently
pricing     dollars: prices of known models by date, and of a usage
catalogue   known models: context window, abilities, price
"""
