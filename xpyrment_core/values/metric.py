"""Protocols of a metric: a smooth function of column means, or a function of unit-level values.

Every metric has a ``name`` and the ``columns`` it reads, and one of

- `FunctionOfMeans`: ``value(means)``. Only count, means and cross-products of the columns
  are read, and every test, adjuster and engine supports it.
- `TransformedMetric`: ``value(means)`` of columns that ``derive(columns)`` computes from the
  unit-level values of its ``sources``: a capped or winsorized mean.
- `SampleMetric`: ``estimate(sample)`` from unit-level values: a quantile.

Optional members, each a protocol here: an analytic ``gradient(means)``; ``relative(difference)``
where the lift is not ``treatment / control - 1``; ``covariates`` of its own; ``binary`` for 0/1
outcomes; ``clustered``, True where `estimate` of a sample metric keeps the rows of a unit together
(``sample.units``) and counts units, else the core computes the variance between units by a jackknife;
``default_test``, the name of the test of a class that is not registered by a definition. Only
`MetricSpec` of the analysis reads them.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from xpyrment_core.values.estimates import Estimate
from xpyrment_core.values.samples import ArmSample

Means = Mapping[str, Any]


@runtime_checkable
class Metric(Protocol):
    """Members of every metric."""

    @property
    def name(self) -> str:
        """Name in reports."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns it is a function of; a row with a missing one is excluded."""
        ...


@runtime_checkable
class FunctionOfMeans(Metric, Protocol):
    """A smooth function of column means."""

    def value(self, means: Means) -> Any:
        """Return the metric from the mean of each column, by name."""
        ...


@runtime_checkable
class TransformedMetric(FunctionOfMeans, Protocol):
    """A function of means of columns that are computed from unit-level values."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Columns of the data that `derive` needs."""
        ...

    def derive(self, columns: Mapping[str, NDArray[np.float64]]) -> Mapping[str, Any]:
        """Compute `columns` from the sources, in one call for the rows of both variants."""
        # Both variants together, because a winsorizing quantile must be the same for both: separate limits would
        # bias the difference under a treatment effect.
        ...


@runtime_checkable
class SampleMetric(Metric, Protocol):
    """A metric computed from unit-level values."""

    def estimate(self, sample: ArmSample) -> Estimate:
        """Return the metric of one variant with its variance, or raise NotEstimable."""
        ...


@runtime_checkable
class HasGradient(Protocol):
    """A function of means with analytic derivatives, used by the delta method."""

    def gradient(self, means: Means) -> Mapping[str, float]:
        """Return the derivative by each column's mean."""
        ...


@runtime_checkable
class HasRelative(Protocol):
    """A metric whose lift is not ``treatment / control - 1``."""

    def relative(self, difference: float) -> float:
        """Return the lift of a difference, an increasing function: ``exp(difference) - 1`` for a mean of logarithms."""
        ...


def missing_members(metric: Any) -> list[str]:
    """Return the members of a metric that an object or class lacks; empty for a metric.

    Examples
    --------
    >>> missing_members(object())
    ['name', 'columns', 'value(means)']
    """
    # isinstance with a runtime protocol would not name the missing members, and `metric` may be a class.
    missing = [part for part in ("name", "columns") if not hasattr(metric, part)]
    if not (hasattr(metric, "value") or hasattr(metric, "estimate")):
        missing.append("value(means)")
    return missing
