"""Plugins: what they define, how they are found, and the host that answers by name."""
