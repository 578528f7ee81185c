"""The listening side: sockets, connections, requests, replies, who may come in."""
