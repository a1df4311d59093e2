"""Leaves the program when imported."""

import sys

sys.exit(3)
