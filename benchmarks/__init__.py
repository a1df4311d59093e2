"""Benchmarks behind the speed figures of the README: ``python -m benchmarks``."""
