"""The gateway's composition."""
