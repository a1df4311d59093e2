"""What a diagnostic is given: the counts and covariate moments of one analysis."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from xpyrment_core.options import Label
from xpyrment_core.values.exclusions import Exclusions
from xpyrment_core.values.frozen_map import frozen_map
from xpyrment_core.values.moments import Moments


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
        Covariate moments per compared variant (terms as in `xpyrment_core.data.query.Term`);
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


@frozen(kw_only=True)
class CheckResult:
    """The outcome of a diagnostic.

    Attributes
    ----------
    name : str
        The check: ``"sample_ratio"``, ``"balance"`` …
    passed : bool or None
        None where the check could not be made; `message` says why.
    statistic, p_value : float or None
    message : str
        One sentence for the reader.
    details : mapping
        Numbers behind it, JSON-ready.
    value : object
        The check's own result where it has one with more to ask, such as a balance table
        with its love plot; it is no part of the JSON.
    """

    name: str
    passed: bool | None
    statistic: float | None = None
    p_value: float | None = None
    message: str = ""
    details: Mapping[str, Any] = field(factory=dict, converter=frozen_map)
    value: Any = field(default=None, repr=False)
