"""What every data engine promises: the numbers of a plain reference, whatever the data are stored in."""

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
    """An engine, and how its kind of data is made.

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
    """It accepts its own data, and says no, without an exception, to what it cannot read."""
    engine = subject.engine()
    assert engine.accepts(subject.make(example())) is True, "it does not accept its own data"
    for other in (None, 3, object(), {"a": 1}):
        assert not engine.accepts(other), f"it accepts {other!r}"


def schema(subject: EngineSubject) -> None:
    """Every column in the data's order, with its type."""
    data = example()
    found = dict(subject.open(data).schema())
    wanted = dict.fromkeys(data, "number") | {"variant": "text", "country": "text", "member": "boolean"}
    assert list(found) == list(data), f"the columns are {list(found)}, wanted {list(data)}"
    assert found == wanted, f"the types are {found}, wanted {wanted}"


def labels(subject: EngineSubject) -> None:
    """Rows per distinct value, as Python objects; None counts the missing ones."""
    data = example()
    for column in ("variant", "country", "member"):
        wanted: dict[Any, int] = {}
        for cell in data[column]:
            wanted[cell] = wanted.get(cell, 0) + 1
        found = {label: n for label, n in subject.open(data).labels(column).items() if n}
        assert found == wanted, f"column {column!r} has {found}, wanted {wanted}"
        assert all(type(label) in (str, bool, type(None)) for label in found), f"labels {list(found)} are not Python's"


def _assert_read(data: Data, query: Query, reading: Reading) -> None:
    for rows in query.row_sets:
        for arm in query.arms:
            wanted = expected(data, query, rows, arm, reading.shifts)
            where = f"row set {rows.key!r}, arm {arm!r}"
            assert reading.rows[rows.key, arm] == wanted.rows, (
                f"{where}: {reading.rows[rows.key, arm]} rows used, wanted {wanted.rows}"
            )
            _assert_moments(reading.moments[rows.key, arm], wanted, where)


def _assert_moments(found: Any, wanted: Expected, where: str) -> None:
    assert found.columns == wanted.moments.columns, f"{where}: columns {found.columns}"
    assert found.n == wanted.moments.n, f"{where}: n = {found.n}, wanted {wanted.moments.n}"
    scale = np.sqrt(np.diag(wanted.moments.m2))
    ok = np.allclose(found.mean, wanted.moments.mean, rtol=RTOL, atol=RTOL)
    assert ok, f"{where}: means {found.mean.tolist()}, wanted {wanted.moments.mean.tolist()}"
    near = np.abs(found.m2 - wanted.moments.m2) <= RTOL * np.outer(scale, scale) + 1e-9
    assert near.all(), f"{where}: cross-products {found.m2.tolist()}, wanted {wanted.moments.m2.tolist()}"


def moments(subject: EngineSubject) -> None:
    """Counts, means and cross-products of the complete rows of the two arms, and of no others."""
    data = example()
    reading = subject.open(data).moments(QUERY)
    assert math.isfinite(reading.shifts["age"]), "no shift is given for the filled column 'age'"
    _assert_read(data, QUERY, reading)


def stable(subject: EngineSubject) -> None:
    """``1e9 + N(0, 1)`` keeps its variance: sums are taken about a centre, never raw."""
    data = example()
    rows = RowSet("far", ("far",), (Term("far", "far"),))
    found = subject.open(data).moments(evolve(QUERY, row_sets=(rows,)))
    for arm in ARMS:
        wanted = expected(data, QUERY, rows, arm, {}).moments.cov[0, 0]
        got = found.moments["far", arm].cov[0, 0]
        assert abs(got / wanted - 1) < 1e-5, f"arm {arm!r}: the variance around 1e9 is {got!r}, wanted {wanted!r}"


def _with_units(data: dict[str, list[Any]], crossing: bool) -> dict[str, list[Any]]:
    variant = data["variant"]
    units: list[Any] = []
    for i, label in enumerate(variant):
        own = f"{label}-{i % 17 if crossing or i % 3 else i}"
        units.append(None if i % 41 == 0 else f"shared-{i % 5}" if crossing and i % 19 == 0 else own)
    return data | {"user": units}


def units(subject: EngineSubject) -> None:
    """Where units repeat: row means, with the variance between units."""
    data = _with_units(example(), crossing=False)
    query = evolve(QUERY, unit_col="user")
    reading = subject.open(data).moments(query)
    assert reading.units is not None and reading.units.repeated, "it does not say that units repeat"
    _assert_read(data, query, reading)


