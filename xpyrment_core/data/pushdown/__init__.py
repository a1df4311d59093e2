"""The kit for engines that send sums to a database."""
