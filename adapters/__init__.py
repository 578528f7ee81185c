"""Wire dialects, providers and prices: pure functions of bytes and dicts, no sockets.

canonical      requests and events that every dialect decodes into and encodes from
dialect        what a dialect offers
dialects/      one package per wire format, found by name
errors         the one tree of failures
failure_words  the words by which providers' failures find their place in it
refused        which feature of a request a refusal is about
answer_facts   what the decision record needs of one answer
sse            event streams, split from bytes
lenient_json   JSON as providers and clients send it; halves: characters split over two deltas
portable/      a request crosses from one dialect to another
history/       a conversation as the next vendor takes it
limits/        a request within what its model accepts
providers      the table of providers: where, with which key, in which dialect, what they do differently
billing/       dollars: price lists, the price of a usage, estimates of what wasn't reported
catalogue      known models: context window, abilities, price; model_names: their spellings; families: their abilities
"""
