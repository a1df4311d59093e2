"""The contract of data engines, and the kit for engines in memory."""
