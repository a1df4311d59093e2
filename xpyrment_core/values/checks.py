"""Input and result of a diagnostic: counts and covariate moments of one analysis."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from xpyrment_core.choices import Label
from xpyrment_core.registry.provenance import Provenance
from xpyrment_core.values.exclusions import Exclusions, UnitReport
from xpyrment_core.values.frozen_map import frozen_map
from xpyrment_core.values.moments import Moments


@frozen(kw_only=True)
class CheckContext:
    """Counts, weights and covariate moments of one analysis, for its diagnostics.

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
        Covariate moments per compared variant (terms as in `xpyrment_core.data.query.Term`);
        None without covariates.
    shifts : mapping of str to float
        Value imputed for a missing one, per covariate.
    covariates : tuple of str
        Covariate columns.
    exclusions : mapping of (metric name, treatment label) to Exclusions
    units : UnitReport or None
        Result of grouping the rows by unit; None where each row is a unit.
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
    units: UnitReport | None = None


def _verdict(passed: Any) -> bool | None:
    """Convert NumPy's bool to a plain one; None stays None."""
    # Readers compare with `is False`, which is never true of np.False_: a failed check would look like a passed one.
    return None if passed is None else bool(passed)


@frozen(kw_only=True)
class CheckResult:
    """The outcome of a diagnostic.

    Attributes
    ----------
    name : str
        The check. An analysis puts the name of the diagnostic's definition here,
        ``plugin/name`` where two plugins offer that name.
    passed : bool or None
        None where the check could not be made; `message` says why.
    statistic, p_value : float or None
    message : str
        One sentence for the reader.
    details : mapping
        The numbers the check rests on, as JSON values.
    value : object
        A result object of the check with further methods, such as a balance table
        with its love plot; not part of the JSON.
    attribute : str
        The attribute of the analysis result that holds `value`, set by the analysis from the
        diagnostic's definition; ``""`` for none.
    provenance : Provenance or None
        Which plugin made the check; set by the analysis.
    """

    name: str
    passed: bool | None = field(converter=_verdict)
    statistic: float | None = None
    p_value: float | None = None
    message: str = ""
    details: Mapping[str, Any] = field(factory=dict, converter=frozen_map)
    value: Any = field(default=None, repr=False)
    attribute: str = field(default="", repr=False)
    provenance: Provenance | None = field(default=None, repr=False)
