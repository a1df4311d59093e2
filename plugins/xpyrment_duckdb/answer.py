"""From the rows of a statement to moments, and what to ask again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from xpyrment_core.labels import is_missing
from xpyrment_core.moments import Moments
from xpyrment_core.pushdown import Plan, Sum, columns_of, doubts
from xpyrment_core.reading import Label
from xpyrment_duckdb.statement import Centres, Statement

Group = tuple[Label, bool, int, int]


@frozen(eq=False)
class Answer:
    """What one or several statements said.

    Attributes
    ----------
    moments : mapping of (row set key, arm) to Moments
    rows : mapping of (row set key, arm) to int
    groups : tuple of (label, in two arms, units, rows)
        By unit: what the units were summed up to.
    passes : int
        Statements it took.
    """

    moments: Mapping[tuple[str, Label], Moments]
    rows: Mapping[tuple[str, Label], int]
    groups: tuple[Group, ...] = ()
    passes: int = 0

    def updated(self, later: "Answer") -> "Answer":
        """Return this answer with what a later one says better."""
        return Answer(
            {**self.moments, **later.moments},
            {**self.rows, **later.rows},
            self.groups or later.groups,
            self.passes + later.passes,
        )


def read_answer(statement: Statement, rows: Sequence[tuple[Any, ...]]) -> Answer:
    """Return the moments in the rows of a statement; an arm without rows has none."""
    plan, arms = statement.plan, statement.query.arms
    groups: list[Group] = []
    sums: dict[Label, Sequence[Any]] = {}
    for row in rows:
        if plan.by_unit:
            groups.append((statement.labels[row[0]], row[1], int(row[2]), int(row[3])))
            if not row[1]:
                sums[statement.labels[row[0]]] = row[4:]
        elif not is_missing(row[0]):
            sums[row[0]] = row[1:]
    moments, counts = {}, {}
    for arm in arms:
        values = _by_sum(plan, sums.get(arm, ()))
        centres = {column: centre_in(statement.centres, column, arm) for column in statement.centres}
        for row_set in plan.row_sets:
            moments[row_set.key, arm] = plan.moments(row_set, values, centres)
            counts[row_set.key, arm] = plan.rows(row_set, values)
    return Answer(moments, counts, tuple(groups), 1)


def _by_sum(plan: Plan, row: Sequence[Any]) -> Callable[[Sum], float]:
    values = dict(zip(plan.sums, row, strict=bool(row)))
    return lambda wanted: float(values.get(wanted) or 0.0)  # SQL's sum of nothing is null


def centre_in(centres: Centres, column: str, arm: Label) -> float:
    """Return what was taken off a column in one arm."""
    found = centres[column]
    return found[arm] if isinstance(found, Mapping) else found


def second_thoughts(
    plan: Plan, moments: Mapping[tuple[str, Label], Moments], centres: Centres, arms: Sequence[Label]
) -> tuple[Plan, dict[str, Any]]:
    """Return the plan of what must be asked again, often nothing, and better centres."""
    not_finite, better = doubts(plan.row_sets, moments, lambda column, arm: centre_in(centres, column, arm))
    suspects = not_finite - plan.dirty
    moved = {
        column: {arm: found.get(arm, centres[column]) for arm in arms}
        for column, found in better.items()
        if not isinstance(centres[column], Mapping)
    }
    again = suspects | set(moved)
    row_sets = [row_set for row_set in plan.row_sets if again & set(columns_of([row_set]))]
    return evolve(plan, row_sets=row_sets, dirty=plan.dirty | suspects), {**centres, **moved}
