"""Claims that hold for every data engine: agreement with a reference, for each kind of storage."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from attrs import evolve, frozen

from xpyrment_core.data.query import Query, Reading, RowSet, Term
from xpyrment_core.testing.engine_reference import Data, Expected, expected, missing
from xpyrment_core.testing.running import Check
from xpyrment_core.testing.simulation import seeded

RTOL = 1e-9
FAR = 1e9
"""Where column ``far`` lies: a variance of 1 there has six digits left in double precision."""
ARMS = ("control", "treatment")

TERMS = (
    Term("spend", "spend"),
    Term("age", "age", "filled"),
    Term("age is missing", "age", "missing"),
    Term("country=US", "country", "level", "US"),
)
ROW_SETS = (
    RowSet("spend", ("spend",), TERMS),
    RowSet("two", ("spend", "visits"), (Term("spend", "spend"), Term("visits", "visits"))),
    RowSet("whole", ("visits",), (Term("visits", "visits"),)),
)
QUERY = Query(treatment_col="variant", arms=ARMS, row_sets=ROW_SETS)


@frozen(kw_only=True, eq=False)
class EngineSubject:
    """An engine, with a constructor of its kind of data.

    Attributes
    ----------
    engine : callable
        The engine's class.
    make : callable
        ``({column: list of cells}) -> data``; a missing cell is None.
    """

    engine: Callable[[], Any]
    make: Callable[[dict[str, list[Any]]], Any]

    def open(self, data: Data) -> Any:
        """Return the data opened by the engine."""
        return self.engine().open(self.make({c: list(cells) for c, cells in data.items()}))


def engine_checks(subject: EngineSubject, statistical: bool = True) -> Iterator[Check]:
    """Yield every check that applies to an engine; none of them simulates."""
    for claim in (
        accepts, schema, labels, moments, stable, units, units_in_two_arms, samples, row_order,
        empty_arm, infinite, values_outside, deterministic, explains,
    ):  # fmt: skip
        yield Check(claim.__name__, partial(claim, subject))


def example(n: int = 240) -> dict[str, list[Any]]:
    """Return a small experiment: three variants, rows without one, missing cells, repeated units."""
    g = seeded("engine")
    variant = g.choice(["control", "treatment", "other"], n).tolist()
    country = g.choice(["DE", "FR", "US"], n).tolist()
    spend, age = g.gamma(2.0, 5.0, n).tolist(), g.normal(40, 9, n).tolist()
    for i in range(n):
        if i % 11 == 0:
            spend[i] = None
        if i % 7 == 0:
            age[i] = None
        if i % 13 == 0:
            country[i] = None
        if i % 29 == 0:
            variant[i] = None
    return {
        "variant": variant,
        "spend": spend,
        "visits": g.poisson(3.0, n).tolist(),
        "age": age,
        "country": country,
        "far": (FAR + g.standard_normal(n)).tolist(),
        "member": (g.random(n) < 0.4).tolist(),
    }


def accepts(subject: EngineSubject) -> None:
    """The engine accepts its own data, and returns False, without an exception, for other objects."""
    engine = subject.engine()
    assert engine.accepts(subject.make(example())) is True, "it does not accept its own data"
    # Every engine is asked about every kind of data; one that raises is skipped with a warning each time.
    for other in (None, 3, object(), {"a": 1}):
        assert not engine.accepts(other), f"it accepts {other!r}"


def schema(subject: EngineSubject) -> None:
    """The schema has every column in the data's order, with its type."""
    data = example()
    types = dict(subject.open(data).schema())
    declared = dict.fromkeys(data, "number") | {"variant": "text", "country": "text", "member": "boolean"}
    assert list(types) == list(data), f"the columns are {list(types)}, expected {list(data)}"
    assert types == declared, f"the types are {types}, expected {declared}"


def labels(subject: EngineSubject) -> None:
    """Labels are Python objects with their rows; None counts the missing ones."""
    data = example()
    for column in ("variant", "country", "member"):
        rows: dict[Any, int] = {}
        for cell in data[column]:
            rows[cell] = rows.get(cell, 0) + 1
        counted = {label: n for label, n in subject.open(data).labels(column).items() if n}
        assert counted == rows, f"column {column!r} has {counted}, expected {rows}"
        # NumPy and Arrow scalars compare equal to labels, but are not JSON and not of the type that users give.
        assert all(type(label) in (str, bool, type(None)) for label in counted), (
            f"labels {list(counted)} are not Python's"
        )


