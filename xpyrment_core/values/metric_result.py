"""Result of one comparison, as a typed value and as a dict of JSON values."""

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

from attrs import asdict, evolve, field, fields, frozen

from xpyrment_core.choices import Label
from xpyrment_core.registry.provenance import Provenance
from xpyrment_core.values.exclusions import ArmLedger, Exclusions
from xpyrment_core.values.verdicts import Verdict, judge

Status = Literal["ok", "not_estimable"]


EQUIVALENCE = "equivalence"
"""Alternative of a test that the difference lies within a two-sided margin."""


@frozen(kw_only=True)
class MetricResult:
    """One row of an analysis: the comparison of a treatment with control on one metric.

    The attributes are the keys of `raw`, in order; an attribute without a value is
    None, and `status` and `reason` give the cause.

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
        ``treatment - control``, and that over ``|control|``.
    cuped_applied : bool
    variance_reduction : float
        ``1 - var(adjusted effect) / var(unadjusted effect)``, on the same rows.
    p_value : float
        Corrected for multiplicity where a correction was asked for; `p_value_raw` is not.
    ci_lower, ci_upper, rel_ci_lower, rel_ci_upper : float
        Marginal intervals at level ``1 - alpha``; they agree with `p_value_raw`.
    power : float
        Post-hoc power: a function of the p-value, without further information.
    mde : float
        Minimum detectable effect with 80 % power at the standard error achieved.
    simultaneous_ci_lower, simultaneous_ci_upper, … : float
        Intervals that agree with the corrected `p_value`, and `simultaneous_method`.
    std_error, statistic, df : float
        Of the test; the statistic of a guardrail is that of its margin, as the p-value is.
    null_difference, null_lift : float
        Null value of the test: 0, or the margin of a guardrail, which is a fixed difference or a
        fixed lift; the other is None. Of a two-sided margin the bound that is less clearly excluded.
    alternative : str
        ``"two-sided"``, ``"greater"``, ``"less"``, or ``"equivalence"`` for a two-sided margin, whose
        intervals have level ``1 - 2 alpha``.
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
    def tests_equivalence(self) -> bool:
        """Whether the p-value tests that the difference lies within a two-sided margin."""
        return self.alternative == EQUIVALENCE

    @property
    def shown_verdict(self) -> Verdict:
        """The verdict as displayed, which is never None."""
        return "not estimable" if self.status != "ok" else self.verdict or "inconclusive"

    def judged(self, alpha: float) -> "MetricResult":
        """Return the result with its verdict; an existing one is kept."""
        if self.status != "ok" or self.verdict is not None:
            return self
        # A result that was not made by an analysis may have the lift only; it has the sign of the difference.
        effect = self.relative_lift if self.absolute_difference is None else self.absolute_difference
        margin = bool(self.null_difference or self.null_lift)
        verdict = judge(
            self.p_value, effect, alpha, direction=self.direction, margin=margin, equivalence=self.tests_equivalence
        )
        return evolve(self, verdict=verdict)

    def raw(self) -> dict[str, Any]:
        """Return the row as a dict of native Python values; infinite and NaN become None."""
        # The order of the attributes is the order of the keys, which the interface fixes.
        out = {a.name: native(getattr(self, a.name)) for a in fields(MetricResult)}
        out["exclusions"] = native(asdict(self.exclusions, recurse=True))
        out["provenance"] = {kind: asdict(made_by) for kind, made_by in self.provenance.items()}
        return out

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> "MetricResult":
        """Build the typed result from a dict as made by `raw`; None and absent keys become the defaults.

        Unknown keys are ignored, so that this version reads the files of a later one.

        Examples
        --------
        >>> result = MetricResult(metric_name="revenue", p_value=0.04, covariates=("age",))
        >>> MetricResult.from_raw(result.raw()) == result
        True
        """
        # Unknown keys are dropped, so that a result of a later version can be read.
        values = _known(cls, raw)
        values["metric_name"] = str(values.get("metric_name", ""))
        # A verdict of an older version is dropped; `judged` derives it again from the p-value.
        if values.get("verdict") not in get_args(Verdict):
            values.pop("verdict", None)
        # JSON has no tuples; without this the result would not equal the one that was written.
        values |= {key: tuple(values[key]) for key in ("covariates", "notes") if key in values}
        if "exclusions" in values:
            counts = _known(Exclusions, values["exclusions"])
            counts |= {arm: ArmLedger(**_known(ArmLedger, counts[arm])) for arm in ARMS if arm in counts}
            values["exclusions"] = Exclusions(**counts)
        if "provenance" in values:
            values["provenance"] = {kind: _provenance(made) for kind, made in values["provenance"].items()}
        return cls(**values)


ARMS = ("control", "treatment")


def _known(kind: type, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of `raw` that are attributes of an attrs class and not None."""
    return {a.name: raw[a.name] for a in fields(kind) if raw.get(a.name) is not None}


def _provenance(made: Mapping[str, Any]) -> Provenance:
    return Provenance(*(str(made.get(a.name, "")) for a in fields(Provenance)))


def native(value: Any) -> Any:
    """Convert `value` to plain Python types that standard JSON can represent.

    Examples
    --------
    >>> native({"p": float("nan"), "arms": ("a", "b")})
    {'p': None, 'arms': ['a', 'b']}
    """
    # Exact types first, because most values are of these: np.float64 is a float too, and has to become one.
    if value is None or type(value) in (str, int, bool):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: native(item) for key, item in zip(text_keys(value), value.values(), strict=True)}
    if isinstance(value, list | tuple | set | frozenset):
        return [native(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return native(value.tolist())
    # RFC 8259 has no NaN or Infinity: Python would write them, and strict parsers would reject the file. The test
    # comes after tolist(), because np.float64 is a float but np.float32 is not.
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def text_keys(mapping: Mapping[Any, Any]) -> list[str]:
    """Return the keys as different texts, which JSON needs.

    Examples
    --------
    >>> text_keys({1: "a", "1": "b"})
    ['1', "'1'"]
    """
    keys: dict[str, None] = {}
    for key in mapping:
        text = str(key)
        while text in keys:
            text = repr(key) if text != repr(key) else f"{text} ({type(key).__name__})"
        keys[text] = None
    return list(keys)
