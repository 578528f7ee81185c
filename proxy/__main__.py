"""`python -m proxy`: the same as the command `meritorder`."""

from proxy.commands.main import main

main()