def assert_read(data: Data, query: Query, reading: Reading) -> None:
    """Assert that a reading has the rows and moments of the reference."""
    for rows in query.row_sets:
        for arm in query.arms:
            reference = expected(data, query, rows, arm, reading.shifts)
            where = f"row set {rows.key!r}, arm {arm!r}"
            assert reading.rows[rows.key, arm] == reference.rows, (
                f"{where}: {reading.rows[rows.key, arm]} rows used, expected {reference.rows}"
            )
            assert_moments(reading.moments[rows.key, arm], reference, where)


def assert_moments(result: Any, reference: Expected, where: str) -> None:
    """Assert that moments are those of the reference."""
    assert result.columns == reference.moments.columns, f"{where}: columns {result.columns}"
    assert result.n == reference.moments.n, f"{where}: n = {result.n}, expected {reference.moments.n}"
    scale = np.sqrt(np.diag(reference.moments.m2))
    ok = np.allclose(result.mean, reference.moments.mean, rtol=RTOL, atol=RTOL)
    assert ok, f"{where}: means {result.mean.tolist()}, expected {reference.moments.mean.tolist()}"
    # Relative to both standard deviations: a covariance near 0 is a difference of large products.
    near = np.abs(result.m2 - reference.moments.m2) <= RTOL * np.outer(scale, scale) + 1e-9
    assert near.all(), f"{where}: cross-products {result.m2.tolist()}, expected {reference.moments.m2.tolist()}"


def moments(subject: EngineSubject) -> None:
    """Counts, means and cross-products are those of the complete rows of the compared arms."""
    data = example()
    reading = subject.open(data).moments(QUERY)
    assert math.isfinite(reading.shifts["age"]), "no shift is given for the filled column 'age'"
    assert_read(data, QUERY, reading)


def stable(subject: EngineSubject) -> None:
    """The variance of ``1e9 + N(0, 1)`` is accurate: sums are taken about a centre."""
    data = example()
    rows = RowSet("far", ("far",), (Term("far", "far"),))
    reading = subject.open(data).moments(evolve(QUERY, row_sets=(rows,)))
    for arm in ARMS:
        variance = expected(data, QUERY, rows, arm, {}).moments.cov[0, 0]
        observed = reading.moments["far", arm].cov[0, 0]
        # Six digits remain of a variance of 1 at 1e9 even if values are centred after they were stored as doubles.
        assert abs(observed / variance - 1) < 1e-5, (
            f"arm {arm!r}: the variance around 1e9 is {observed!r}, expected {variance!r}"
        )


def _with_units(data: dict[str, list[Any]], crossing: bool) -> dict[str, list[Any]]:
    variant = data["variant"]
    units: list[Any] = []
    for i, label in enumerate(variant):
        own = f"{label}-{i % 17 if crossing or i % 3 else i}"
        units.append(None if i % 41 == 0 else f"shared-{i % 5}" if crossing and i % 19 == 0 else own)
    return data | {"user": units}


def units(subject: EngineSubject) -> None:
    """With repeated units, means are over rows and variances between units."""
    data = _with_units(example(), crossing=False)
    query = evolve(QUERY, unit_col="user")
    reading = subject.open(data).moments(query)
    assert reading.units is not None and reading.units.repeated, "repeated units are not reported"
    assert_read(data, query, reading)


def units_in_two_arms(subject: EngineSubject) -> None:
    """A unit with two labels is counted, and excluded from both arms."""
    data = _with_units(example(), crossing=True)
    query = evolve(QUERY, unit_col="user")
    reading = subject.open(data).moments(query)
    labels_of: dict[Any, set[Any]] = {}
    for unit, label in zip(data["user"], data["variant"], strict=True):
        if unit is not None and label is not None:
            labels_of.setdefault(unit, set()).add(label)
    crossing = sum(len(seen) > 1 for seen in labels_of.values())
    assert reading.units is not None and reading.units.in_two_arms == crossing, (
        f"{reading.units} in two arms, expected {crossing}"
    )
    assert_read(data, query, reading)


