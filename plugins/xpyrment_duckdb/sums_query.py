"""SQL statement for all sums of a request."""

from collections.abc import Mapping
from functools import cached_property

from attrs import frozen

from xpyrment_core.data.pushdown.database import GroupCentres, Request
from xpyrment_core.data.pushdown.sums import ROWS, Factor, MaskedFactor, Sum, SumPlan
from xpyrment_duckdb import sql


@frozen(eq=False)
class Statement:
    """The SQL of a request: nested queries for rows, masked values, sums per unit, and sums.

    Attributes
    ----------
    table : str
        Name of the table.
    types : mapping of str to str
        SQL type of every column.
    request : Request
    """

    table: str
    types: Mapping[str, str]
    request: Request

    def text(self) -> str:
        """Return the statement, whose rows are those of `xpyrment_core.data.pushdown.database.Database.sums`."""
        inner = sql.select(self._rows(), self.table, self._where())
        # A level of its own: each masked value is computed once per row, and used in several sums.
        masked = self._masked()
        if masked:
            inner = sql.select(["*", *(f"{text} AS {name}" for name, text in masked.items())], inner)
        if not self._plan.by_unit:
            by, counts = ["label", *self._groups], ["count(*)"] if self._groups else []
        else:
            inner = sql.select(self._units(), inner, "GROUP BY unit")
            flags = [part for name in self._groups for part in (name, f"{name}_changed")]
            by, counts = ["code", "in_two_arms", *flags], ["count(*)", "sum(n)"]
        return str(sql.select([*by, *counts, *map(self._sum, self._plan.sums)], inner, f"GROUP BY {', '.join(by)}"))

    @property
    def _plan(self) -> SumPlan:
        return self.request.plan

    @cached_property
    def _values(self) -> dict[str, str]:
        used = {f.column for _, f in self._plan.masked_factors if f.kind in ("value", "filled")}
        return {column: f"v{i}" for i, column in enumerate(sorted(used))}

    @cached_property
    def _flags(self) -> dict[str, str]:
        """Return names for the columns of which only missingness is needed."""
        gaps = {f.column for _, f in self._plan.masked_factors if f.kind == "missing"}
        columns = gaps.union(*self._plan.mask_names) - set(self._values)
        return {column: f"o{i}" for i, column in enumerate(sorted(columns))}

    @cached_property
    def _levels(self) -> dict[Factor, str]:
        used = dict.fromkeys(f for _, f in self._plan.masked_factors if f.kind == "level")
        return {factor: f"l{i}" for i, factor in enumerate(used)}

    @cached_property
    def _filled(self) -> dict[str, str]:
        used = dict.fromkeys(f.column for _, f in self._plan.masked_factors if f.kind == "filled")
        return {column: f"z{i}" for i, column in enumerate(used)}

    @cached_property
    def _groups(self) -> dict[str, str]:
        return {f"g{i}": column for i, column in enumerate(self.request.group_columns)}

    def _centre(self, column: str) -> str:
        centres = self.request.centres[column]
        if isinstance(centres, GroupCentres):
            return sql.centre_of_groups(self.request.query.treatment_col, centres, self.types)
        return sql.centre_of(self.request.query.treatment_col, centres)

    def _rows(self) -> dict[str, str]:
        """Return the expressions of each row by name: variant, unit, groups, centred values, levels, missingness."""
        label = self.request.query.treatment_col
        columns = {"label": sql.quote(label)}
        if self._plan.by_unit:
            columns = {
                "unit": sql.quote(str(self.request.query.unit_col)),
                "code": sql.code_of(label, self.request.labels),
            }
        for name, column in self._groups.items():
            columns[name] = sql.nullable(column, self.types[column])
        for factor, name in self._levels.items():
            columns[name] = sql.indicator(factor.column, factor.level)
        for column, name in self._values.items():
            columns[name] = sql.centred(
                column, self.types[column], self._centre(column), column not in self._plan.may_be_missing
            )
        for column, name in self._filled.items():
            shift = self.request.shifts[column]
            columns[name] = sql.filled(column, self.types[column], shift, self._centre(column))
        for column, name in self._flags.items():
            columns[name] = sql.observed(column, self.types[column])
        return columns

    def _where(self) -> str:
        label, unit = self.request.query.treatment_col, self.request.query.unit_col
        conditions = []
        # All labels, not only the arms compared: a unit that also has a label outside them is in two arms.
        if self._plan.by_unit:
            conditions.append(sql.observed(label, self.types[label]))
        elif self.request.only_arms:
            conditions.append(f"{sql.quote(label)} IN ({', '.join(map(sql.literal, self.request.query.arms))})")
        if unit is not None:
            conditions.append(sql.observed(unit, self.types[unit]))
        return f"WHERE {' AND '.join(conditions)}" if conditions else ""

    def _masked(self) -> dict[str, str]:
        """Return by name the values that are null outside their mask, and the columns that count a mask's rows."""
        values = {
            f"f{i}": self._on_mask(key[0], self._unmasked(key[1]))
            for key, i in self._plan.masked_factors.items()
            if self._plain(key) is None
        }
        counts = {
            name: self._on_mask(mask, "1") for mask, name in self._plan.mask_names.items() if self._count(mask) == name
        }
        return values | counts

    def _plain(self, key: MaskedFactor) -> str | None:
        """Return the row's own column for a factor, where it needs no mask."""
        mask, factor = key
        if factor == ROWS:
            return self._count(mask)
        # A value is null where its own column is missing, which is all that the mask requires.
        if factor.kind == "value" and mask <= {factor.column}:
            return self._values[factor.column]
        if mask or factor.kind == "missing":
            return None
        return self._unmasked(factor)

    def _unmasked(self, factor: Factor) -> str:
        if factor.kind == "level":
            return self._levels[factor]
        if factor.kind == "missing":
            return f"CASE WHEN {self._there(factor.column)} THEN 0e0 ELSE 1e0 END"
        return (self._filled if factor.kind == "filled" else self._values)[factor.column]

    def _on_mask(self, mask: frozenset[str], text: str) -> str:
        if not mask:
            return text
        return f"CASE WHEN {' AND '.join(self._there(column) for column in sorted(mask))} THEN {text} END"

    def _there(self, column: str) -> str:
        return f"{self._values[column]} IS NOT NULL" if column in self._values else self._flags[column]

    def _count(self, mask: frozenset[str]) -> str:
        """Return the argument of count() for the rows of a mask: ``*``, or a column that is null outside it."""
        if not mask:
            return "*"
        (column, *others) = mask
        return self._plan.mask_names[mask] if others or column not in self._values else self._values[column]

    def _units(self) -> dict[str, str]:
        """Return the sums over each unit's rows by name."""
        # min and max of the code tell whether a unit has two labels, and are cheap aggregates.
        columns = {"code": "min(code)", "in_two_arms": "min(code) <> max(code)", "n": "count(*)"}
        for name in self._groups:
            # Of a unit that changes its group the value does not matter: without it there are fewer cells.
            changed = sql.changes(name)
            columns |= {name: f"CASE WHEN NOT ({changed}) THEN min({name}) END", f"{name}_changed": changed}
        for key, i in self._plan.masked_factors.items():
            text = self._plain(key) or f"f{i}"
            columns[f"u{i}"] = f"count({text})" if key[1] == ROWS else f"sum({text})"
        return columns

    def _sum(self, term: Sum) -> str:
        keys = [(term.mask, factor) for factor in term.factors]
        if self._plan.by_unit:
            # A unit counts if any of its rows is complete.
            if not keys:
                return f"count(CASE WHEN u{self._plan.masked_factors[term.mask, ROWS]} > 0 THEN 1 END)"
            return f"sum({' * '.join(f'u{self._plan.masked_factors[key]}' for key in keys)})"
        if not keys:
            return f"count({self._count(term.mask)})"
        return f"sum({' * '.join(self._plain(key) or f'f{self._plan.masked_factors[key]}' for key in keys)})"
