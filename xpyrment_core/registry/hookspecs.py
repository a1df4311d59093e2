"""The hooks a plugin can implement.

Definition hooks return definitions and do nothing else; gates return issues; observers
return nothing, and a failing observer is reported but never changes a number.
"""

# mypy: disable-error-code="empty-body"

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

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

if TYPE_CHECKING:  # names of higher layers, for readers and type checkers only
    from xpyrment_core.analysis.result import AnalysisResult
    from xpyrment_core.experiment.experiment import Experiment
    from xpyrment_core.experiment.state import ExperimentState
    from xpyrment_core.registry.provenance import Issue
    from xpyrment_core.values.analysis_plan import AnalysisPlan

PROJECT = "xpyrment"
API_VERSION = 1

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT)
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)


@hookspec
def xpyrment_metrics() -> Iterable[MetricDefinition]:
    """Offer kinds of metric."""


@hookspec
def xpyrment_tests() -> Iterable[TestDefinition]:
    """Offer tests."""


@hookspec
def xpyrment_adjusters() -> Iterable[AdjusterDefinition]:
    """Offer covariate adjustments."""


@hookspec
def xpyrment_corrections() -> Iterable[CorrectionDefinition]:
    """Offer multiplicity corrections."""


@hookspec
def xpyrment_diagnostics() -> Iterable[DiagnosticDefinition]:
    """Offer checks to be made with every analysis."""


@hookspec
def xpyrment_engines() -> Iterable[EngineDefinition]:
    """Offer data engines."""


@hookspec
def xpyrment_plot_backends() -> Iterable[PlotBackendDefinition]:
    """Offer plotting libraries."""


@hookspec
def xpyrment_exporters() -> Iterable[ExporterDefinition]:
    """Offer report formats."""


@hookspec
def xpyrment_commands() -> Iterable[CommandDefinition]:
    """Offer subcommands of ``xpyrment``."""


@hookspec
def xpyrment_check_experiment(experiment: "Experiment", plan: "AnalysisPlan") -> "Iterable[Issue]":
    """Gate: look at an experiment and what is about to be analysed; an ``"error"`` stops the analysis.

    No row has been read. An implementation can take any subset of the arguments, by name.
    """


@hookspec
def xpyrment_before_transition(
    experiment: "Experiment", source: "ExperimentState", target: "ExperimentState", plan: "AnalysisPlan | None"
) -> "Iterable[Issue]":
    """Gate: look at a change of state before it happens; an ``"error"`` stops it.

    `plan` is None where the state changes outside an analysis.
    """


@hookspec
def xpyrment_after_transition(experiment: "Experiment", source: "ExperimentState", target: "ExperimentState") -> None:
    """Observe a change of state."""


@hookspec
def xpyrment_after_analysis(experiment: "Experiment", result: "AnalysisResult") -> None:
    """Observe a finished analysis."""
