"""xpyrment: decide from A/B tests.

>>> import xpyrment as xp
>>> letters = xp.datasets.donations()
>>> experiment = xp.setup(letters, treatment_col="variant", weights={"control": 1, "treatment": 2})
>>> result = experiment.register_metric("gave", "proportion").run_analysis()
>>> result.summary()[["Metric", "Relative Lift", "p-value"]]
  Metric Relative Lift   p-value
0   gave       +23.41%  0.0017**

Everything is loaded on first use, so that importing the package is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpyrment import datasets
    from xpyrment_balance.from_frame import check_balance
    from xpyrment_core.analysis.multiplicity import adjust_p_values
    from xpyrment_core.analysis.result import AnalysisResult
    from xpyrment_core.errors import InputError, PhaseOrderError, XpyrmentError
    from xpyrment_core.experiment.experiment import Experiment
    from xpyrment_core.experiment.setup import run_analysis, setup
    from xpyrment_core.experiment.state import ExperimentState
    from xpyrment_core.experiment.totals import analyze_stats
    from xpyrment_core.registry.host import PluginHost, default_host
    from xpyrment_metrics.kinds import MeanMetric, ProportionMetric, RatioMetric
    from xpyrment_power.planning import minimum_detectable_effect, power, required_sample_size
    from xpyrment_power.weeks import mde_by_week
    from xpyrment_proportions.one_sample import one_proportion_test
    from xpyrment_regress.fit import fit_ols
    from xpyrment_simulation.aa import aa_test
    from xpyrment_simulation.power import simulate_power
    from xpyrment_srm.check import check_srm

__version__ = "0.1.0"

_HOMES = {
    "AnalysisResult": "xpyrment_core.analysis.result",
    "Experiment": "xpyrment_core.experiment.experiment",
    "ExperimentState": "xpyrment_core.experiment.state",
    "InputError": "xpyrment_core.errors",
    "MeanMetric": "xpyrment_metrics.kinds",
    "PhaseOrderError": "xpyrment_core.errors",
    "PluginHost": "xpyrment_core.registry.host",
    "ProportionMetric": "xpyrment_metrics.kinds",
    "RatioMetric": "xpyrment_metrics.kinds",
    "XpyrmentError": "xpyrment_core.errors",
    "aa_test": "xpyrment_simulation.aa",
    "adjust_p_values": "xpyrment_core.analysis.multiplicity",
    "analyze_stats": "xpyrment_core.experiment.totals",
    "check_balance": "xpyrment_balance.from_frame",
    "check_srm": "xpyrment_srm.check",
    "datasets": "xpyrment",
    "default_host": "xpyrment_core.registry.host",
    "fit_ols": "xpyrment_regress.fit",
    "mde_by_week": "xpyrment_power.weeks",
    "minimum_detectable_effect": "xpyrment_power.planning",
    "one_proportion_test": "xpyrment_proportions.one_sample",
    "power": "xpyrment_power.planning",
    "required_sample_size": "xpyrment_power.planning",
    "run_analysis": "xpyrment_core.experiment.setup",
    "setup": "xpyrment_core.experiment.setup",
    "simulate_power": "xpyrment_simulation.power",
}

__all__ = [
    "AnalysisResult",
    "Experiment",
    "ExperimentState",
    "InputError",
    "MeanMetric",
    "PhaseOrderError",
    "PluginHost",
    "ProportionMetric",
    "RatioMetric",
    "XpyrmentError",
    "aa_test",
    "adjust_p_values",
    "analyze_stats",
    "check_balance",
    "check_srm",
    "datasets",
    "default_host",
    "fit_ols",
    "mde_by_week",
    "minimum_detectable_effect",
    "one_proportion_test",
    "power",
    "required_sample_size",
    "run_analysis",
    "setup",
    "simulate_power",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xpyrment' has no attribute {name!r}")
    home = _HOMES[name]
    found = import_module("xpyrment.datasets") if name == "datasets" else getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
