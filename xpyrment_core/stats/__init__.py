"""Statistical formulas as pure functions on values: the kit for tests, metrics and adjusters."""
