"""The result of an analysis: typed rows, summary table, plots, exports and JSON."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from attrs import asdict

from xpyrment_core.analysis.columns import SUMMARY, TABLES, frame, table
from xpyrment_core.analysis.methods import needed_default
from xpyrment_core.choices import Label
from xpyrment_core.errors import unknown, warn
from xpyrment_core.plots.data import forest_data
from xpyrment_core.plots.text import NO_COVARIATES
from xpyrment_core.registry.host import PluginHost, default_host
from xpyrment_core.registry.provenance import Issue
from xpyrment_core.stats.balance import IMBALANCE, is_imbalanced
from xpyrment_core.values.checks import CheckResult
from xpyrment_core.values.metric_result import MetricResult, native
from xpyrment_core.values.table import Table

if TYPE_CHECKING:
    import pandas as pd

# Increased when a key of `to_dict` changes its meaning or disappears; new keys do not count.
SCHEMA_VERSION = 1


class AnalysisResult:
    """The result of an analysis.

    Parameters
    ----------
    raw_results : sequence of dict or MetricResult
        One row per metric and treatment; a dict has keys of `MetricResult`, as many as there are.
    alpha : float
        Level of the tests and intervals.
    balance_checker : object, optional
        Covariate balance, with ``diagnostics_`` and ``love_plot()``.
    checks : sequence of CheckResult, optional
        Diagnostics made with the analysis.
    issues : sequence of Issue, optional
        Issues returned by gates and observers of plugins.
    metadata : mapping, optional
        Settings of the analysis, engine, and counts of rows.
    plugins : PluginHost, optional
        Where plots and exports are looked up.

    Attributes
    ----------
    results : tuple of MetricResult
        The rows, typed: what every table, plot and report reads.
    raw_results : list of dict
        The same as plain values, for scripts and JSON.
    """

    def __init__(
        self,
        raw_results: Sequence[Mapping[str, Any] | MetricResult],
        alpha: float = 0.05,
        balance_checker: Any = None,
        *,
        checks: Sequence[CheckResult] = (),
        issues: Sequence[Issue] = (),
        metadata: Mapping[str, Any] | None = None,
        plugins: PluginHost | None = None,
    ) -> None:
        # Dicts are converted once, here; all other code reads the typed rows.
        self._given = tuple(row if isinstance(row, MetricResult) else dict(row) for row in raw_results)
        typed = (row if isinstance(row, MetricResult) else MetricResult.from_raw(row) for row in self._given)
        self._results = tuple(row.judged(alpha) for row in typed)
        self.alpha = alpha
        self.balance_checker = balance_checker
        self.checks: tuple[CheckResult, ...] = tuple(checks)
        self.issues: tuple[Issue, ...] = tuple(issues)
        self.metadata: dict[str, Any] = dict(metadata or {})
        self._plugins = plugins

    def __getstate__(self) -> dict[str, Any]:
        # A host holds modules, which cannot be pickled; a copy uses the default host of its process.
        return self.__dict__ | {"_plugins": None}

    def __repr__(self) -> str:
        names = list(dict.fromkeys(row.metric_name for row in self.results))
        return f"<AnalysisResult: {', '.join(names)}; alpha={self.alpha:g}>"

    def _repr_html_(self) -> str:
        withheld = self.metadata.get("withheld")
        first = f"<p><strong>Verdicts are withheld:</strong> {escape(withheld)}.</p>" if withheld else ""
        return first + str(frame(SUMMARY, self.results, self.alpha).to_html(index=False))

    @property
    def results(self) -> tuple[MetricResult, ...]:
        """The rows, typed and frozen."""
        return self._results

    @cached_property
    def raw_results(self) -> list[dict[str, Any]]:
        """The rows as dicts of plain values; those that were given as dicts, as they were given."""
        return [
            row.raw() if isinstance(given, MetricResult) else dict(given)
            for given, row in zip(self._given, self._results, strict=True)
        ]

    @property
    def df_raw(self) -> "pd.DataFrame":
        """The raw results as a pandas DataFrame, one row per metric and treatment."""
        import pandas as pd

        return pd.DataFrame(self.raw_results)

    def summary(self, formatted: bool = True) -> "pd.DataFrame":
        """Return the summary table of the results.

        Parameters
        ----------
        formatted : bool
            Text with percent signs and stars; False gives `df_raw`.

        Returns
        -------
        DataFrame
            One row per metric and treatment. A column ``Treatment`` is added where there are
            several, ``Correction`` where p-values are corrected (the intervals are not), and ``Note``
            where a number is not available.

        Warns
        -----
        UserWarning
            Some covariate's absolute SMD is 0.1 or more.
        """
        self._warn_of_imbalance()
        return frame(SUMMARY, self.results, self.alpha) if formatted else self.df_raw

    def table(self, columns: str = "decision", *, treatment: Label = None, title: str = "", note: str = "") -> Table:
        """Return a table of texts, for commands, exporters and other surfaces.

        Parameters
        ----------
        columns : {"summary", "terminal", "decision", "details"}
            Which columns, as `xpyrment_core.analysis.columns` lists them.
        treatment : label, optional
            Only the rows of this treatment.
        title, note : str
            What stands above the table.

        Raises
        ------
        InputError
            Unknown columns.

        Examples
        --------
        >>> result = AnalysisResult([{"metric_name": "revenue", "relative_lift": 0.02, "p_value": 0.01}])
        >>> result.table().marks
        ('better',)
        """
        if columns not in TABLES:
            raise unknown("columns", columns, TABLES)
        rows = [row for row in self.results if treatment is None or row.treatment == treatment]
        return table(TABLES[columns], rows, self.alpha, title, note)

    def _warn_of_imbalance(self) -> None:
        smds = {name: row.get("smd") for name, row in self._diagnostics().items()}
        flagged = {name: smd for name, smd in smds.items() if is_imbalanced(smd)}
        if flagged:
            worst = ", ".join(f"{name} (SMD {smd:+.4f})" for name, smd in flagged.items())
            warn(
                f"COVARIATE IMBALANCE DETECTED: {worst}. |SMD| >= {IMBALANCE:g} before the experiment: "
                f"check the assignment, or adjust for these covariates."
            )
            return
        # A third-party balance check may have no SMD; its own verdict is used then.
        for check in self.checks:
            if check.attribute == "balance_checker" and check.passed is False:
                warn(check.message or f"check {check.name!r} failed")

    def _diagnostics(self) -> Mapping[str, Mapping[str, Any]]:
        return {} if self.balance_checker is None else dict(self.balance_checker.diagnostics_)

    def plot(self, backend: str | None = None, **options: Any) -> Any:
        """Draw the relative lifts and their intervals as a forest plot.

        Parameters
        ----------
        backend : str, optional
            ``"matplotlib"`` (the default, returns Axes), ``"plotly"`` (returns a Figure), or a plugin's.
        **options
            Options of the backend: ``title``, ``ax``, ``figsize`` …

        Raises
        ------
        InputError
            Unknown backend or option.
        MissingExtraError
            The backend's library is not installed.
        """
        name = needed_default(self._host, "plot_backend") if backend is None else backend
        draw = self._host.get("plot_backend", name).load()
        return draw(forest_data(self.results, self.alpha), **options)

    def love_plot(self) -> str:
        """Return the covariate balance as a text plot, or a sentence if there are no covariates."""
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
