"""Was written for another version of the plugin interface."""

XPYRMENT_API = 99
