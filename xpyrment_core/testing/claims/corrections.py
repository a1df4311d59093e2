"""Claims that hold for every correction of p-values."""

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
# One-sided, because a correction may be conservative. The rate of 16,000 families has a standard error of
# 0.0017, so that 0.06 is six of them above the nominal rate.
BAND = (0.0, 0.06)
FAMILY = 8
FALSE_NULLS = 3
STRENGTH = 3.0
"""Mean of the z statistic of a false null hypothesis: a power above one half at level 0.05."""
ROUNDING = 1e-12


@frozen(kw_only=True, eq=False)
class CorrectionSubject:
    """A correction of p-values.

    Attributes
    ----------
    call : callable
        ``(p_values) -> adjusted p-values``.
    controls : {"fwer", "fdr"} or None
        Error rate that is controlled at 5 %: family-wise error rate or false discovery rate.
        None leaves the simulation out.
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
        # Bonferroni-type procedures need no independence, Benjamini-Hochberg needs positive dependence (Benjamini and
        # Yekutieli 2001, Annals of Statistics 29(4), 1165-1188): 0.6 has it.
        for dependence, correlation in (("independent", 0.0), ("correlated", 0.6)):
            for false_nulls in (0, FALSE_NULLS):
                name = f"{subject.controls}_{dependence}{'_some_true' if false_nulls else ''}"
                yield Check(
                    name, partial(error_rate, subject, name, correlation, false_nulls), True
                )  # fmt: skip


def _families() -> Iterator[Values]:
    generator = seeded("families")
    yield np.array([0.01, 0.04, 0.03, 0.005, 0.2])
    # Ends of the range, and a p-value that must not become 0.
    yield np.array([0.0, 1.0, 0.5, 1e-300])
    # Ties, which rank-based procedures may split by accident.
    yield np.array([0.02, 0.02, 0.7, 0.02])
    yield np.full(6, 0.03)
    for m in (2, 3, 7, 20):
        yield generator.random(m) ** 2
        yield generator.random(m) * 0.1


def contract(subject: CorrectionSubject) -> None:
    """Each p-value has an adjusted one in [0, 1] that is not smaller."""
    for p in (np.array([]), *_families()):
        adjusted = subject(p)
        assert adjusted.shape == p.shape, f"{p.size} p-values became {adjusted.size}"
        assert np.all((adjusted >= 0) & (adjusted <= 1)), f"adjusted p-values outside [0, 1]: {adjusted}"
        assert np.all(adjusted >= p * (1 - ROUNDING)), f"adjusted p-values {adjusted} are below the p-values {p}"


def monotone(subject: CorrectionSubject) -> None:
    """Adjustment keeps order and ties, and raising a p-value lowers no adjusted one."""
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
            # Otherwise weaker evidence for one metric would strengthen the claim about another.
            assert np.all(subject(raised) >= adjusted - ROUNDING), "raising one p-value lowered an adjusted one"


def row_order(subject: CorrectionSubject) -> None:
    """Adjusted p-values are invariant to the order of the family."""
    generator = seeded("order")
    for p in _families():
        order = generator.permutation(p.size)
        adjusted, expected = subject(p[order]), subject(p)[order]
        assert np.allclose(adjusted, expected, rtol=1e-12, atol=0), (
            f"in another order {p} became {adjusted}, expected {expected}"
        )


def one_alone(subject: CorrectionSubject) -> None:
    """A family of one needs no correction."""
    for p in (0.0, 0.01, 0.5, 1.0):
        adjusted = float(subject([p])[0])
        assert abs(adjusted - p) <= ROUNDING, f"a single p-value {p:g} became {adjusted:g}: there is nothing to correct"


def missing(subject: CorrectionSubject) -> None:
    """NaN stays NaN at its index, and does not count towards the size of the family."""
    for p in _families():
        gaps = np.insert(p, [0, p.size // 2, p.size], np.nan)
        adjusted = subject(gaps)
        assert np.array_equal(np.isnan(adjusted), np.isnan(gaps)), (
            f"{gaps} became {adjusted}: NaN did not stay at its index"
        )
        assert np.allclose(adjusted[~np.isnan(adjusted)], subject(p), rtol=1e-12, atol=0), "NaN counted as a test"
    assert np.isnan(subject([np.nan, np.nan])).all(), "a family of NaN got numbers"


def effective(subject: CorrectionSubject) -> None:
    """Five p-values of 1e-9 remain significant."""
    adjusted = subject(np.full(5, 1e-9))
    assert np.all(adjusted < ALPHA), f"five p-values of 1e-9 became {adjusted}"


def pure(subject: CorrectionSubject) -> None:
    """The correction is deterministic, and changes neither its input nor the global random state."""
    for p in _families():
        given = p.copy()
        with unchanged(given), global_randomness_untouched():
            first = np.asarray(subject.call(given), dtype=np.float64)
        assert np.array_equal(first, subject(p)), "two calls with the same p-values gave different ones"


def error_rate(subject: CorrectionSubject, name: str, correlation: float, false_nulls: int) -> None:
    """The family-wise error rate or false discovery rate is at most 5 %."""

    def batch(generator: Generator, k: int) -> tuple[int, int]:
        hits = 0
        for p in _p_values(generator, k, correlation, false_nulls):
            rejected = subject(p) < ALPHA
            wrong, share = rejected[false_nulls:].sum(), rejected.sum()
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
