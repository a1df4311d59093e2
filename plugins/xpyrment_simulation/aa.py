"""A/A simulation: the level and coverage of a pipeline on given data."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import asdict, frozen

from xpyrment_core import Experiment, InputError, Options, check_alpha
from xpyrment_core.data.labels import resolve_arms
from xpyrment_core.stats.binomial import rate
from xpyrment_simulation.history import UNIT, Blueprint, History, history_of
from xpyrment_simulation.replicate import replicate

if TYPE_CHECKING:
    import pandas as pd

SUSPICIOUS = 0.001
"""Metrics whose level is off with less probability than this are flagged."""


@frozen(kw_only=True)
class AAMetric:
    """Result of an A/A simulation for one metric and treatment.

    Attributes
    ----------
    metric, treatment : str
    level : float or None
        Share of replicates with an uncorrected ``p < alpha``; should be alpha.
    level_low, level_high : float
        Exact 95 % interval of that share.
    coverage : float or None
        Share of relative intervals that contain 0; should be ``1 - alpha``.
    uniformity_p : float or None
        Kolmogorov-Smirnov p-value of the p-values against the uniform distribution. Tests of
        counts are conservative, so theirs need not be uniform.
    replicates, not_estimable : int
    verdict : str
        ``"ok"``, ``"too many false alarms"``, ``"conservative"`` or ``"not estimable"``.
    """

    metric: str
    treatment: str
    level: float | None
    level_low: float
    level_high: float
    coverage: float | None
    uniformity_p: float | None
    replicates: int
    not_estimable: int
    verdict: str


@frozen(kw_only=True)
class AAResult:
    """The certificate of a pipeline.

    Attributes
    ----------
    metrics : tuple of AAMetric
    false_alarm : float or None
        Share of replicates in which any corrected p-value was below alpha.
    alpha : float
    replicates, seed, units : int
    """

    metrics: tuple[AAMetric, ...]
    false_alarm: float | None
    alpha: float
    replicates: int
    seed: int
    units: int

    @property
    def passed(self) -> bool:
        """Whether no metric raises too many false alarms and each could be estimated."""
        return all(metric.verdict in ("ok", "conservative") for metric in self.metrics)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per metric and treatment."""
        import pandas as pd

        return pd.DataFrame([asdict(metric) for metric in self.metrics])


@frozen
class _Permute:
    """One replicate: permute the labels over the units, and analyse."""

    blueprint: Blueprint
    history: History
    labels: np.ndarray
    options: Options

    def frame(self, rng: np.random.Generator) -> "pd.DataFrame":
        """Return the data of one replicate."""
        # Units are permuted with all their rows, so that dependence within units is kept.
        sizes = np.diff(self.history.starts)
        order = self.history.randomised(rng)
        frame = self.history.frame.copy(deep=False)
        frame[self.history.treatment_col] = np.repeat(self.labels[order], sizes)
        frame[UNIT] = np.repeat(np.arange(self.history.units), sizes)
        return frame

    def __call__(self, rng: np.random.Generator) -> list[dict[str, Any]]:
        result = self.blueprint.analyse(self.frame(rng), self.options)
        keep = ("metric_name", "treatment", "p_value", "p_value_raw", "rel_ci_lower", "rel_ci_upper", "status")
        return [{key: row[key] for key in (*keep, "alternative")} for row in result.raw_results]


def aa_test(
    experiment: Experiment,
    control: Any = "control",
    treatment: Any = "treatment",
    *,
    replicates: int = 1000,
    alpha: float = 0.05,
    seed: int = 0,
    n_jobs: int = 1,
    **options: Any,
) -> AAResult:
    """Run A/A tests on an experiment's own data by permuting its assignment.

    Permuting the variants of units makes the hypothesis of no effect true for any data, so a valid
    pipeline rejects it in a share `alpha` of the replicates. With `strata_col` they are permuted
    within strata.

    Parameters
    ----------
    experiment : Experiment
        With data and metrics; its state does not change.
    control, treatment : label, list of labels or None
        As of `run_analysis`. Only units of these arms take part.
    replicates : int
    alpha : float
    seed : int
        The same seed gives the same numbers, for any `n_jobs`.
    n_jobs : int
        Processes to use; -1 for all cores.
    **options
        As of `run_analysis`.

    Returns
    -------
    AAResult

    Raises
    ------
    InputError
        No data, no metrics, an unknown label or option, or a plugin's gate refused.

    Examples
    --------
    >>> import xpyrment as xp
    >>> experiment = xp.setup(xp.datasets.shop(400), "variant").register_metric("revenue")
    >>> aa_test(experiment, replicates=50).passed
    True
    """
    check_alpha(alpha)
    history = history_of(experiment)
    arms = resolve_arms(control, treatment, _counts(history), history.treatment_col)
    history, labels = _compared(history, (arms[0], *arms[1]))
    chosen = Options.of({**options, "alpha": alpha, "control": arms[0], "treatment": list(arms[1])})
    once = _Permute(Blueprint.of(experiment), history, labels, chosen)
    # Gates see one replicate instead of each: they judge the plan, which is the same for all.
    experiment.ask_gates(chosen, once.blueprint.study(once.frame(np.random.default_rng(seed))))
    answers = replicate(once, once.blueprint.host is not None, replicates, seed, n_jobs, "A/A tests")
    metrics = tuple(_summary([row[i] for row in answers], alpha) for i in range(len(answers[0])))
    return AAResult(
        metrics=metrics,
        false_alarm=_any_alarm(answers, alpha),
        alpha=alpha,
        replicates=replicates,
        seed=seed,
        units=history.units,
    )


