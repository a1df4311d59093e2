"""Delete-a-group jackknife: the variance between units of any estimator computed from rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from xpyrment_core.errors import NotEstimable
from xpyrment_core.values.estimates import Estimate
from xpyrment_core.values.samples import ArmSample

MOST_GROUPS = 60
"""With more units than this, several are deleted at a time: each group costs one computation of the estimator."""

SEED = 20_000
"""Of the assignment of units to groups, so that an analysis repeats exactly."""


def jackknifed(value: Callable[[ArmSample], float], sample: ArmSample) -> Estimate:
    """Return an estimator's value with its variance between units, where units have several rows.

    Units are deleted one at a time, or a group of them at a time where there are many.

    Parameters
    ----------
    value : callable
        The estimator, of a sample whose rows it may take for independent.
    sample : ArmSample
        With `units`.

    Returns
    -------
    Estimate
        Of ``n`` units, with one degree of freedom less than groups.

    Raises
    ------
    NotEstimable
        There are fewer than two units.

    References
    ----------
    Busing, F. M. T. A., Meijer, E. and van der Leeden, R. (1999). Delete-m jackknife for unequal m. Statistics and
    Computing 9(1), 3-8. Kott, P. S. (2001). The delete-a-group jackknife. Journal of Official Statistics 17(4),
    521-526.

    Examples
    --------
    >>> sample = ArmSample({"y": np.array([1.0, 2.0, 4.0, 9.0])}, units=np.array([0, 1, 2, 3]))
    >>> estimate = jackknifed(lambda part: float(part.columns["y"].mean()), sample)
    >>> estimate.value, bool(np.isclose(estimate.variance, np.var([1, 2, 4, 9], ddof=1) / 4))
    (4.0, True)
    """
    groups, n = _groups(sample)
    count = int(groups.max(initial=-1)) + 1
    if count < 2:
        raise NotEstimable("a variance between units needs two units in each variant")
    whole = value(_rows(sample, np.ones(len(groups), dtype=bool)))
    without = np.array([value(_rows(sample, groups != group)) for group in range(count)])
    sizes = np.array([len(np.unique(_units(sample)[groups == group])) for group in range(count)])
    # Pseudo-values, and their variance about the jackknife estimate, by groups of unequal size.
    h = n / sizes
    pseudo = h * whole - (h - 1) * without
    centre = count * whole - np.sum((1 - 1 / h) * without)
    variance = float(np.mean((pseudo - centre) ** 2 / (h - 1)))
    if not np.isfinite(variance):
        raise NotEstimable("the metric is not a finite number without some of the units: no jackknife variance")
    return Estimate(value=whole, n=n, unit_variance=variance * n, df=count - 1)


def _units(sample: ArmSample) -> NDArray[np.int64]:
    assert sample.units is not None
    return sample.units


def _rows(sample: ArmSample, kept: NDArray[np.bool_]) -> ArmSample:
    return ArmSample({name: values[kept] for name, values in sample.columns.items()}, metric=sample.metric)


def _groups(sample: ArmSample) -> tuple[NDArray[np.int64], int]:
    """Return the group of each row, and the number of units."""
    codes = np.unique(_units(sample), return_inverse=True)[1]
    n = int(codes.max(initial=-1)) + 1
    if n <= MOST_GROUPS:
        return codes.astype(np.int64), n
    # Units are ordered by their values: a code depends on the order of the rows, on which no result may depend.
    sums = [np.bincount(codes, values, n) for values in (*sample.columns.values(), np.ones(len(codes)))]
    order = np.lexsort(sums)
    drawn = np.random.default_rng(SEED).permutation(np.arange(n) % MOST_GROUPS)
    of_unit = np.empty(n, dtype=np.int64)
    of_unit[order] = drawn
    return of_unit[codes], n
