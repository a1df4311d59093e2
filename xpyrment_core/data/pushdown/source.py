"""Adapter from a `Database` to the `Source` that an analysis reads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from xpyrment_core.choices import Label
from xpyrment_core.data.groups import check_levels, columns_of_groupings
from xpyrment_core.data.labels import MAX_LABELS, in_order, is_missing, too_many_labels
from xpyrment_core.data.pushdown.database import (
    SAMPLE_ROWS,
    Answer,
    Database,
    Pilot,
    Request,
)
from xpyrment_core.data.pushdown.passes import answered
from xpyrment_core.data.pushdown.samples import arm_samples
from xpyrment_core.data.pushdown.sums import SumPlan, columns_of, number_columns, unmonitored
from xpyrment_core.data.query import ColumnType, Query, Reading
from xpyrment_core.data.reading.columns import TextValues
from xpyrment_core.errors import EngineError, InputError, unknown
from xpyrment_core.values.exclusions import UnitReport
from xpyrment_core.values.samples import ArmSample

FEW_VALUES = 20
"""A column with at most so many distinct values may hold variants."""


@frozen
class Census:
    """Rows per label, and whether any unit has more than one.

    Attributes
    ----------
    rows, with_unit : mapping of label to int
        Rows, and those of them that name a unit.
    repeated : bool
        Whether some unit has several rows, in any variants.
    passes : int
        Passes over the two columns.
    """

    rows: Mapping[Label, int]
    with_unit: Mapping[Label, int]
    repeated: bool
    passes: int


class DatabaseSource:
    """A database as a source: see `xpyrment_core.data.source.Source`.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._labels: dict[str, dict[Label | None, int]] = {}
        self._pilots: dict[str, Pilot] = {}
        self._censuses: dict[tuple[str, str], Census] = {}

    def schema(self) -> Mapping[str, ColumnType]:
        """Return the type of every column; no rows are read."""
        with self._database.errors():
            return self._database.types()

    def labels(self, column: str) -> Mapping[Label | None, int]:
        """Return rows per distinct value in order; None, last, counts the missing."""
        self._check([column])
        if column not in self._labels:
            counted: dict[Label | None, int] = {}
            with self._database.errors():
                for label, rows in self._database.count_labels(column):
                    # A database may return NaN and null as two groups; both are missing labels.
                    key = None if is_missing(label) else label
                    counted[key] = counted.get(key, 0) + int(rows)
            if len(counted) > MAX_LABELS:
                raise too_many_labels(column, self._few_valued())
            missing = {None: counted.pop(None)} if None in counted else {}
            self._labels[column] = {label: counted[label] for label in in_order(counted)} | missing
        return self._labels[column]

    def moments(self, query: Query) -> Reading:
        """Answer the query in one pass; `Reading.passes` counts further ones."""
        self._check_query(query)
        census, pilots = self._census(query), self._pilot(query)
        by_unit = census is not None and census.repeated
        # Columns assumed complete need no mask and share sums; a NaN in the sums reveals a wrong assumption.
        may_be_missing = {column for column, pilot in pilots.items() if pilot.missing} | unmonitored(query.row_sets)
        shifts = {column: pilots[column].centre for column in number_columns(query.row_sets)}
        # By unit the labels of all rows are needed, to recognise units that also occur in variants not compared.
        known = self.labels(query.treatment_col) if by_unit else self._labels.get(query.treatment_col)
        levels = self._levels(query)
        request = Request(
            query,
            SumPlan(query.row_sets, may_be_missing, by_unit),
            shifts,
            shifts,
            tuple(label for label in known or () if label is not None),
            known is None or any(label not in query.arms for label in known if label is not None),
            levels,
        )
        answer = answered(self._database, request)
        return Reading(
            moments=answer.moments,
            rows=answer.rows,
            shifts=shifts,
            units=None if census is None else self._unit_report(query, census, answer),
            passes=answer.passes + (census.passes if census else 0),
            groups=answer.groups,
        )

    def _levels(self, query: Query) -> dict[str, tuple[Label, ...]]:
        """Return the values of every group column, of which there must not be too many."""
        columns = columns_of_groupings(query.group_cols)
        if columns and not getattr(self._database, "reads_groups", False):
            raise InputError(f"{self._database.described} cannot be read per {' and '.join(map(repr, columns))}.")
        levels = {c: tuple(label for label in self.labels(c) if label is not None) for c in columns}
        check_levels(query.group_cols, {column: len(values) for column, values in levels.items()})
        return levels

    def samples(self, query: Query) -> Mapping[tuple[str, Label], ArmSample]:
        """Return the values of the query's terms on complete rows; only the columns they need are read."""
        self._check_query(query)
        census = self._census(query)
        shifts = {column: pilot.centre for column, pilot in self._pilot(query).items()}
        levels = self._levels(query)
        with self._database.errors():
            fetched = self._database.values(query, census is not None and census.repeated)
        return arm_samples(query, fetched, shifts, levels)

    def _few_valued(self) -> Mapping[str, int]:
        # Not part of the protocol: a database may not be able to say it quickly.
        count = getattr(self._database, "few_valued", None)
        with self._database.errors():
            return dict(count(FEW_VALUES)) if count is not None else {}

    def repeats(self, unit_col: str, treatment_col: str) -> bool:
        """Return whether some unit has several of the first rows."""
        self._check([unit_col, treatment_col])
        with self._database.errors():
            return self._database.most_rows(treatment_col, unit_col, SAMPLE_ROWS) > 1

    def table(self, columns: Sequence[str], identifiers: Sequence[str]) -> Any:
        """Return the rows of some columns as a frame; identifiers keep their texts."""
        self._check([*columns, *identifiers])
        with self._database.errors():
            return self._database.table(columns, identifiers)  # type: ignore[attr-defined]

    def text_values(self, column: str, limit: int = 200) -> TextValues | None:
        """Return the values of a column that are not numbers; None where all are, or where it is not known."""
        self._check([column])
        find = getattr(self._database, "text_values", None)
        with self._database.errors():
            return None if find is None else find(column, limit)

    def decisions(self) -> Mapping[str, Any]:
        """Return what was decided about the format of the data; empty where there was nothing to decide."""
        decide = getattr(self._database, "decisions", None)
        with self._database.errors():
            return {} if decide is None else decide()

    def infinite(self, columns: Sequence[str], treatment_col: str) -> Mapping[tuple[str, Label], int]:
        """Count infinite values per column and label."""
        self._check([*columns, treatment_col])
        with self._database.errors():
            return {
                (column, row[0]): int(count or 0)
                for row in self._database.count_infinite(columns, treatment_col)
                if not is_missing(row[0])
                for column, count in zip(columns, row[1:], strict=True)
            }

    def values_outside(self, column: str, allowed: Iterable[float], limit: int = 5) -> tuple[float, ...]:
        """Return up to `limit` distinct non-missing values of a column that are not allowed, smallest first."""
        self._check([column])
        with self._database.errors():
            return tuple(float(v) for v in self._database.values_outside(column, [float(a) for a in allowed], limit))

    def explain(self, query: Query) -> str:
        """Describe how the query is answered; nothing but column types is read."""
        self._check_query(query)
        with self._database.errors():
            return self._database.explain(query)

    def _check(self, columns: Iterable[str]) -> None:
        types = self.schema()
        for column in columns:
            if column not in types:
                raise unknown("column", column, types)

    def _check_query(self, query: Query) -> None:
        units, groups = [query.unit_col] if query.unit_col else [], columns_of_groupings(query.group_cols)
        self._check([query.treatment_col, *units, *groups, *columns_of(query.row_sets)])
        types = self.schema()
        for column in number_columns(query.row_sets):
            if types[column] not in ("number", "boolean"):
                raise EngineError(
                    f"column {column!r} of {self._database.described} is {types[column]}, expected numbers."
                )

    def _pilot(self, query: Query) -> dict[str, Pilot]:
        columns, types = columns_of(query.row_sets), self.schema()
        new = [column for column in columns if column not in self._pilots]
        # Text has a centre of 0 and may be missing: the default is the safe assumption.
        self._pilots |= {column: Pilot() for column in new}
        numbers = [column for column in new if types[column] in ("number", "boolean")]
        if numbers:
            with self._database.errors():
                self._pilots |= self._database.pilot(numbers)
        return {column: self._pilots[column] for column in columns}

    def _census(self, query: Query) -> Census | None:
        if query.unit_col is None:
            return None
        key = query.treatment_col, query.unit_col
        if key not in self._censuses:
            with self._database.errors():
                self._censuses[key] = self._count_units(*key)
        return self._censuses[key]

    def _count_units(self, treatment_col: str, unit_col: str) -> Census:
        """Count rows, and search for a repeated unit: in the first rows, then, if there is none, in all."""
        known = [row for row in self._database.count_units(treatment_col, unit_col) if not is_missing(row[0])]
        rows = {label: int(count) for label, count, _ in known}
        with_unit = {label: int(count) for label, _, count in known}
        # Grouping all rows by unit is expensive; a repeat in the first rows spares it.
        if self._database.most_rows(treatment_col, unit_col, SAMPLE_ROWS) > 1:
            return Census(rows, with_unit, True, 1)
        return Census(rows, with_unit, self._database.most_rows(treatment_col, unit_col, None) > 1, 2)

    def _unit_report(self, query: Query, census: Census, answer: Answer) -> UnitReport:
        without = {arm: census.rows.get(arm, 0) - census.with_unit.get(arm, 0) for arm in query.arms}
        none = dict.fromkeys(query.arms, 0)
        if not census.repeated:
            units = {arm: census.with_unit.get(arm, 0) for arm in query.arms}
            return UnitReport(units=units, rows_in_two_arms=none, rows_without_unit=without)
        # A unit in two variants has received both treatments, so it is evidence for neither.
        kept = {label: (units, rows) for label, two, units, rows in answer.totals if not two and label in query.arms}
        mixed = sum(units for _, two, units, _ in answer.totals if two)
        lost: dict[Label, int] = {}
        # Counting the rows of such units takes another pass, so it happens only if there are any.
        if mixed:
            with self._database.errors():
                excluded = self._database.rows_in_two_arms(query.treatment_col, str(query.unit_col))
                lost = {label: int(count) for label, count in excluded if label in query.arms}
        return UnitReport(
            units=none | {arm: units for arm, (units, _) in kept.items()},
            repeated=any(rows > units for units, rows in kept.values()),
            in_two_arms=mixed,
            rows_in_two_arms=none | lost,
            rows_without_unit=without,
        )
