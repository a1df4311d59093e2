"""Guards on the unit of randomisation: columns that look like ids, and rows that fall out because of a wrong one."""

from collections.abc import Iterable

from xpyrment_core.data.source import Source
from xpyrment_core.values.exclusions import UnitReport

ID_NAMES = ("user_id", "id", "userid", "user", "customer", "customer_id", "unit", "unit_id", "uuid", "visitor_id")
"""Names, in any case, of columns that usually hold the unit of randomisation."""

MOST_CROSSED = 0.05
"""Share of rows of units in two variants above which no verdict is given: a wrong column of units, or a broken
assignment, is then the finding."""


def id_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns whose names are those of ids.

    Examples
    --------
    >>> id_columns(["variant", "User_ID", "revenue"])
    ['User_ID']
    """
    return [column for column in columns if str(column).lower() in ID_NAMES]


def repeated_ids(source: Source, treatment_col: str) -> str:
    """Return a warning where a column looks like an id and its values repeat; empty otherwise.

    Only the first rows are read.
    """
    repeats = getattr(source, "repeats", None)
    for column in id_columns(source.schema()):
        if column != treatment_col and repeats is not None and repeats(column, treatment_col):
            return (
                f"column {column!r} looks like an id and repeats: each row is counted as a unit of its own; "
                f"give id_col={column!r} (--id-col {column}) where it is what was randomised"
            )
    return ""


def crossed(report: UnitReport | None, rows: int) -> str:
    """Return why units in two variants make verdicts meaningless; empty where they are few.

    Parameters
    ----------
    report : UnitReport or None
    rows : int
        Rows of the compared variants.
    """
    lost = 0 if report is None else sum(report.rows_in_two_arms.values())
    if report is None or rows == 0 or lost <= MOST_CROSSED * rows:
        return ""
    return (
        f"{lost:,} of {rows:,} rows ({lost / rows:.1%}) belong to {report.in_two_arms:,} units in more than one "
        f"variant and are left out: the unit column is not what was randomised, or the assignment is broken"
    )
