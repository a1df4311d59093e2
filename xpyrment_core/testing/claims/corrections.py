"""What every correction of p-values promises."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import numpy as np
from attrs import frozen
from numpy.random import Generator

from xpyrment_core.stats.distributions import p_value
from xpyrment_core.testing.running import Check, global_randomness_untouched, unchanged
from xpyrment_core.testing.shapes import Values
from xpyrment_core.testing.simulation import ALPHA, judge, seeded

Controls = Literal["fwer", "fdr"]
BAND = (0.0, 0.06)
FAMILY = 8
FALSE_NULLS = 3
STRENGTH = 3.0
"""Mean of the z statistic where there is an effect: found more often than not."""
ROUNDING = 1e-12


@frozen(kw_only=True, eq=False)
class CorrectionSubject:
    """A correction of p-values.

    Attributes
    ----------
    call : callable
        ``(p_values) -> adjusted p-values``.
    controls : {"fwer", "fdr"} or None
        What it bounds by 5 %: the chance of any false finding, or the expected share of false
        ones among the findings. None simulates nothing.
    fast : bool
    """

    call: Callable[[Any], Any]
    controls: Controls | None = "fwer"
    fast: bool = False

    def __call__(self, p_values: Any) -> Values:
        """Return adjusted p-values as an array."""
        return np.asarray(self.call(np.array(p_values, dtype=np.float64)), dtype=np.float64)


def correction_checks(subject: CorrectionSubject, statistical: bool = True) -> Iterator[Check]:
    """Yield every check that applies to a correction."""
    for claim in (contract, monotone, row_order, one_alone, missing, effective, pure):
        yield Check(claim.__name__, partial(claim, subject))
    if statistical and subject.controls is not None:
        for dependence, correlation in (("independent", 0.0), ("correlated", 0.6)):
            for false_nulls in (0, FALSE_NULLS):
                name = f"{subject.controls}_{dependence}{'_some_true' if false_nulls else ''}"
                yield Check(
                    name, partial(error_rate, subject, name, correlation, false_nulls), True
                )  # fmt: skip


def _families() -> Iterator[Values]:
    generator = seeded("families")
    yield np.array([0.01, 0.04, 0.03, 0.005, 0.2])
    yield np.array([0.0, 1.0, 0.5, 1e-300])
    yield np.array([0.02, 0.02, 0.7, 0.02])
    yield np.full(6, 0.03)
    for m in (2, 3, 7, 20):
        yield generator.random(m) ** 2
        yield generator.random(m) * 0.1


def contract(subject: CorrectionSubject) -> None:
    """One adjusted p-value each, in [0, 1] and not below its own."""
    for p in (np.array([]), *_families()):
        adjusted = subject(p)
        assert adjusted.shape == p.shape, f"{p.size} p-values became {adjusted.size}"
        assert np.all((adjusted >= 0) & (adjusted <= 1)), f"adjusted p-values outside [0, 1]: {adjusted}"
        assert np.all(adjusted >= p * (1 - ROUNDING)), f"adjusted p-values {adjusted} are below their own, {p}"


def monotone(subject: CorrectionSubject) -> None:
    """A smaller p-value stays the smaller one, equal ones stay equal, and a larger one lowers no other."""
    for p in _families():
        adjusted = subject(p)
        for i in range(p.size):
            for j in range(p.size):
                if p[i] <= p[j]:
                    text = f"p-values {p[i]:.4g} and {p[j]:.4g} became {adjusted[i]:.4g} and {adjusted[j]:.4g}"
                    assert adjusted[i] <= adjusted[j] + ROUNDING, text
        for i in range(p.size):
            raised = p.copy()
            raised[i] = (p[i] + 1) / 2
            assert np.all(subject(raised) >= adjusted - ROUNDING), "raising one p-value lowered an adjusted one"


def row_order(subject: CorrectionSubject) -> None:
    """The order of the family says nothing."""
    generator = seeded("order")
    for p in _families():
        order = generator.permutation(p.size)
        got, wanted = subject(p[order]), subject(p)[order]
        assert np.allclose(got, wanted, rtol=1e-12, atol=0), f"in another order {p} became {got}, wanted {wanted}"


def one_alone(subject: CorrectionSubject) -> None:
    """A family of one needs no correction."""
    for p in (0.0, 0.01, 0.5, 1.0):
        got = float(subject([p])[0])
        assert abs(got - p) <= ROUNDING, f"a single p-value {p:g} became {got:g}: there is nothing to correct"


def missing(subject: CorrectionSubject) -> None:
    """NaN stays NaN, in its place, and does not count towards the size of the family."""
    for p in _families():
        gaps = np.insert(p, [0, p.size // 2, p.size], np.nan)
        got = subject(gaps)
        assert np.array_equal(np.isnan(got), np.isnan(gaps)), f"{gaps} became {got}: NaN did not stay in its place"
        assert np.allclose(got[~np.isnan(got)], subject(p), rtol=1e-12, atol=0), "NaN counted as a test"
    assert np.isnan(subject([np.nan, np.nan])).all(), "a family of NaN got numbers"


def effective(subject: CorrectionSubject) -> None:
    """Overwhelming evidence for every effect survives."""
    adjusted = subject(np.full(5, 1e-9))
    assert np.all(adjusted < ALPHA), f"five p-values of 1e-9 became {adjusted}"


def pure(subject: CorrectionSubject) -> None:
    """The same input gives the same numbers; the input and the global random state are left alone."""
    for p in _families():
        given = p.copy()
        with unchanged(given), global_randomness_untouched():
            first = np.asarray(subject.call(given), dtype=np.float64)
        assert np.array_equal(first, subject(p)), "two calls with the same p-values gave different ones"


def error_rate(subject: CorrectionSubject, name: str, correlation: float, false_nulls: int) -> None:
    """At most 5 % false findings: of families with any, or as a share of the findings."""

    def batch(generator: Generator, k: int) -> tuple[int, int]:
        hits = 0
        for p in _p_values(generator, k, correlation, false_nulls):
            found = subject(p) < ALPHA
            wrong, share = found[false_nulls:].sum(), found.sum()
            # A coin that shows heads with chance wrong / share turns an expected share into a rate.
            hits += bool(wrong) if subject.controls == "fwer" else bool(generator.random() * max(share, 1) < wrong)
        return hits, k

    what = "families with a false finding" if subject.controls == "fwer" else "share of false findings"
    judge(name, f"{what} at 5 %", batch, BAND, subject.fast)


def _p_values(generator: Generator, k: int, correlation: float, false_nulls: int) -> Iterator[Values]:
    shared = np.sqrt(correlation) * generator.standard_normal((k, 1))
    z = shared + np.sqrt(1 - correlation) * generator.standard_normal((k, FAMILY))
    z[:, :false_nulls] += STRENGTH
    for row in z:
        # One-sided: positively correlated statistics then have positively dependent p-values.
        yield np.array([p_value(float(value), None, "greater") for value in row])
