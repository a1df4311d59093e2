"""The result of one comparison, typed, and as a plain dict for reports and scripts."""

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

from attrs import asdict, evolve, field, fields, frozen

from xpyrment_core.options import Label
from xpyrment_core.registry.provenance import Provenance
from xpyrment_core.values.exclusions import ArmLedger, Exclusions
from xpyrment_core.values.verdicts import Verdict, judge

Status = Literal["ok", "not_estimable"]


@frozen(kw_only=True)
class MetricResult:
    """One row of an analysis: a metric, a treatment against control.

    The attributes are the keys of `raw`, in order; what has no value is None, and
    `status` and `reason` say why.

    Attributes
    ----------
    metric_name, metric_type : str
    control_mean, treatment_mean : float
        The metric in each variant; adjusted where `adjuster` is set.
    control_var, treatment_var : float
        Variance per unit (linearised for ratios, residual where adjusted).
    control_n, treatment_n : int
        Units.
    absolute_difference, relative_lift : float
        ``treatment - control`` and ``treatment / control - 1``.
    cuped_applied : bool
    variance_reduction : float
        ``1 - var(adjusted effect) / var(unadjusted effect)``, on the same rows.
    p_value : float
        Corrected for multiplicity where a correction was asked for; `p_value_raw` is not.
    ci_lower, ci_upper, rel_ci_lower, rel_ci_upper : float
        Marginal intervals at level ``1 - alpha``; they agree with `p_value_raw`.
    power : float
        Post-hoc power; says no more than the p-value.
    mde : float
        Smallest difference found with 80 % power at the standard error achieved.
    simultaneous_ci_lower, simultaneous_ci_upper, … : float
        Intervals that agree with the corrected `p_value`, and `simultaneous_method`.
    null_difference, null_lift : float
        What the p-value tests against: 0, or the guardrail's margin.
    verdict : Verdict or None
        None where the comparison is not estimable.
    """

    metric_name: str
    metric_type: str = ""
    control_mean: float | None = None
    treatment_mean: float | None = None
    control_var: float | None = None
    treatment_var: float | None = None
    control_n: int | None = None
    treatment_n: int | None = None
    absolute_difference: float | None = None
    relative_lift: float | None = None
    cuped_applied: bool = False
    variance_reduction: float | None = None
    p_value: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    rel_ci_lower: float | None = None
    rel_ci_upper: float | None = None
    power: float | None = None
    std_error: float | None = None
    statistic: float | None = None
    df: float | None = None
    p_value_raw: float | None = None
    unadjusted_control_mean: float | None = None
    unadjusted_treatment_mean: float | None = None
    unadjusted_difference: float | None = None
    unadjusted_std_error: float | None = None
    mde: float | None = None
    control: Label = "control"
    treatment: Label = "treatment"
    test: str = ""
    adjuster: str | None = None
    covariates: tuple[str, ...] = ()
    correction: str | None = None
    alternative: str = "two-sided"
    relative_interval: str | None = None
    simultaneous_ci_lower: float | None = None
    simultaneous_ci_upper: float | None = None
    simultaneous_rel_ci_lower: float | None = None
    simultaneous_rel_ci_upper: float | None = None
    simultaneous_method: str | None = None
    role: str = "primary"
    direction: str = "increase"
    null_difference: float | None = None
    null_lift: float | None = None
    verdict: Verdict | None = None
    status: Status = "ok"
    reason: str | None = None
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(factory=dict)
    exclusions: Exclusions = field(factory=Exclusions)
    provenance: Mapping[str, Provenance] = field(factory=dict)

    @property
    def shown_verdict(self) -> Verdict:
        """The verdict as surfaces show it, which is never None."""
        return "not estimable" if self.status != "ok" else self.verdict or "inconclusive"

    def judged(self, alpha: float) -> "MetricResult":
        """Return the result with its verdict; one that it has already is kept."""
        if self.status != "ok" or self.verdict is not None:
            return self
        # Results made from partial dicts can have the lift only.
        effect = self.relative_lift if self.absolute_difference is None else self.absolute_difference
        margin = bool(self.null_difference or self.null_lift)
        return evolve(self, verdict=judge(self.p_value, effect, alpha, direction=self.direction, margin=margin))

    def raw(self) -> dict[str, Any]:
        """Return the row as a dict of native Python values; infinite and NaN become None."""
        # The order of the attributes is the order of the keys, which the interface fixes.
        out = {a.name: native(getattr(self, a.name)) for a in fields(MetricResult)}
        out["exclusions"] = native(asdict(self.exclusions, recurse=True))
        out["provenance"] = {kind: asdict(made_by) for kind, made_by in self.provenance.items()}
        return out

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> "MetricResult":
        """Return the typed result of a dict such as `raw` makes: what is None or absent has its default.

        Examples
        --------
        >>> result = MetricResult(metric_name="revenue", p_value=0.04, covariates=("age",))
        >>> MetricResult.from_raw(result.raw()) == result
        True
        """
        # Unknown keys are dropped, so that a result of a later version can be read.
        values = _known(cls, raw)
        values["metric_name"] = str(values.get("metric_name", ""))
        if values.get("verdict") not in get_args(
            Verdict
        ):  # a word of an earlier version, or none: `judged` computes it
            values.pop("verdict", None)
        values |= {key: tuple(values[key]) for key in ("covariates", "notes") if key in values}
        if "exclusions" in values:
            rows = _known(Exclusions, values["exclusions"])
            rows |= {arm: ArmLedger(**_known(ArmLedger, rows[arm])) for arm in ARMS if arm in rows}
            values["exclusions"] = Exclusions(**rows)
        if "provenance" in values:
            values["provenance"] = {kind: _provenance(made) for kind, made in values["provenance"].items()}
        return cls(**values)


ARMS = ("control", "treatment")


def _known(kind: type, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in `raw` of the attributes of an attrs class."""
    return {a.name: raw[a.name] for a in fields(kind) if raw.get(a.name) is not None}


def _provenance(made: Mapping[str, Any]) -> Provenance:
    return Provenance(*(str(made.get(a.name, "")) for a in fields(Provenance)))


def native(value: Any) -> Any:
    """Return `value` as plain Python that standard JSON can hold.

    Examples
    --------
    >>> native({"p": float("nan"), "arms": ("a", "b")})
    {'p': None, 'arms': ['a', 'b']}
    """
    if isinstance(value, Mapping):
        return {k if isinstance(k, str) else str(k): native(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [native(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return native(value.tolist())
    # Standard JSON has no NaN and no infinity.
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
