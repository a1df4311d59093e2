"""What the speed figures of the README come from: ``python -m benchmarks``."""
