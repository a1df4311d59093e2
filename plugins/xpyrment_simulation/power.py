"""Power by simulation, for any metric, test, adjuster and correction."""

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import asdict, frozen
from numpy.typing import NDArray

from xpyrment_core import Experiment, InputError, Options, check_alpha
from xpyrment_core.stats.binomial import rate
from xpyrment_simulation.effects import Injector, injector
from xpyrment_simulation.history import UNIT, Blueprint, History, history_of
from xpyrment_simulation.replicate import replicate

if TYPE_CHECKING:
    import pandas as pd

CONTROL, TREATMENT = "control", "treatment"


@frozen(kw_only=True)
class SimulatedMetric:
    """Simulated power of one metric.

    Attributes
    ----------
    metric : str
    power : float or None
        Share of replicates with ``p < alpha`` (after correction); None where none was estimable.
    power_low, power_high : float
        Exact 95 % interval of that share.
    mean_lift : float or None
        Average estimated lift.
    exaggeration : float or None
        Average absolute estimated lift among significant replicates, over that of all replicates
        (type M error).
    wrong_sign : float or None
        Share of significant replicates with a sign opposite to the average effect (type S error).
    replicates, not_estimable : int
    """

    metric: str
    power: float | None
    power_low: float
    power_high: float
    mean_lift: float | None
    exaggeration: float | None
    wrong_sign: float | None
    replicates: int
    not_estimable: int


@frozen(kw_only=True)
class PowerSimulation:
    """Simulated power of an experiment.

    Attributes
    ----------
    metrics : tuple of SimulatedMetric
    units : int
        Units per replicate, both arms together.
    alpha : float
    seed : int
    """

    metrics: tuple[SimulatedMetric, ...]
    units: int
    alpha: float
    seed: int

    @property
    def power(self) -> dict[str, float | None]:
        """Power by metric name."""
        return {metric.metric: metric.power for metric in self.metrics}

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per metric."""
        import pandas as pd

        return pd.DataFrame([asdict(metric) for metric in self.metrics])


@frozen
class _Draw:
    """One replicate: resample units, assign them, inject the effect, analyse."""

    blueprint: Blueprint
    history: History
    inject: Injector
    units: int
    share: float
    options: Options

    def frame(self, rng: np.random.Generator) -> "pd.DataFrame":
        """Return the data of one replicate."""
        # Units are drawn with all their rows, so that dependence within units is kept.
        chosen = rng.integers(0, self.history.units, self.units)
        # Arms of fixed size, as planned: random sizes would add noise that no plan has.
        treated_units = self._treated(rng, chosen)
        rows, position = self.history.rows_of(chosen)
        frame = self.history.frame.iloc[rows].reset_index(drop=True)
        treated: NDArray[np.bool_] = treated_units[position]
        frame = self.inject(frame, treated, rng)
        frame[self.history.treatment_col] = np.where(treated, TREATMENT, CONTROL)
        # A unit that is drawn twice stands for two units.
        frame[UNIT] = position
        return frame

    def _treated(self, rng: np.random.Generator, chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which units are treated: the planned share of all of them, or of those of each stratum."""
        if self.history.strata is None:
            return rng.permutation(self.units) < round(self.share * self.units)
        # In an order by strata the planned share of any run of units, and so of each stratum, is treated up to one.
        by_stratum = np.argsort(self.history.strata[chosen], kind="stable")
        counted = np.floor(self.share * np.arange(self.units + 1) + rng.random())
        treated = np.empty(self.units, dtype=bool)
        treated[by_stratum] = np.diff(counted) > 0
        # Which of a stratum's units they are is random.
        return treated[self.history.randomised(rng, chosen)]

    def __call__(self, rng: np.random.Generator) -> list[dict[str, Any]]:
        result = self.blueprint.analyse(self.frame(rng), self.options)
        keep = ("metric_name", "p_value", "relative_lift", "status")
        return [{key: row[key] for key in keep} for row in result.raw_results]


