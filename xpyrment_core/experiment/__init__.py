"""The experiment: its state, its history, its files."""
