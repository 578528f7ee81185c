"""The gateway: everything that touches a socket, and the composition of the other three rooms.

The way of a request, by file:

lane        a client's connection: reading finds heads, framing bodies, buffers bounds what is kept
server      dispatch by path, errors in the client's dialect; idlers lets silent clients go
admission   who asks (principal), and whether they may
endpoints/  one module per API
request     body limits and the facts of a chat body; facts does it for decoded dialects
routing     a model name becomes eligible arms (arms, health, sessions) with today's prices
calls       decide, encode, call, fall back, record
upstream/   pooled connections to the providers
relay       an answer's way from upstream to client
reply       bytes to the client
journal     group commit, then learner and statistics take the committed rows in
roster      takes arms into service and out of it, as configuration and journal say

gateway holds it all, watch looks after its store, peers speaks with the others on it; serve and workers run it; cli, terminal and market/ are what a person sees.
"""