def simulate_power(
    experiment: Experiment,
    effect: Any = "5%",
    *,
    units: int | None = None,
    ratio: float = 1.0,
    replicates: int = 500,
    alpha: float = 0.05,
    seed: int = 0,
    n_jobs: int = 1,
    **options: Any,
) -> PowerSimulation:
    """Estimate the power of an experiment by simulation on historical data.

    Each replicate draws units with replacement from all rows of the experiment's data (its
    assignment column is ignored), assigns them at random (within strata, with `strata_col`), injects
    the effect into the treated and runs the analysis with its metrics, tests, adjusters and corrections.

    Parameters
    ----------
    experiment : Experiment
        With data and metrics; its state does not change.
    effect : number, str, mapping or callable
        ``0.5`` in the metric's unit or ``"5%"`` of its value, for all metrics or by name. A binary
        metric is changed by flipping outcomes. A function ``(frame, treated, rng) -> frame`` can do
        anything else.
    units : int, optional
        Units per replicate, both arms together; as many as the data hold by default.
    ratio : float
        Units in treatment per unit in control.
    replicates : int
    alpha : float
    seed : int
        The same seed gives the same numbers, for any `n_jobs`.
    n_jobs : int
        Processes to use; -1 for all cores.
    **options
        As of `run_analysis`: ``multi_test_correction``, ``test``, ``adjuster``, ``covariates`` …

    Returns
    -------
    PowerSimulation

    Raises
    ------
    InputError
        No data, no metrics, an effect or number that is not usable, or a plugin's gate refused.

    Examples
    --------
    >>> import xpyrment as xp
    >>> experiment = xp.setup(xp.datasets.shop(400), "variant").register_metric("revenue")
    >>> result = simulate_power(experiment, "40%", replicates=20)
    >>> result.power["revenue"] > 0.8
    True
    """
    check_alpha(alpha)
    history = history_of(experiment)
    units = history.units if units is None else units
    _check_sizes(units, ratio)
    # Every option but the arms is that of the analysis; replicates have their own labels.
    draw = _Draw(
        Blueprint.of(experiment),
        history,
        injector(experiment, effect),
        units,
        ratio / (1 + ratio),
        Options.of({**options, "alpha": alpha, "control": CONTROL, "treatment": TREATMENT}),
    )
    experiment.ask_gates(draw.options, draw.blueprint.study(draw.frame(np.random.default_rng(seed))))
    answers = replicate(draw, draw.blueprint.host is not None, replicates, seed, n_jobs, "Simulating power")
    names = [spec.name for spec in experiment.specs]
    summaries = tuple(_summary(name, [row[i] for row in answers], alpha) for i, name in enumerate(names))
    return PowerSimulation(metrics=summaries, units=units, alpha=alpha, seed=seed)


def _check_sizes(units: int, ratio: float) -> None:
    # Two units in each of two equal arms, the fewest that have a variance.
    if not isinstance(units, int) or units < 4:
        raise InputError(f"units must be a whole number of 4 or more, got {units!r}.")
    if not 0 < ratio < float("inf"):
        raise InputError(f"ratio must be a positive number of treated units per control unit, got {ratio!r}.")


def _summary(name: str, rows: list[dict[str, Any]], alpha: float) -> SimulatedMetric:
    estimable = [row for row in rows if row["status"] == "ok" and row["p_value"] is not None]
    significant = [row for row in estimable if row["p_value"] < alpha]
    significance = rate(len(significant), len(estimable))
    lifts = [row["relative_lift"] for row in estimable if row["relative_lift"] is not None]
    shown = [row["relative_lift"] for row in significant if row["relative_lift"] is not None]
    # Type M and type S errors (Gelman and Carlin 2014), relative to the average estimate.
    mean = float(np.mean(lifts)) if lifts else None
    opposite = [lift for lift in shown if mean is not None and lift * mean < 0]
    return SimulatedMetric(
        metric=name,
        power=significance.value,
        power_low=significance.low,
        power_high=significance.high,
        mean_lift=mean,
        exaggeration=float(np.mean(np.abs(shown)) / np.mean(np.abs(lifts))) if shown and any(lifts) else None,
        wrong_sign=len(opposite) / len(shown) if shown else None,
        replicates=len(rows),
        not_estimable=len(rows) - len(estimable),
    )