def samples(subject: EngineSubject) -> None:
    """Samples have the same rows as the moments, in any order, with missing values filled."""
    data = example()
    source = subject.open(data)
    shifts = source.moments(QUERY).shifts
    values = source.samples(QUERY)
    for rows in ROW_SETS:
        for arm in ARMS:
            columns = expected(data, QUERY, rows, arm, shifts).columns
            table = np.column_stack([np.asarray(values[rows.key, arm].columns[name], float) for name in columns])
            reference = np.column_stack(list(columns.values()))
            assert table.shape == reference.shape, f"{table.shape[0]} rows of {rows.key!r}, expected {len(reference)}"
            # Engines may return rows in any order, so both are sorted; 1e-12, since values are copied and not summed.
            ok = np.allclose(_sorted(table), _sorted(reference), rtol=1e-12)
            assert ok, f"the values of {rows.key!r} in arm {arm!r} differ"


def _sorted(table: Any) -> Any:
    return table[np.lexsort(table.T[::-1])]


def row_order(subject: EngineSubject) -> None:
    """Moments are invariant to the order of the rows."""
    data = example()
    order = seeded("engine order").permutation(len(data["variant"]))
    moved = {c: [cells[i] for i in order] for c, cells in data.items()}
    assert_read(data, QUERY, subject.open(moved).moments(QUERY))


def empty_arm(subject: EngineSubject) -> None:
    """An arm without a complete row has empty moments."""
    data = example()
    data["spend"] = [None if v == "treatment" else s for v, s in zip(data["variant"], data["spend"], strict=True)]
    reading = subject.open(data).moments(QUERY)
    assert reading.rows["spend", "treatment"] == 0, "rows without an outcome were used"
    assert reading.moments["spend", "treatment"].n == 0, "an arm without rows must have n = 0"
    assert_read(data, QUERY, reading)


def infinite(subject: EngineSubject) -> None:
    """Infinite values are counted per column and label, and not treated as missing."""
    data = example()
    # Three cells of one arm, with a known outcome: the other arm and column must stay finite.
    at = [i for i, v in enumerate(data["variant"]) if v == "control" and data["spend"][i] is not None][:3]
    for i in at:
        data["spend"][i] = math.inf
    source = subject.open(data)
    assert source.infinite(["spend"], "variant").get(("spend", "control")) == len(at), "infinite values are not counted"
    reading = source.moments(QUERY)
    assert not np.isfinite(reading.moments["spend", "control"].mean[0]), "infinite values were dropped"
    ok = np.isfinite(reading.moments["whole", "control"].m2).all()
    assert ok, "an infinite value in one column changed the moments of others"


def values_outside(subject: EngineSubject) -> None:
    """Values outside the allowed set are returned, without missing ones."""
    data = example()
    source = subject.open(data)
    outside = set(source.values_outside("visits", (0.0, 1.0), 3))
    others = {float(v) for v in data["visits"]} - {0.0, 1.0}
    assert outside <= others and len(outside) == min(3, len(others)), f"outside {sorted(outside)} of {sorted(others)}"
    assert not source.values_outside("spend", {float(v) for v in data["spend"] if not missing(v)}), (
        "a missing cell is not a value"
    )


def deterministic(subject: EngineSubject) -> None:
    """The same query twice gives bit-identical moments."""
    data = example()
    source = subject.open(data)
    first, second = source.moments(QUERY), source.moments(QUERY)
    for key, result in first.moments.items():
        # Sums in an order that depends on threads differ in the last digits, and results would not be reproducible.
        again: Mapping[Any, Any] = second.moments
        same = np.array_equal(result.m2, again[key].m2) and np.array_equal(result.mean, again[key].mean)
        assert same, f"two readings of {key} differ"


def explains(subject: EngineSubject) -> None:
    """explain() returns a text."""
    text = subject.open(example()).explain(QUERY)
    assert isinstance(text, str) and text.strip(), f"explain() returned {text!r}"
