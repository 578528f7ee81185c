"""`python -m proxy`: the same as the command `meritorder`."""

from proxy.cli import main

main()
