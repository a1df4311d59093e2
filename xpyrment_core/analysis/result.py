"""What an analysis gives back: rows, a summary, a plot, and portable JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import asdict

from xpyrment_core.errors import warn
from xpyrment_core.plots.data import forest_data
from xpyrment_core.plots.numbers import interval_header, interval_text, number, starred
from xpyrment_core.registry.host import PluginHost, default_host
from xpyrment_core.registry.provenance import Issue
from xpyrment_core.values.checks import CheckResult
from xpyrment_core.values.metric_result import MetricResult, native

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
IMBALANCE = 0.1
NO_COVARIATES = "No covariate balance diagnostics were compiled (no covariates provided)."
BALANCE_KEYS = ("mean_control", "mean_treatment", "variance_control", "variance_treatment", "smd", "variance_ratio")


class AnalysisResult:
    """The result of an analysis.

    Parameters
    ----------
    raw_results : list of dict
        One row per metric and treatment, with the keys of `MetricResult`.
    alpha : float
        Level of the tests and intervals.
    balance_checker : object, optional
        Covariate balance, with ``diagnostics_`` and ``love_plot()``.
    results : sequence of MetricResult, optional
        The typed rows behind `raw_results`.
    checks : sequence of CheckResult, optional
        Diagnostics made with the analysis.
    issues : sequence of Issue, optional
        What gates and observers of plugins had to say.
    metadata : mapping, optional
        How and of what the analysis was made.
    plugins : PluginHost, optional
        Where plots and exports are looked up.
    """

    def __init__(
        self,
        raw_results: list[dict[str, Any]],
        alpha: float = 0.05,
        balance_checker: Any = None,
        *,
        results: Sequence[MetricResult] = (),
        checks: Sequence[CheckResult] = (),
        issues: Sequence[Issue] = (),
        metadata: Mapping[str, Any] | None = None,
        plugins: PluginHost | None = None,
    ) -> None:
        self.raw_results = raw_results
        self.alpha = alpha
        self.balance_checker = balance_checker
        self.results: tuple[MetricResult, ...] = tuple(results)
        self.checks: tuple[CheckResult, ...] = tuple(checks)
        self.issues: tuple[Issue, ...] = tuple(issues)
        self.metadata: dict[str, Any] = dict(metadata or {})
        self._plugins = plugins

    def __getstate__(self) -> dict[str, Any]:
        # A host holds modules, which do not travel; a copy looks its plots up in the process's own.
        return self.__dict__ | {"_plugins": None}

    def __repr__(self) -> str:
        names = list(dict.fromkeys(str(row.get("metric_name")) for row in self.raw_results))
        return f"<AnalysisResult: {', '.join(names)}; alpha={self.alpha:g}>"

    def _repr_html_(self) -> str:
        return str(self._table(formatted=True).to_html(index=False))

    @property
    def df_raw(self) -> "pd.DataFrame":
        """The raw results as a pandas DataFrame, one row per metric and treatment."""
        import pandas as pd

        return pd.DataFrame(self.raw_results)

    def summary(self, formatted: bool = True) -> "pd.DataFrame":
        """Return the table people read.

        Parameters
        ----------
        formatted : bool
            Text with percent signs and stars; False gives the numbers.

        Returns
        -------
        DataFrame
            One row per metric and treatment. A column ``Treatment`` is added where there are
            several, and ``Note`` where something could not be had.

        Warns
        -----
        UserWarning
            Some covariate's absolute SMD is 0.1 or more.
        """
        self._warn_of_imbalance()
        return self._table(formatted)

    def _table(self, formatted: bool) -> "pd.DataFrame":
        import pandas as pd

        several = len({str(row.get("treatment")) for row in self.raw_results}) > 1
        noted = any(row.get("reason") for row in self.raw_results)
        make = _formatted_row if formatted else _numeric_row
        records = []
        for row in self.raw_results:
            cells = make(row, self.alpha)
            record = {"Metric": cells.pop("Metric")}
            if several:
                record["Treatment"] = row.get("treatment")
            record |= cells
            if noted:
                record["Note"] = row.get("reason") or ("" if formatted else None)
            records.append(record)
        return pd.DataFrame(records, columns=None if records else list(make({}, self.alpha)))

    def _warn_of_imbalance(self) -> None:
        flagged = {
            name: smd
            for name, smd in ((name, _smd(row)) for name, row in self._diagnostics().items())
            if smd is not None and abs(smd) >= IMBALANCE - 1e-12
        }
        if flagged:
            worst = ", ".join(f"{name} (SMD {smd:+.4f})" for name, smd in flagged.items())
            warn(
                f"COVARIATE IMBALANCE DETECTED: {worst}. |SMD| >= 0.1 before the experiment: check the assignment, "
                f"or adjust for these covariates."
            )

    def _diagnostics(self) -> Mapping[str, Mapping[str, Any]]:
        return {} if self.balance_checker is None else dict(self.balance_checker.diagnostics_)

    def plot(self, backend: str = "matplotlib", **options: Any) -> Any:
        """Draw the relative lifts and their intervals as a forest plot.

        Parameters
        ----------
        backend : str
            ``"matplotlib"`` (returns Axes), ``"plotly"`` (returns a Figure), or a plugin's.
        **options
            What the backend takes: ``title``, ``ax``, ``figsize`` …

        Raises
        ------
        InputError
            Unknown backend or option.
        MissingExtraError
            The backend's library is not installed.
        """
        draw = self._host.get("plot_backend", backend).load()
        return draw(forest_data(self.raw_results, self.alpha), **options)

    def love_plot(self) -> str:
        """Return the covariate balance as a text plot, or a sentence where there is none."""
        if self.balance_checker is None:
            return NO_COVARIATES
        return str(self.balance_checker.love_plot())

    def export(self, form: str = "html") -> str | bytes:
        """Return the result as a report: ``"html"``, ``"markdown"``, ``"csv"``, ``"json"``, or a plugin's format."""
        return self._host.get("exporter", form).load()(self)  # type: ignore[no-any-return]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as native Python values that standard JSON can hold."""
        balance = None
        if self.balance_checker is not None:
            balance = {str(name): native(dict(row)) for name, row in self._diagnostics().items()}
        return {
            "schema_version": SCHEMA_VERSION,
            "alpha": self.alpha,
            "metrics": native(self.raw_results),
            "covariate_balance": balance,
            "checks": [_check_dict(check) for check in self.checks],
            "issues": [asdict(issue) for issue in self.issues],
            "analysis": native(self.metadata),
        }

    def to_json(self, indent: int | None = None) -> str:
        """Return `to_dict` as standard JSON: no NaN and no Infinity, None is null."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    @property
    def _host(self) -> PluginHost:
        return default_host() if self._plugins is None else self._plugins


def _check_dict(check: CheckResult) -> dict[str, Any]:
    return native(  # type: ignore[no-any-return]
        {
            "name": check.name,
            "passed": check.passed,
            "statistic": check.statistic,
            "p_value": check.p_value,
            "message": check.message,
            "details": check.details,
        }
    )


def _smd(row: Mapping[str, Any]) -> float | None:
    smd = row.get("smd")
    return None if smd is None or math.isnan(smd) else float(smd)


def _formatted_row(row: Mapping[str, Any], alpha: float) -> dict[str, Any]:
    adjusted = row.get("cuped_applied") or row.get("adjuster")
    return {
        "Metric": row.get("metric_name"),
        "Type": row.get("metric_type"),
        "Control Mean": number(row.get("control_mean"), "{:.4f}"),
        "Treatment Mean": number(row.get("treatment_mean"), "{:.4f}"),
        "Relative Lift": number(row.get("relative_lift"), "{:+.2%}"),
        interval_header(alpha): interval_text(row.get("rel_ci_lower"), row.get("rel_ci_upper"), row.get("alternative")),
        "p-value": starred(row.get("p_value"), alpha),
        "Post-hoc Power": number(row.get("power"), "{:.1%}"),
        "CUPED": "Yes" if row.get("cuped_applied") else "No",
        "Var Reduction": number(row.get("variance_reduction"), "{:.1%}") if adjusted else "-",
    }


def _numeric_row(row: Mapping[str, Any], alpha: float) -> dict[str, Any]:
    return {
        "Metric": row.get("metric_name"),
        "Type": row.get("metric_type"),
        "Control Mean": row.get("control_mean"),
        "Treatment Mean": row.get("treatment_mean"),
        "Relative Lift": row.get("relative_lift"),
        interval_header(alpha): (row.get("rel_ci_lower"), row.get("rel_ci_upper")),
        "p-value": row.get("p_value"),
        "Post-hoc Power": row.get("power"),
        "CUPED": bool(row.get("cuped_applied")),
        "Var Reduction": row.get("variance_reduction"),
    }
