"""The plan of an analysis: resolved options, and the method, covariates and rows of each metric."""

import math
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.choices import Label, Needs
from xpyrment_core.data.groups import Grouping
from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_core.options import Options
from xpyrment_core.registry.definitions import AdjusterDefinition, CorrectionDefinition, Definition
from xpyrment_core.registry.provenance import Provenance
from xpyrment_core.values.estimates import Effect, Estimate, Interval, Unavailable

BALANCE = "(covariate balance)"


@frozen(kw_only=True)
class Method:
    """A test, adjuster or correction, looked up and loaded."""

    name: str
    call: Any
    provenance: Provenance
    needs: Needs = "estimates"
    definition: Definition | None = None

    @property
    def flag(self) -> str:
        """Key of the result that says an adjuster was applied; empty for none."""
        return self.definition.flag if isinstance(self.definition, AdjusterDefinition) else ""

    @property
    def clustered(self) -> bool:
        """Whether a test of samples keeps the rows of a unit together, or refuses them itself."""
        return bool(getattr(self.call if self.definition is None else self.definition, "clustered", False))

    @property
    def correction(self) -> CorrectionDefinition:
        """The definition of a correction; that of a plain function of p-values where there is none."""
        if isinstance(self.definition, CorrectionDefinition):
            return self.definition
        # A plain function of p-values has no intervals, so its rows get no simultaneous ones.
        return CorrectionDefinition(name="local", target=self.call)


@frozen(kw_only=True)
class Covariate:
    """A covariate as it enters an adjustment.

    Attributes
    ----------
    name : str
        The column, or the ratio of columns.
    metrics : tuple
        Functions of the terms' means: the covariate itself, or one dummy per level.
    terms : tuple of Term
    """

    name: str
    metrics: tuple[Any, ...]
    terms: tuple[Term, ...]


@frozen(kw_only=True)
class Task:
    """One metric, planned.

    Attributes
    ----------
    spec : MetricSpec
    test : Method
    adjuster : Method or None
    covariates : tuple of Covariate
    row_set : RowSet
    fallback : Method or None
        The test to use if units repeat and `test`, a default, needs counts.
    blocked : str
        Why the metric cannot be estimated, if the schema already shows it.
    notes : tuple of str
        Choices made for the caller, to be shown with the result.
    """

    spec: MetricSpec
    test: Method
    adjuster: Method | None
    covariates: tuple[Covariate, ...]
    row_set: RowSet
    fallback: Method | None = None
    blocked: str = ""
    notes: tuple[str, ...] = ()

    @property
    def wants_samples(self) -> bool:
        """Whether unit-level values are needed beside the moments."""
        return self.spec.reads != "moments" or self.test.needs == "samples"


@frozen(kw_only=True)
class Plan:
    """A checked analysis, ready to read data."""

    options: Options
    control: Label
    treatments: tuple[Label, ...]
    # Rows per label of the whole table; the key None counts rows without a label.
    labels: Mapping[Label | None, int]
    tasks: tuple[Task, ...]
    correction: Method | None
    covariates: tuple[str, ...]
    query: Query
    sample_query: Query | None
    # The grouping of the query whose groups are the strata.
    strata: Grouping | None = None

    @property
    def arms(self) -> tuple[Label, ...]:
        """Control and treatments."""
        return (self.control, *self.treatments)


@frozen(kw_only=True)
class Comparison:
    """Numbers of one metric in one treatment against control, before correction.

    Attributes
    ----------
    control, treatment : Estimate
        As used by the test: adjusted where `adjuster` says so.
    effect : Effect
    relative : Interval or Unavailable
    lift : float or None
        The relative effect; None where it is not determined, as for a control value of 0.
    raw_control, raw_treatment : Estimate
        Without adjustment, on the same rows.
    raw_effect : Effect or None
        The same test without adjustment; None where nothing was adjusted.
    p_value : float
        Of the effect, or of the non-inferiority test of a guardrail.
    statistic : float or None
        Of the same test, so that it gives the p-value.
    null : float
        The difference that the p-value tests: 0, or the margin of a guardrail.
    relative_null : float or None
        The same as a relative effect, where the margin is relative.
    equivalence : bool
        Whether the p-value is that of two one-sided tests against both bounds of a margin.
    notes : tuple of str
    covariates : tuple of str
        Covariates that entered the adjustment.
    """

    control: Estimate
    treatment: Estimate
    effect: Effect
    relative: Interval | Unavailable
    lift: float | None
    raw_control: Estimate
    raw_treatment: Estimate
    raw_effect: Effect | None = None
    # Differs from effect.p_value for a guardrail, whose null hypothesis is the margin.
    p_value: float = math.nan
    statistic: float | None = None
    null: float = 0.0
    relative_null: float | None = None
    equivalence: bool = False
    power: float | None = None
    mde: float | None = None
    covariates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
