"""Protocols of tests, adjusters, corrections and diagnostics."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xpyrment_core.choices import Alternative
from xpyrment_core.values.checks import CheckContext, CheckResult
from xpyrment_core.values.estimates import Counts, Effect, Estimate, FamilyDecision
from xpyrment_core.values.moments import Moments
from xpyrment_core.values.samples import ArmSample

Arm = Estimate | Counts | ArmSample


# The parameters are positional-only (/): a plugin is free in their names.
class TestOfTwoArms(Protocol):
    """A two-sample test; ``needs`` of its definition sets the type of both arms."""

    def __call__(self, control: Any, treatment: Any, alpha: float, alternative: Alternative, /) -> Effect:
        """Return the effect, its p-value and an interval that inverts the same test."""
        ...


class Adjuster(Protocol):
    """A covariate adjustment."""

    def __call__(self, control: Moments, treatment: Moments, /) -> tuple[Estimate, Estimate]:
        """Return adjusted estimates; the first column is the outcome, the others are its covariates."""
        ...


class Correction(Protocol):
    """A multiplicity correction of p-values."""

    def __call__(self, p_values: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return adjusted p-values in the same order; NaN stays NaN."""
        ...


class CorrectionOfEffects(Protocol):
    """A multiplicity correction that needs the effects."""

    def __call__(self, effects: Sequence[Effect], metrics: Sequence[str], alpha: float, /) -> FamilyDecision:
        """Return adjusted p-values and the levels of simultaneous intervals."""
        ...


class Diagnostic(Protocol):
    """A check made with every analysis."""

    def __call__(self, context: CheckContext, /) -> CheckResult | None:
        """Return the result, or None where there is nothing to check."""
        ...