def units_in_two_arms(subject: EngineSubject) -> None:
    """A unit under two labels is counted and left out of both arms."""
    data = _with_units(example(), crossing=True)
    query = evolve(QUERY, unit_col="user")
    reading = subject.open(data).moments(query)
    labels_of: dict[Any, set[Any]] = {}
    for unit, label in zip(data["user"], data["variant"], strict=True):
        if unit is not None and label is not None:
            labels_of.setdefault(unit, set()).add(label)
    crossing = sum(len(found) > 1 for found in labels_of.values())
    assert reading.units is not None and reading.units.in_two_arms == crossing, (
        f"{reading.units} in two arms, wanted {crossing}"
    )
    _assert_read(data, query, reading)


def samples(subject: EngineSubject) -> None:
    """The same rows as values, in any order, nothing missing."""
    data = example()
    source = subject.open(data)
    shifts = source.moments(QUERY).shifts
    found = source.samples(QUERY)
    for rows in ROW_SETS:
        for arm in ARMS:
            wanted = expected(data, QUERY, rows, arm, shifts).columns
            table = np.column_stack([np.asarray(found[rows.key, arm].columns[name], float) for name in wanted])
            reference = np.column_stack(list(wanted.values()))
            assert table.shape == reference.shape, f"{table.shape[0]} rows of {rows.key!r}, wanted {len(reference)}"
            ok = np.allclose(_sorted(table), _sorted(reference), rtol=1e-12)
            assert ok, f"the values of {rows.key!r} in arm {arm!r} differ"


def _sorted(table: Any) -> Any:
    return table[np.lexsort(table.T[::-1])]


def row_order(subject: EngineSubject) -> None:
    """The order of the rows says nothing."""
    data = example()
    order = seeded("engine order").permutation(len(data["variant"]))
    moved = {c: [cells[i] for i in order] for c, cells in data.items()}
    _assert_read(data, QUERY, subject.open(moved).moments(QUERY))


def empty_arm(subject: EngineSubject) -> None:
    """An arm without a complete row has the moments of nothing."""
    data = example()
    data["spend"] = [None if v == "treatment" else s for v, s in zip(data["variant"], data["spend"], strict=True)]
    found = subject.open(data).moments(QUERY)
    assert found.rows["spend", "treatment"] == 0, "rows without an outcome were used"
    assert found.moments["spend", "treatment"].n == 0, "an arm without rows must have n = 0"
    _assert_read(data, QUERY, found)


def infinite(subject: EngineSubject) -> None:
    """Infinite values are counted per column and label, not taken for missing."""
    data = example()
    at = [i for i, v in enumerate(data["variant"]) if v == "control" and data["spend"][i] is not None][:3]
    for i in at:
        data["spend"][i] = math.inf
    source = subject.open(data)
    assert source.infinite(["spend"], "variant").get(("spend", "control")) == len(at), "infinite values are not counted"
    found = source.moments(QUERY)
    assert not np.isfinite(found.moments["spend", "control"].mean[0]), "infinite values were dropped"
    ok = np.isfinite(found.moments["whole", "control"].m2).all()
    assert ok, "an infinite value in one column spoilt the moments of others"


def values_outside(subject: EngineSubject) -> None:
    """Values that are not allowed are found, missing ones are not among them."""
    data = example()
    source = subject.open(data)
    found = set(source.values_outside("visits", (0.0, 1.0), 3))
    wanted = {float(v) for v in data["visits"]} - {0.0, 1.0}
    assert found <= wanted and len(found) == min(3, len(wanted)), f"found {sorted(found)} of {sorted(wanted)}"
    assert not source.values_outside("spend", {float(v) for v in data["spend"] if not missing(v)}), (
        "missing is no value"
    )


def deterministic(subject: EngineSubject) -> None:
    """The same question twice has the same answer, to the last bit."""
    data = example()
    source = subject.open(data)
    first, second = source.moments(QUERY), source.moments(QUERY)
    for key, found in first.moments.items():
        again: Mapping[Any, Any] = second.moments
        same = np.array_equal(found.m2, again[key].m2) and np.array_equal(found.mean, again[key].mean)
        assert same, f"two readings of {key} differ"


def explains(subject: EngineSubject) -> None:
    """It says in words how it reads."""
    text = subject.open(example()).explain(QUERY)
    assert isinstance(text, str) and text.strip(), f"explain() returned {text!r}"
