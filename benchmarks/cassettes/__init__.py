"""Recorded provider traffic against the adapters: `python -m benchmarks.cassettes DIR [--json FILE]`.

recordings   cassettes → exchanges
bodies       their bodies, unpacked
reading      what an answer says, read naively and without the adapters
checks       the adapters' reading of an exchange, fed in many ways, compared with the naive one
__main__     the report
"""
