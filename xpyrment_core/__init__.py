"""The core of xpyrment, and its public face: every name that plugins, scripts and notebooks may import.

Beside these names there are kits, which plugins may use too: `xpyrment_core.stats` (formulas),
`xpyrment_core.data` (engines), `xpyrment_core.plots` (plot backends), `xpyrment_core.cli` (commands)
and `xpyrment_core.testing` (contract tests). All other modules are the core's own and may change.

Every name is loaded on first use, so that importing the package is fast.

Examples
--------
>>> from xpyrment_core import Moments
>>> Moments.of({"revenue": [1.0, 2.0, 6.0]}).n
3
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpyrment_core.analysis.flow import analyse
    from xpyrment_core.analysis.metric_spec import MetricSpec
    from xpyrment_core.analysis.result import AnalysisResult
    from xpyrment_core.analysis.study import Study
    from xpyrment_core.choices import Alternative, Label, RelativeMethod, check_choice
    from xpyrment_core.cli.report import Report
    from xpyrment_core.data.reading.options import ReadOptions
    from xpyrment_core.errors import (
        CovariateRefused,
        EngineError,
        InputError,
        MissingExtraError,
        NotEstimable,
        PluginError,
        XpyrmentError,
        listing,
        nearest,
        needs_library,
        unknown,
    )
    from xpyrment_core.experiment.experiment import Experiment
    from xpyrment_core.experiment.file import ExperimentFile, read_experiment_file
    from xpyrment_core.experiment.setup import run_analysis, setup
    from xpyrment_core.options import Options, check_alpha
    from xpyrment_core.registry.definitions import (
        AdjusterDefinition,
        CommandDefinition,
        CorrectionDefinition,
        DiagnosticDefinition,
        EngineDefinition,
        ExporterDefinition,
        MetricDefinition,
        PlotBackendDefinition,
        TestDefinition,
    )
    from xpyrment_core.registry.hookspecs import hookimpl
    from xpyrment_core.registry.host import PluginHost, default_host
    from xpyrment_core.registry.provenance import Issue, Provenance
    from xpyrment_core.values.analysis_plan import AnalysisPlan, PlannedMetric
    from xpyrment_core.values.checks import CheckContext, CheckResult
    from xpyrment_core.values.estimates import Counts, Effect, Estimate, FamilyDecision, Interval, Unavailable
    from xpyrment_core.values.exclusions import ArmLedger, Exclusions, UnitReport
    from xpyrment_core.values.metric_result import MetricResult
    from xpyrment_core.values.moments import Moments
    from xpyrment_core.values.samples import ArmSample
    from xpyrment_core.values.table import Table
    from xpyrment_core.values.verdicts import Verdict

_HOMES = {
    "AdjusterDefinition": "registry.definitions",
    "Alternative": "choices",
    "AnalysisPlan": "values.analysis_plan",
    "AnalysisResult": "analysis.result",
    "ArmLedger": "values.exclusions",
    "ArmSample": "values.samples",
    "CheckContext": "values.checks",
    "CheckResult": "values.checks",
    "CommandDefinition": "registry.definitions",
    "CorrectionDefinition": "registry.definitions",
    "Counts": "values.estimates",
    "CovariateRefused": "errors",
    "DiagnosticDefinition": "registry.definitions",
    "Effect": "values.estimates",
    "EngineDefinition": "registry.definitions",
    "EngineError": "errors",
    "Estimate": "values.estimates",
    "Exclusions": "values.exclusions",
    "Experiment": "experiment.experiment",
    "ExperimentFile": "experiment.file",
    "ExporterDefinition": "registry.definitions",
    "FamilyDecision": "values.estimates",
    "InputError": "errors",
    "Interval": "values.estimates",
    "Issue": "registry.provenance",
    "Label": "choices",
    "MetricDefinition": "registry.definitions",
    "MetricResult": "values.metric_result",
    "MetricSpec": "analysis.metric_spec",
    "MissingExtraError": "errors",
    "Moments": "values.moments",
    "NotEstimable": "errors",
    "Options": "options",
    "PlannedMetric": "values.analysis_plan",
    "PlotBackendDefinition": "registry.definitions",
    "PluginError": "errors",
    "PluginHost": "registry.host",
    "Provenance": "registry.provenance",
    "ReadOptions": "data.reading.options",
    "RelativeMethod": "choices",
    "Report": "cli.report",
    "Study": "analysis.study",
    "Table": "values.table",
    "TestDefinition": "registry.definitions",
    "Unavailable": "values.estimates",
    "UnitReport": "values.exclusions",
    "Verdict": "values.verdicts",
    "XpyrmentError": "errors",
    "analyse": "analysis.flow",
    "check_alpha": "options",
    "check_choice": "choices",
    "default_host": "registry.host",
    "hookimpl": "registry.hookspecs",
    "listing": "errors",
    "nearest": "errors",
    "needs_library": "errors",
    "read_experiment_file": "experiment.file",
    "run_analysis": "experiment.setup",
    "setup": "experiment.setup",
    "unknown": "errors",
}

__all__ = [
    "AdjusterDefinition",
    "Alternative",
    "AnalysisPlan",
    "AnalysisResult",
    "ArmLedger",
    "ArmSample",
    "CheckContext",
    "CheckResult",
    "CommandDefinition",
    "CorrectionDefinition",
    "Counts",
    "CovariateRefused",
    "DiagnosticDefinition",
    "Effect",
    "EngineDefinition",
    "EngineError",
    "Estimate",
    "Exclusions",
    "Experiment",
    "ExperimentFile",
    "ExporterDefinition",
    "FamilyDecision",
    "InputError",
    "Interval",
    "Issue",
    "Label",
    "MetricDefinition",
    "MetricResult",
    "MetricSpec",
    "MissingExtraError",
    "Moments",
    "NotEstimable",
    "Options",
    "PlannedMetric",
    "PlotBackendDefinition",
    "PluginError",
    "PluginHost",
    "Provenance",
    "ReadOptions",
    "RelativeMethod",
    "Report",
    "Study",
    "Table",
    "TestDefinition",
    "Unavailable",
    "UnitReport",
    "Verdict",
    "XpyrmentError",
    "analyse",
    "check_alpha",
    "check_choice",
    "default_host",
    "hookimpl",
    "listing",
    "nearest",
    "needs_library",
    "read_experiment_file",
    "run_analysis",
    "setup",
    "unknown",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xpyrment_core' has no attribute {name!r}")
    found = getattr(import_module(f"xpyrment_core.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
