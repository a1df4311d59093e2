"""Balance of all covariates: the result of `check_balance` and of the diagnostic."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from xpyrment_balance import love
from xpyrment_balance.covariate_balance import CovariateBalance, Label
from xpyrment_core import Moments, UnitReport
from xpyrment_core.plots.data import PlotData, love_data

if TYPE_CHECKING:
    import pandas as pd


@frozen(kw_only=True)
class BalanceResult:
    """Baseline covariates of every treatment against control.

    Attributes
    ----------
    control : label
    comparisons : tuple of CovariateBalance
        One per covariate and treatment, covariates in the order given.
    rows_without_label : int
        Rows without a variant, left out.
    units : UnitReport or None
        How rows were grouped by unit; None where each row is a unit.
    withheld : str
        Why no verdict can be given; empty where it can.

    Examples
    --------
    >>> import pandas as pd
    >>> from xpyrment_balance.from_frame import check_balance
    >>> frame = pd.DataFrame({"variant": ["control"] * 4 + ["treatment"] * 4, "age": [30, 31, 35, 40, 29, 33, 36, 41]})
    >>> result = check_balance(frame, "variant", ["age"])
    >>> result.passed, round(result.diagnostics_["age"]["smd"], 4)
    (False, 0.156)
    """

    control: Label
    comparisons: tuple[CovariateBalance, ...] = ()
    rows_without_label: int = 0
    units: UnitReport | None = None
    withheld: str = ""

    @classmethod
    def from_moments(
        cls,
        moments: Mapping[Label, Moments],
        control: Label,
        shifts: Mapping[str, float] | None = None,
        covariates: Iterable[str] | None = None,
    ) -> "BalanceResult":
        """Return the balance from covariate moments, without the data.

        See `xpyrment_balance.from_moments.balance_from_moments`.
        """
        from xpyrment_balance.from_moments import balance_from_moments

        treatments = [label for label in moments if label != control]
        by_arm = [
            balance_from_moments(moments[control], moments[label], shifts, covariates, arms=(control, label))
            for label in treatments
        ]
        return cls(control=control, comparisons=tuple(row for rows in zip(*by_arm, strict=True) for row in rows))

    @property
    def covariates(self) -> tuple[str, ...]:
        """The covariates, in the order given."""
        return tuple(dict.fromkeys(row.covariate for row in self.comparisons))

    @property
    def treatments(self) -> tuple[Label, ...]:
        """The variants compared with control."""
        return tuple(dict.fromkeys(row.treatment for row in self.comparisons))

    @property
    def passed(self) -> bool:
        """Whether every covariate has an SMD in every treatment, none reaches the threshold, and units are whole."""
        return not self.withheld and all(row.balanced for row in self.comparisons)

    @property
    def imbalanced(self) -> tuple[str, ...]:
        """Covariates with an absolute SMD (their own or that of being missing) of 0.1 or more."""
        return tuple(dict.fromkeys(row.covariate for row in self.comparisons if row.flags))

    @property
    def not_estimable(self) -> tuple[str, ...]:
        """Covariates without an SMD in some treatment; they never count as balanced."""
        return tuple(dict.fromkeys(row.covariate for row in self.comparisons if row.smd is None))

    @property
    def diagnostics_(self) -> dict[str, dict[str, Any]]:
        """Numbers per covariate, of the treatment with the maximum absolute SMD.

        Keys: ``mean_control, mean_treatment, variance_control, variance_treatment, smd,
        variance_ratio, type, p_value, ks, ks_p_value, n_control, n_treatment, missing_control,
        missing_treatment, missing_smd, missing_p_value, balanced, status, reason, treatment``;
        ``levels`` where categorical; ``arms``, the same per treatment, where there are several.
        """
        return {covariate: self._diagnostics(covariate) for covariate in self.covariates}

    def _diagnostics(self, covariate: str) -> dict[str, Any]:
        rows = [row for row in self.comparisons if row.covariate == covariate]
        worst = _numbers(max(rows, key=lambda row: row.badness))
        return worst if len(rows) == 1 else worst | {"arms": {str(row.treatment): _numbers(row) for row in rows}}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return `diagnostics_` for JSON: non-finite numbers are None, and `reason` explains them."""
        return {covariate: _json_ready(numbers) for covariate, numbers in self.diagnostics_.items()}

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas table, one row per covariate and treatment."""
        import pandas as pd

        rows = [{"covariate": row.covariate, **_numbers(row)} for row in self.comparisons]
        return pd.DataFrame(rows).drop(columns="levels", errors="ignore")

    def love_plot(self) -> str:
        """Return the love plot as text: an axis over [-0.5, 0.5] with an X at each covariate's SMD."""
        return love.love_plot(self.comparisons)

    def plot_data(self) -> PlotData:
        """Return what a plot backend draws."""
        smds: dict[str, dict[str, float | None]] = {}
        for row in self.comparisons:
            smds.setdefault(row.covariate, {})[str(row.treatment)] = row.smd
        return love_data(smds, notes={row.covariate: row.reason for row in self.comparisons if row.reason})


def _numbers(row: CovariateBalance) -> dict[str, Any]:
    numbers: dict[str, Any] = {
        "mean_control": row.mean_control,
        "mean_treatment": row.mean_treatment,
        "variance_control": row.variance_control,
        "variance_treatment": row.variance_treatment,
        "smd": row.smd,
        "variance_ratio": row.variance_ratio,
        "type": row.kind,
        "p_value": row.p_value,
        "ks": row.ks,
        "ks_p_value": row.ks_p_value,
        "n_control": row.n_control,
        "n_treatment": row.n_treatment,
        "missing_control": row.missing_control,
        "missing_treatment": row.missing_treatment,
        "missing_smd": row.missing_smd,
        "missing_p_value": row.missing_p_value,
        "balanced": row.balanced,
        "status": "ok" if row.smd is not None else "not_estimable",
        "reason": row.reason or None,
        "treatment": row.treatment,
    }
    if row.levels:
        names = ("level", "share_control", "share_treatment", "smd")
        numbers["levels"] = [{name: getattr(level, name) for name in names} for level in row.levels]
    return numbers


def _json_ready(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_ready(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_ready(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
