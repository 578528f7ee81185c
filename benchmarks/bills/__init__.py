"""Whether a bill is right: our cost of every kind of usage against price lists, vendors' pages and a simulated day."""
