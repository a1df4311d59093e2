"""One analysis as a pure function: plan, read, adjust, compare, correct, check."""
