"""A checked analysis: what was asked for, and what is to be done about each metric."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from xpyrment_core.options import (
    Alternative,
    Needs,
    RelativeMethod,
)
from xpyrment_core.reading import Label, Query, RowSet, Term
from xpyrment_core.results import Provenance
from xpyrment_core.specs import MetricSpec

BALANCE = "(covariate balance)"

Reads = Literal["moments", "derived", "samples"]


@frozen(kw_only=True)
class Options:
    """How an analysis was asked for, as the caller said it.

    Attributes
    ----------
    control : label
    treatment : label, list of labels, or None
    alpha : float
    correction : str or None
    covariates : tuple of str or None
    test, adjuster : str, mapping of metric name to str, or None
    alternative : {"two-sided", "greater", "less"}
    relative_interval : {"fieller", "delta", "log"}
    """

    control: Any = "control"
    treatment: Any = "treatment"
    alpha: float = 0.05
    correction: Any = None
    covariates: tuple[str, ...] | None = None
    test: Any = None
    adjuster: Any = None
    alternative: Alternative = "two-sided"
    relative_interval: RelativeMethod = "fieller"


@frozen(kw_only=True)
class Method:
    """A test, adjuster or correction, looked up and loaded."""

    name: str
    call: Any
    provenance: Provenance
    needs: Needs = "estimates"
    definition: Any = None


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
    reads : {"moments", "derived", "samples"}
        What the metric is computed from.
    fallback : Method or None
        The test to use where units repeat and `test`, a default, takes counts.
    blocked : str
        Why the metric cannot be estimated, where the plan already shows it.
    notes : tuple of str
        What the reader should know about the choices made.
    """

    spec: MetricSpec
    test: Method
    adjuster: Method | None
    covariates: tuple[Covariate, ...]
    row_set: RowSet
    reads: Reads
    fallback: Method | None = None
    blocked: str = ""
    notes: tuple[str, ...] = ()

    @property
    def wants_samples(self) -> bool:
        """Whether unit-level values are needed beside the moments."""
        return self.reads != "moments" or self.test.needs == "samples"


@frozen(kw_only=True)
class Plan:
    """A checked analysis, ready to read data."""

    options: Options
    control: Label
    treatments: tuple[Label, ...]
    labels: Mapping[Label | None, int]
    tasks: tuple[Task, ...]
    correction: Method | None
    covariates: tuple[str, ...]
    query: Query
    sample_query: Query | None

    @property
    def arms(self) -> tuple[Label, ...]:
        """Control and treatments."""
        return (self.control, *self.treatments)
