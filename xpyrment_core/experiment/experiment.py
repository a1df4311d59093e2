"""The experiment: a design with a state, gates and a history of transitions and analyses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from xpyrment_core.analysis import flow
from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.analysis.plan import Plan
from xpyrment_core.analysis.plan_facts import plan_facts
from xpyrment_core.analysis.planner import make_plan
from xpyrment_core.analysis.result import AnalysisResult
from xpyrment_core.analysis.study import Study
from xpyrment_core.choices import Alternative, Label, RelativeMethod
from xpyrment_core.data.engines import find_engine, open_data
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.source import Source
from xpyrment_core.errors import InputError, warn
from xpyrment_core.experiment.design import Design, merged
from xpyrment_core.experiment.fingerprint import check_unchanged, fingerprint
from xpyrment_core.experiment.history import HistoryEntry, Lifecycle
from xpyrment_core.experiment.state import ExperimentState, check_analyzable, check_move, check_open
from xpyrment_core.options import DEFAULT_TEST, Options, column_names
from xpyrment_core.registry.definitions import Registered
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.registry.provenance import Issue
from xpyrment_core.values.analysis_plan import AnalysisPlan


class Experiment(Design):
    """A state-gated container of an experiment.

    Usually made by `setup`. ``Experiment()`` starts CREATED; registering a metric moves it
    to PLANNED, giving it data with `design` to DESIGNED, analysing it to ANALYZED.

    Parameters
    ----------
    data : frame, path or anything an engine reads, optional
    treatment_col : str, optional
        Column with each row's variant.
    id_col : str, optional
        Column that names the unit of randomisation; units may have several rows.
    covariates : str or list of str, optional
        Baseline covariates.
    cluster_col : str, optional
        Column of a unit of randomisation above `id_col` (village, store): variances are between clusters.
    strata_col : str, optional
        Column of the strata within which units were randomised: effects are post-stratified.
    weights : mapping of label to float, optional
        Planned shares of the variants, for the sample-ratio check; equal ones by default.
    read : ReadOptions or mapping, optional
        How to read files and numbers written as text; decided from the data by default.
    plugins : PluginHost, optional
        The process's own host by default.
    """

    def __init__(
        self,
        data: Any = None,
        treatment_col: str | None = None,
        id_col: str | None = None,
        covariates: str | Iterable[str] | None = None,
        *,
        cluster_col: str | None = None,
        strata_col: str | None = None,
        weights: Mapping[Label, float] | None = None,
        engine: str | None = None,
        read: "ReadOptions | Mapping[str, Any] | None" = None,
        plugins: PluginHost | None = None,
    ) -> None:
        super().__init__(data, treatment_col, id_col, covariates, cluster_col, weights, read, plugins, strata_col)
        self._life = Lifecycle()
        self._engine_name = engine
        self._engine: Registered | None = None
        self._source: Source | None = None

    def __repr__(self) -> str:
        metrics = ", ".join(self._specs) or "no metrics"
        return f"<Experiment {self.state.name}: {metrics}; treatment_col={self.treatment_col!r}>"

    @property
    def state(self) -> ExperimentState:
        """The current state."""
        return self._life.state

    @property
    def history(self) -> tuple[HistoryEntry, ...]:
        """Transitions and analyses so far, oldest first."""
        return self._life.history

    @property
    def looks(self) -> int:
        """The number of finished analyses."""
        return self._life.looks

    def transition(self, target: ExperimentState) -> list[Issue]:
        """Move to another state, if the plugins' gates allow it.

        Raises
        ------
        PhaseOrderError, InputError
            There is no such move from here, or a plugin's gate refused.
        """
        return self._move(target, self._plugins)

    def _move(self, target: ExperimentState, host: PluginHost, plan: AnalysisPlan | None = None) -> list[Issue]:
        issues = self._life.move(self, target, host, plan)
        if target is ExperimentState.RUNNING:
            # Fixed before outcomes are read, so that hooks cannot change the design between the gate and the result.
            self._life.fixed = fingerprint(self._parts())
        return issues

    def _check_open(self, call: str) -> None:
        check_open(self.state, call)

    def _columns(self) -> Iterable[str] | None:
        return self.source.schema() if self.state is ExperimentState.DESIGNED else None

    def _add_specs(self, specs: list[MetricSpec]) -> Self:
        self._check_names(specs)
        # Names are checked before the state moves, so that a duplicate leaves the experiment CREATED.
        if self.state is ExperimentState.CREATED and specs:
            self.transition(ExperimentState.PLANNED)
        return super()._add_specs(specs)

    def design(
        self,
        data: Any = None,
        treatment_col: str | None = None,
        id_col: str | None = None,
        covariates: str | Iterable[str] | None = None,
    ) -> Self:
        """Set the data and the assignment; the experiment is then DESIGNED.

        Raises
        ------
        PhaseOrderError
            It is designed already.
        InputError
            There is no data, no engine reads it, or a named column is not in it.
        """
        check_move(self.state, ExperimentState.DESIGNED)
        self._data = self._data if data is None else data
        self._treatment_col = treatment_col or self._treatment_col
        self._id_col = id_col or self._id_col
        self._covariates = merged(self._covariates, column_names(covariates))
        # The data may be new, so an engine chosen for the old ones does not count.
        self._engine = self._source = None
        if self._data is None or self._treatment_col is None:
            raise InputError("an experiment needs data and treatment_col before it is designed; give both to design().")
        self._check_columns(self.source.schema())
        self.transition(ExperimentState.DESIGNED)
        return self

    @property
    def engine(self) -> Registered:
        """The engine that reads the data."""
        if self._engine is None:
            self._engine = find_engine(self._plugins, self._data, self._engine_name)
        return self._engine

    @property
    def source(self) -> Source:
        """The opened data."""
        if self._source is None:
            self._source = open_data(self.engine, self._data, self._read)
        return self._source

    def study(self, plugins: PluginHost | None = None) -> Study:
        """Return the facts an analysis needs, frozen.

        Parameters
        ----------
        plugins : PluginHost, optional
            Look methods up there instead of in the experiment's own host.
        """
        return Study(
            source=self.source,
            engine=self.engine,
            host=plugins or self._plugins,
            specs=self.specs,
            treatment_col=str(self._treatment_col),
            unit_col=self.unit_col,
            strata_col=self.strata_col,
            covariates=self._covariates,
            weights=self._weights,
            look=self.looks + 1,
        )

    def run_analysis(
        self,
        control: Any = "control",
        treatment: Any = "treatment",
        alpha: float = 0.05,
        multi_test_correction: str | None = None,
        covariates: str | Sequence[str] | None = None,
        *,
        test: Any = DEFAULT_TEST,
        adjuster: Any = None,
        alternative: Alternative = "two-sided",
        relative_interval: RelativeMethod = "fieller",
        plugins: PluginHost | None = None,
    ) -> AnalysisResult:
        """Analyse the experiment; parameters, errors and result as of `xpyrment.run_analysis`."""
        options = Options(
            control=control,
            treatment=treatment,
            alpha=alpha,
            multi_test_correction=multi_test_correction,
            covariates=covariates,
            test=test,
            adjuster=adjuster,
            alternative=alternative,
            relative_interval=relative_interval,
        )
        return self._analyse(options, plugins)

    def _analyse(self, options: Options, plugins: PluginHost | None) -> AnalysisResult:
        # State and fingerprint before the plan: a changed design is refused even if it could be analysed.
        check_analyzable(self.state)
        check_unchanged(self._life.fixed, self._parts(), self.state.name)
        if self.looks:
            # The data may have grown since the last look, and a source caches labels and pilots.
            self._source = None
        study = self.study(plugins)
        # A failed analysis is not a look: otherwise a misspelt column would fix the metrics for good.
        with self._life.undone_on_failure():
            # The gate runs between plan and read, so that it judges what will happen before any outcome is seen.
            result = flow.analyse(study, options, gate=lambda plan: self._begin(plan, study.host))
            # Recorded before the move, so that observers of the transition find the look in the history.
            self._life.record("analysis", **{key: result.metadata[key] for key in flow.ASKED})
            self._move(ExperimentState.ANALYZED, study.host)
        # After the block: an observer that fails must not undo an analysis whose result exists.
        self._observe(result, study.host)
        return result

    def explain(
        self,
        control: Any = "control",
        treatment: Any = "treatment",
        alpha: float = 0.05,
        multi_test_correction: str | None = None,
        covariates: str | Sequence[str] | None = None,
        *,
        test: Any = DEFAULT_TEST,
        adjuster: Any = None,
        alternative: Alternative = "two-sided",
        relative_interval: RelativeMethod = "fieller",
        plugins: PluginHost | None = None,
    ) -> str:
        """Describe which columns `run_analysis` with the same arguments would read, by which engine and how.

        No row is read, and the state does not change.
        """
        options = Options(
            control=control,
            treatment=treatment,
            alpha=alpha,
            multi_test_correction=multi_test_correction,
            covariates=covariates,
            test=test,
            adjuster=adjuster,
            alternative=alternative,
            relative_interval=relative_interval,
        )
        return flow.explain(self.study(plugins), options)

    def ask_gates(self, options: Options, study: Study) -> list[Issue]:
        """Call the plugins' gates for a simulation: once, before its replicates, which skip them.

        Parameters
        ----------
        options, study
            Of each replicate, with the experiment's metrics.

        Raises
        ------
        InputError
            A gate refused, or the analysis cannot be planned.
        """
        facts = plan_facts(make_plan(study, options), study.host, "simulation")
        return study.host.gate("xpyrment_check_experiment", experiment=self, plan=facts)

    def _begin(self, plan: Plan, host: PluginHost) -> list[Issue]:
        """Call the gates, then move to RUNNING."""
        facts = plan_facts(plan, host, "look" if self.looks else "analysis")
        # Every look asks again, because the plan may differ from that of the first.
        issues = host.gate("xpyrment_check_experiment", experiment=self, plan=facts)
        if self.state is ExperimentState.DESIGNED:
            issues += self._move(ExperimentState.RUNNING, host, facts)
        return issues

    def _observe(self, result: AnalysisResult, host: PluginHost) -> None:
        result.issues += tuple(host.observe("xpyrment_after_analysis", experiment=self, result=result))
        # An observer cannot change a number: the dicts are made again from the typed rows, which are frozen.
        vars(result).pop("raw_results", None)
        for check in result.checks:
            # summary() warns of what it reports itself, where the reader sees it.
            if check.passed is False and not check.attribute:
                warn(check.message or f"check {check.name!r} failed")
