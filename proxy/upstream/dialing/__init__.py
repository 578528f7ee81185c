"""From an endpoint to an open connection: names, addresses, proxies, TLS."""
