"""The terms as which a covariate is read: a number and whether it is missing, or an indicator per level."""

from collections.abc import Iterable

from xpyrment_core.choices import Label
from xpyrment_core.data.query import Term


def number_terms(column: str) -> tuple[Term, Term]:
    """Return the terms of a numeric covariate: missing values filled, and their indicator."""
    return Term(column, column, "filled"), Term(f"{column} is missing", column, "missing")


def level_terms(column: str, levels: Iterable[Label]) -> tuple[Term, ...]:
    """Return the terms of a categorical covariate: an indicator per level, and that of a missing value."""
    indicators = [Term(f"{column}={level}", column, "level", level) for level in levels]
    return (*indicators, Term(f"{column} is missing", column, "missing"))