def _counts(history: History) -> dict[Any, int]:
    counts = history.frame[history.treatment_col].value_counts(dropna=True)
    return {_plain(label): int(n) for label, n in counts.items()}


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _compared(history: History, arms: tuple[Any, ...]) -> tuple[History, np.ndarray]:
    """Keep the units of the compared arms, and return each one's label."""
    column = history.frame[history.treatment_col].astype(object)
    # A unit has the variant of its first row, so that a unit in two arms is permuted as one.
    first = column.to_numpy()[history.starts[:-1]]
    keep = np.flatnonzero([label in arms for label in first])
    if len(keep) < 4:
        raise InputError(f"only {len(keep)} units are in the arms compared; an A/A simulation needs at least 4.")
    rows, position = history.rows_of(keep)
    frame = history.frame.iloc[rows].reset_index(drop=True)
    starts = np.r_[np.flatnonzero(np.r_[True, position[1:] != position[:-1]]), len(rows)]
    strata = None if history.strata is None else history.strata[keep]
    return History(frame, starts, history.treatment_col, history.unit_col, strata), first[keep]


def _any_alarm(answers: list[list[dict[str, Any]]], alpha: float) -> float | None:
    families = [[row["p_value"] for row in rows if row["p_value"] is not None] for rows in answers]
    families = [family for family in families if family]
    # Family-wise error rate: all null hypotheses are true under permutation.
    return sum(min(family) < alpha for family in families) / len(families) if families else None


def _summary(rows: list[dict[str, Any]], alpha: float) -> AAMetric:
    # Level and uniformity concern the test itself, so uncorrected p-values are used.
    p_values = np.array([row["p_value_raw"] for row in rows if row["p_value_raw"] is not None])
    level = rate(int((p_values < alpha).sum()), len(p_values))
    covered = [
        _contains_zero(row) for row in rows if row["rel_ci_lower"] is not None or row["rel_ci_upper"] is not None
    ]
    return AAMetric(
        metric=rows[0]["metric_name"],
        treatment=str(rows[0]["treatment"]),
        level=level.value,
        level_low=level.low,
        level_high=level.high,
        coverage=sum(covered) / len(covered) if covered else None,
        uniformity_p=_uniformity(p_values),
        replicates=len(rows),
        not_estimable=len(rows) - len(p_values),
        verdict=_verdict(level.count, level.n, alpha),
    )


def _contains_zero(row: Mapping[str, Any]) -> bool:
    # None is an end that is not bounded.
    low = -np.inf if row["rel_ci_lower"] is None else row["rel_ci_lower"]
    high = np.inf if row["rel_ci_upper"] is None else row["rel_ci_upper"]
    return bool(low <= 0 <= high)


def _uniformity(p_values: np.ndarray) -> float | None:
    if len(p_values) == 0:
        return None
    from scipy.stats import kstest

    # A level of alpha at one alpha can be chance; all p-values together also show errors that cancel there.
    return float(kstest(p_values, "uniform").pvalue)


def _verdict(count: int, n: int, alpha: float) -> str:
    if n == 0:
        return "not estimable"
    from scipy.special import bdtr, bdtrc

    # One-sided binomial tests of the number of rejections against alpha.
    if count > 0 and bdtrc(count - 1, n, alpha) < SUSPICIOUS:
        return "too many false alarms"
    return "conservative" if bdtr(count, n, alpha) < SUSPICIOUS else "ok"
