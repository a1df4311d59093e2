"""A plan asks for each sum once, and makes of the sums what the rows have."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xpyrment_core.data.pushdown.database import Request, second_pass
from xpyrment_core.data.pushdown.sums import ROWS, Factor, Sum, SumPlan, centre, unmonitored, unreliable_columns
from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_core.values.moments import Moments


def mean_of(*columns: str) -> RowSet:
    return RowSet("+".join(columns), columns, tuple(Term(c, c) for c in columns))


# Rows 1 and 4 lack x, rows 2 and 4 lack y; z has no gaps.
DATA = {
    "x": np.array([1.0, np.nan, 3.0, 4.0, np.nan, 6.0]),
    "y": np.array([2.0, 1.0, np.nan, 5.0, np.nan, 1.0]),
    "z": np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0]),
}
CENTRES = {"x": 2.5, "y": 2.0, "z": 0.5}


def value_of(wanted: Sum, data: Mapping[str, np.ndarray] = DATA, centres: Mapping[str, float] = CENTRES) -> float:
    """Add up a sum directly: the simplest database there is."""
    rows = np.ones(len(data["x"]), dtype=bool)
    for column in wanted.mask:
        rows &= ~np.isnan(data[column])
    product = np.ones(int(rows.sum()))
    for factor in wanted.factors:
        values = data[factor.column][rows]
        gaps = np.isnan(values)
        if factor.kind == "missing":
            product *= gaps
        elif factor.kind == "level":
            product *= values == factor.level
        else:
            deviations = values - centres[factor.column]
            product *= np.where(gaps, 0.0, deviations) if factor.kind == "filled" else deviations
    return float(product.sum())


ROW_SETS = (
    mean_of("x"),
    mean_of("x", "y"),
    mean_of("z"),
    RowSet("adjusted", ("y",), (Term("y", "y"), Term("x", "x", "filled"), Term("no x", "x", "missing"))),
    RowSet(
        "levels", ("z",), (Term("z=1", "z", "level", 1.0), Term("z=0", "z", "level", 0.0), Term("x", "x", "filled"))
    ),
)


@pytest.mark.parametrize("row_set", ROW_SETS, ids=lambda r: r.key)
def test_moments_are_those_of_the_complete_rows(row_set: RowSet) -> None:
    plan = SumPlan(ROW_SETS, {"x", "y"})
    rows = np.all([~np.isnan(DATA[c]) for c in row_set.required], axis=0)
    columns = {}
    for term in row_set.terms:
        values = DATA[term.column][rows]
        if term.kind == "missing":
            values = np.isnan(values).astype(float)
        elif term.kind == "level":
            values = (values == term.level).astype(float)
        columns[term.name] = np.where(np.isnan(values), CENTRES[term.column], values)
    wanted = Moments.of(columns)
    found = plan.moments(row_set, value_of, CENTRES)
    assert found.n == wanted.n == plan.rows(row_set, value_of)
    assert found.mean == pytest.approx(wanted.mean, rel=1e-14)
    assert found.m2 == pytest.approx(wanted.m2, rel=1e-12, abs=1e-12)


def test_each_sum_is_asked_for_once() -> None:
    twice = SumPlan((*ROW_SETS, mean_of("y", "x"), mean_of("x")), {"x", "y"})
    assert len(set(twice.sums)) == len(twice.sums) == len(SumPlan(ROW_SETS, {"x", "y"}).sums)


def test_columns_without_gaps_share_one_mask() -> None:
    assert {s.mask for s in SumPlan((mean_of("x"), mean_of("y"), mean_of("x", "y")), ()).sums} == {frozenset()}
    assert {s.mask for s in SumPlan((mean_of("x"), mean_of("y")), {"y"}).sums} == {frozenset(), frozenset({"y"})}


def test_indicators_are_not_multiplied_where_the_product_is_known() -> None:
    levels = RowSet("c", (), (Term("a", "c", "level", "a"), Term("b", "c", "level", "b"), Term("none", "c", "missing")))
    assert all(len(s.factors) < 2 for s in SumPlan((levels,), {"c"}).sums)
    by_unit = SumPlan((levels,), {"c"}, by_unit=True).sums
    assert Sum(frozenset(), (Factor("c", "level", "a"), Factor("c", "level", "b"))) in by_unit
    assert Sum(frozenset(), (ROWS, ROWS)) in by_unit or Sum(frozenset(), (ROWS,)) in by_unit


def test_a_gap_that_no_sum_would_show_is_never_taken_to_be_none() -> None:
    shown = RowSet("a", ("x",), (Term("x", "x"), Term("y", "y", "filled"), Term("no y", "y", "missing")))
    hidden = RowSet("b", ("x", "w"), (Term("x", "x"), Term("no y", "y", "missing")))
    assert unmonitored([shown]) == frozenset()
    assert unmonitored([shown, hidden]) == {"w", "y"}


# Centres -------------------------------------------------------------------------


@given(st.floats(-1e12, 1e12), st.floats(1e-3, 1e6))
def test_a_centre_is_near_the_mean(mean: float, spread: float) -> None:
    assert abs(centre(mean, spread) - mean) <= spread / 8


@given(arrays(np.int64, st.integers(2, 200), elements=st.integers(-(10**6), 10**6)))
def test_whole_numbers_add_up_without_rounding(values: np.ndarray) -> None:
    """The squares of deviations have few binary digits: their sum is exact in any order."""
    deviations = values - centre(float(values.mean()), float(values.std()))
    forwards = sum((deviations**2).tolist())
    assert forwards == sum(reversed((deviations**2).tolist())) == float(np.sum((deviations.astype(np.longdouble)) ** 2))


@pytest.mark.parametrize("spread", [0.0, float("nan"), float("inf")])
def test_a_centre_without_spread_is_the_mean(spread: float) -> None:
    assert centre(3.3, spread) == 3.3


# Second pass -----------------------------------------------------------------


def moments(mean: float, m2: float, n: int = 100) -> Moments:
    return Moments(("x",), n, [mean], [[m2]])


def test_sums_are_doubted_only_where_something_is_wrong() -> None:
    row_set = mean_of("x")

    def asked(control: Moments, treatment: Moments) -> tuple[frozenset[str], dict[str, dict[str, float]]]:
        return unreliable_columns([row_set], {("x", "c"): control, ("x", "t"): treatment}, lambda column, arm: 10.0)

    fine = moments(10.5, 100.0)
    assert asked(fine, fine) == (frozenset(), {})
    assert asked(fine, moments(float("nan"), 1.0))[0] == {"x"}
    assert asked(fine, moments(10.5, float("inf")))[0] == {"x"}
    far = asked(fine, moments(1e6, 100.0))[1]["x"]
    assert far["t"] == pytest.approx(1e6, abs=0.2)
    assert far["c"] == pytest.approx(10.5, abs=0.2)
    assert asked(fine, moments(11.0, 0.0)) == (frozenset(), {})  # cancelled exactly: nothing was rounded
    assert asked(fine, Moments.empty(("x",))) == (frozenset(), {})


def test_only_what_is_doubted_is_asked_again_and_only_once() -> None:
    row_sets = (mean_of("x"), mean_of("y"))
    query = Query(treatment_col="v", arms=("c",), row_sets=row_sets)
    request = Request(query, SumPlan(row_sets, ()), {"x": 0.0, "y": 0.0}, {"x": 0.0, "y": 0.0})
    found = {("x", "c"): moments(float("nan"), 1.0), ("y", "c"): Moments(("y",), 9, [0.1], [[9.0]])}
    again = second_pass(request, found)
    assert again is not None
    assert again.plan.row_sets == (row_sets[0],)
    assert again.plan.may_be_missing == {"x"}
    assert second_pass(again, {("x", "c"): moments(float("inf"), 1.0)}) is None  # an infinity stays one
