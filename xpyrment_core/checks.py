"""What a diagnostic is given: the counts and covariate moments of one analysis."""

from collections.abc import Mapping

from attrs import field, frozen

from xpyrment_core.moments import Moments
from xpyrment_core.reading import Label
from xpyrment_core.results import Exclusions


@frozen(kw_only=True)
class CheckContext:
    """Facts of one analysis, for the checks that go with it.

    Attributes
    ----------
    counts : mapping of label to int
        Units (rows, without a unit column) per variant of the design: every variant
        seen in the data, and those with a planned weight. Where units have several rows,
        variants that are not compared are left out, here and in `weights`.
    rows_missing_label : int
        Rows without a variant.
    weights : mapping of label to float, or None
        Planned shares; None for equal ones.
    control : label
    treatments : tuple of labels
        The variants compared with it.
    balance : mapping of label to Moments, or None
        Covariate moments per compared variant (terms as in `xpyrment_core.reading.Term`);
        None without covariates.
    shifts : mapping of str to float
        What stood in for a missing value, per covariate.
    covariates : tuple of str
        Covariate columns.
    exclusions : mapping of (metric name, treatment label) to Exclusions
    """

    counts: Mapping[Label, int]
    rows_missing_label: int = 0
    weights: Mapping[Label, float] | None = None
    control: Label = "control"
    treatments: tuple[Label, ...] = ()
    balance: Mapping[Label, Moments] | None = None
    shifts: Mapping[str, float] = field(factory=dict)
    covariates: tuple[str, ...] = ()
    exclusions: Mapping[tuple[str, Label], Exclusions] = field(factory=dict)
