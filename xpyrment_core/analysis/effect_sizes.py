"""Effect sizes of a row: standardised mean differences, where the metric is a mean per unit."""

import math

import numpy as np
from attrs import asdict

from xpyrment_core.analysis.compare import Prepared
from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.analysis.plan import Comparison
from xpyrment_core.stats.delta_method import gradient
from xpyrment_core.stats.effect_sizes import EffectSizes, effect_sizes
from xpyrment_core.values.moments import Moments

NEAR = 1e-9
"""Relative difference of slopes and values that rounding or numerical derivatives can cause."""

UNDEFINED = asdict(EffectSizes())
"""The keys of the effect sizes in ``extra``, of a row without them."""


def sizes_of(spec: MetricSpec, prepared: Prepared, comparison: Comparison, repeated: bool) -> dict[str, float | None]:
    """Return ``cohen_d``, ``glass_delta`` and ``hedges_g`` of a comparison; None where they are not defined.

    Parameters
    ----------
    spec : MetricSpec
    prepared : Prepared
    comparison : Comparison
    repeated : bool
        Whether units have several rows; the variance between units is then that of a ratio.
    """
    control, treatment = comparison.control.value, comparison.treatment.value
    # A rank test reports another effect than the difference of the values.
    of_values = math.isclose(comparison.effect.difference, treatment - control, rel_tol=NEAR)
    if repeated or not of_values or prepared.raw is None or not _is_mean(spec, prepared.arms.moments):
        return dict(UNDEFINED)
    return asdict(effect_sizes(comparison.effect.difference, *prepared.raw))


def _is_mean(spec: MetricSpec, arms: tuple[Moments, Moments]) -> bool:
    """Say whether the metric is a mean of its columns, or of a sum of them, so that units have a standard deviation."""
    if spec.reads == "samples":
        return False
    slopes = [gradient(spec.metric, arm.means) for arm in arms]
    if not all(math.isclose(a, b, rel_tol=NEAR) for a, b in zip(*slopes, strict=True)):
        return False
    # A linear function without a constant is the product of its slopes and the means; for a ratio that is 0.
    return all(_is_linear(spec, arm, slope) for arm, slope in zip(arms, slopes, strict=True))


def _is_linear(spec: MetricSpec, arm: Moments, slopes: np.ndarray) -> bool:
    parts = [slope * arm.means[column] for slope, column in zip(slopes, spec.columns, strict=True)]
    return bool(abs(float(spec.metric.value(arm.means)) - sum(parts)) <= NEAR * sum(map(abs, parts)))
