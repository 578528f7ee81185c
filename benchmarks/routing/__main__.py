"""`python -m benchmarks.routing`."""

from benchmarks.routing.cli import main

main()
