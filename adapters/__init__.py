"""Wire dialects, providers and prices: pure functions of bytes and dicts, no sockets.

canonical   requests and events that every dialect decodes into and encodes from
dialect     what a dialect offers
errors      the one tree of failures
dialects/   one module per wire format
"""
