"""The analysis plan passed to gates: metrics, arms and options, before any row is read."""

from typing import Literal

from attrs import frozen

from xpyrment_core.choices import Label

Purpose = Literal["analysis", "look", "simulation"]


@frozen(kw_only=True)
class PlannedMetric:
    """One metric of a plan.

    Attributes
    ----------
    name : str
    kind : str
        The registered kind, such as ``"proportion"``; the name of the class for an unregistered metric.
    test : str
        The test to be applied, by its name in results.
    adjuster : str or None
    covariates : tuple of str
        Covariates passed to the adjuster.
    role : {"primary", "secondary", "guardrail"}
    """

    name: str
    kind: str
    test: str
    adjuster: str | None = None
    covariates: tuple[str, ...] = ()
    role: str = "primary"


@frozen(kw_only=True)
class AnalysisPlan:
    """A checked analysis before any row is read, with defaults filled in.

    Attributes
    ----------
    alpha : float
    control : label
    treatments : tuple of labels
    metrics : tuple of PlannedMetric
    correction : str or None
        Multiplicity correction.
    purpose : {"analysis", "look", "simulation"}
        ``"analysis"`` is the first of an experiment, ``"look"`` a repeated one; ``"simulation"``
        stands for the replicates of an A/A test or of a simulation of power.
    """

    alpha: float
    control: Label
    treatments: tuple[Label, ...]
    metrics: tuple[PlannedMetric, ...]
    correction: str | None = None
    purpose: Purpose = "analysis"
