"""A small experiment, and queries of its columns, for the tests of engines."""

from typing import Any

import numpy as np
import pandas as pd

from xpyrment_core.data.query import Query, RowSet, Term

ARMS = ("control", "treatment")


def frame(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Return rows of one unit each: ``variant``, ``revenue``, ``user``."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"variant": rng.choice(ARMS, n), "revenue": rng.normal(10, 3, n), "user": np.arange(n)})


def query(*columns: str, **options: Any) -> Query:
    """Ask for the moments of each column on its own complete rows."""
    row_sets = tuple(RowSet(c, (c,), (Term(c, c),)) for c in columns)
    return Query(**{"treatment_col": "variant", "arms": ARMS, "row_sets": row_sets, **options})
