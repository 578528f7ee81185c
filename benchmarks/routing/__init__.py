"""Replay of outcome tables as online bandit feedback (`python -m benchmarks.routing --data DIR`).

table      a table of recorded answers, every arm's to every query
world      what would happen in each round, whichever arm is drawn
scenarios  worlds by name; shocks and streams edit them
policies   the production learner and its peers behind one interface
replay     one pass of one policy through one world
metrics    what is read off a run
runs       the grid of runs, and its records
report     tables; plots draws them
"""
