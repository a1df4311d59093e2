"""The experiment: data, assignment, metrics and state, with a record of what happened."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from xpyrment_core.analysis import flow
from xpyrment_core.analysis.metric_spec import Margin, MetricSpec, adopt, build_spec
from xpyrment_core.analysis.plan import Plan
from xpyrment_core.analysis.plan_facts import plan_facts
from xpyrment_core.analysis.planner import make_plan
from xpyrment_core.analysis.result import AnalysisResult
from xpyrment_core.analysis.study import Study
from xpyrment_core.data.engines import find_engine
from xpyrment_core.data.query import check_column
from xpyrment_core.data.source import Source
from xpyrment_core.errors import InputError, PhaseOrderError, warn
from xpyrment_core.experiment.fingerprint import changed, fingerprint
from xpyrment_core.experiment.history import HistoryEntry, Lifecycle
from xpyrment_core.experiment.state import ExperimentState, check_analyzable, check_move, check_open
from xpyrment_core.options import DEFAULT_TEST, Alternative, Label, Options, RelativeMethod, column_names
from xpyrment_core.registry.definitions import Registered
from xpyrment_core.registry.host import PluginHost, default_host
from xpyrment_core.registry.provenance import Issue
from xpyrment_core.values.analysis_plan import AnalysisPlan


class Experiment:
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
        Column of a unit of randomisation above `id_col` (village, store): variances are
        between clusters.
    weights : mapping of label to float, optional
        Planned shares of the variants, for the sample-ratio check; equal ones by default.
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
        weights: Mapping[Label, float] | None = None,
        engine: str | None = None,
        plugins: PluginHost | None = None,
    ) -> None:
        self._life = Lifecycle()
        self._plugins = default_host() if plugins is None else plugins
        self._data = data
        self._treatment_col, self._id_col, self._cluster_col = treatment_col, id_col, cluster_col
        self._weights = _shares(weights)
        self._covariates: tuple[str, ...] = column_names(covariates)
        self._specs: dict[str, MetricSpec] = {}
        self._engine_name = engine
        self._engine: Registered | None = None
        self._source: Source | None = None
        self._fixed: dict[str, str] = {}

    def __repr__(self) -> str:
        metrics = ", ".join(self._specs) or "no metrics"
        return f"<Experiment {self.state.name}: {metrics}; treatment_col={self.treatment_col!r}>"

    @property
    def state(self) -> ExperimentState:
        """Where the experiment is in its life."""
        return self._life.state

    @property
    def history(self) -> tuple[HistoryEntry, ...]:
        """Transitions and analyses so far, oldest first."""
        return self._life.history

    @property
    def looks(self) -> int:
        """How many analyses have been finished."""
        return self._life.looks

    def transition(self, target: ExperimentState) -> list[Issue]:
        """Move to another state, past the plugins' gates.

        Raises
        ------
        PhaseOrderError
            There is no such move from here.
        InputError
            A plugin's gate refused.
        """
        return self._move(target, self._plugins)

    def _move(self, target: ExperimentState, host: PluginHost, plan: AnalysisPlan | None = None) -> list[Issue]:
        issues = self._life.move(self, target, host, plan)
        if target is ExperimentState.RUNNING:
            self._fixed = fingerprint(self._parts())
        return issues

    def design(
        self,
        data: Any = None,
        treatment_col: str | None = None,
        id_col: str | None = None,
        covariates: str | Iterable[str] | None = None,
    ) -> "Experiment":
        """Give the experiment its data and assignment; it is then DESIGNED.

        Raises
        ------
        PhaseOrderError
            It already has them.
        InputError
            There is no data, no engine reads it, or a named column is not in it.
        """
        check_move(self.state, ExperimentState.DESIGNED)
        self._data = self._data if data is None else data
        self._treatment_col = treatment_col or self._treatment_col
        self._id_col = id_col or self._id_col
        self._covariates = _merged(self._covariates, column_names(covariates))
        self._engine = self._source = None
        if self._data is None or self._treatment_col is None:
            raise InputError("an experiment needs data and treatment_col before it is designed; got none.")
        self._check_columns(self.source.schema())
        self.transition(ExperimentState.DESIGNED)
        return self

    def _check_columns(self, schema: Iterable[str]) -> None:
        columns = {
            "treatment_col": self._treatment_col,
            "id_col": self._id_col,
            "cluster_col": self._cluster_col,
        }
        for what, column in columns.items():
            if column is not None:
                check_column(what, column, schema)
        if self._treatment_col in (self._id_col, self._cluster_col):
            raise InputError(
                f"column {self._treatment_col!r} cannot name both the variant and the unit; name two columns."
            )
        for covariate in self._covariates:
            check_column("covariate", covariate, schema)

    @property
    def data(self) -> Any:
        """The data as given: a frame, a path, or anything an engine reads."""
        return self._data

    @property
    def treatment_col(self) -> str | None:
        """Column with each row's variant."""
        return self._treatment_col

    @property
    def id_col(self) -> str | None:
        """Column of the unit of randomisation."""
        return self._id_col

    @property
    def cluster_col(self) -> str | None:
        """Column of a unit of randomisation above `id_col`."""
        return self._cluster_col

    @property
    def unit_col(self) -> str | None:
        """The column whose values are the units of analysis: the cluster, else the id."""
        return self._cluster_col or self._id_col

    @property
    def weights(self) -> Mapping[Label, float] | None:
        """Planned shares of the variants, read-only; None for equal ones."""
        return self._weights

    @property
    def plugins(self) -> PluginHost:
        """The host that answers for plugins."""
        return self._plugins

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
            self._source = self.engine.load()().open(self._data)
        return self._source

    @property
    def specs(self) -> tuple[MetricSpec, ...]:
        """Registered metrics with their roles, in order."""
        return tuple(self._specs.values())

    @property
    def metrics(self) -> tuple[Any, ...]:
        """Registered metric objects, in order; a copy that changes nothing."""
        return tuple(spec.metric for spec in self._specs.values())

    @property
    def covariates(self) -> tuple[str, ...]:
        """Covariate columns."""
        return self._covariates

    def register_metric(
        self,
        name: str,
        metric_type: str = "mean",
        value_col: str | None = None,
        covariate: str | list[str] | None = None,
        numerator_col: str | None = None,
        denominator_col: str | None = None,
        pre_numerator_col: str | None = None,
        pre_denominator_col: str | None = None,
        *,
        role: str = "primary",
        direction: str = "increase",
        margin: "float | str | Margin | None" = None,
        **options: Any,
    ) -> "Experiment":
        """Add a metric of a registered kind.

        Parameters
        ----------
        name : str
            Its name in reports, unique in the experiment.
        metric_type : str
            ``"mean"``, ``"proportion"``, ``"ratio"``, or any kind a plugin offers.
        value_col : str, optional
            Column of the outcome; the metric's name by default.
        covariate : str or list of str, optional
            Pre-period column(s) to adjust with.
        numerator_col, denominator_col, pre_numerator_col, pre_denominator_col : str, optional
            Columns of a ratio and of its covariate.
        role : {"primary", "secondary", "guardrail"}
            Primary and secondary metrics are corrected for multiplicity apart.
        direction : {"increase", "decrease"}
            Which way is good.
        margin : float or str, optional
            For a guardrail: how much worse is tolerable, ``0.5`` or ``"2%"`` of control.
        **options
            Parameters of a plugin's own metric kind.

        Returns
        -------
        Experiment
            Itself, so that calls can be chained.

        Raises
        ------
        PhaseOrderError
            The experiment is running or analysed.
        InputError
            The name is taken, the kind is unknown, or a parameter does not fit it.
        """
        check_open(self._life.state, "register_metric()")
        columns = {
            "value_col": value_col,
            "numerator_col": numerator_col,
            "denominator_col": denominator_col,
            "pre_numerator_col": pre_numerator_col,
            "pre_denominator_col": pre_denominator_col,
        }
        parsed = None if margin is None else Margin.parse(margin)
        spec = build_spec(
            self._plugins,
            name,
            metric_type,
            columns | options,
            covariate,
            role=role,
            direction=direction,
            margin=parsed,
        )
        return self._add([spec])

    def add_metrics(self, metrics: Any) -> "Experiment":
        """Add one metric object or several; all of them or none.

        Raises
        ------
        PhaseOrderError
            The experiment is running or analysed.
        InputError
            A name is taken, or an object is not a metric.
        """
        check_open(self._life.state, "add_metrics()")
        several = list(metrics) if isinstance(metrics, list | tuple | set | frozenset) else [metrics]
        return self._add([m if isinstance(m, MetricSpec) else adopt(self._plugins, m) for m in several])

    def add_covariates(self, covariates: str | Iterable[str]) -> "Experiment":
        """Add covariate columns, checked against the data where there are some."""
        check_open(self._life.state, "add_covariates()")
        names = column_names(covariates)
        if self._life.state is ExperimentState.DESIGNED:
            for name in names:
                check_column("covariate", name, self.source.schema())
        self._covariates = _merged(self._covariates, names)
        return self

    def set_weights(self, weights: Mapping[Label, float] | None) -> "Experiment":
        """Set the planned shares of the variants; None for equal ones.

        Raises
        ------
        PhaseOrderError
            The experiment is running or analysed.
        InputError
            `weights` is not a mapping.
        """
        check_open(self.state, "set_weights()")
        self._weights = _shares(weights)
        return self

    def _add(self, specs: list[MetricSpec]) -> "Experiment":
        taken = set(self._specs)
        for spec in specs:
            if spec.name in taken:
                raise InputError(f"duplicate metric name {spec.name!r}: every metric needs a name of its own.")
            taken.add(spec.name)
        if self._life.state is ExperimentState.CREATED and specs:
            self._life.move(self, ExperimentState.PLANNED, self._plugins)
        self._specs |= {spec.name: spec for spec in specs}
        return self

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
        check_analyzable(self.state)
        self._check_unchanged()
        if self.looks:
            self._source = None  # between two looks the data may have changed: open them again
        study = self.study(plugins)
        with self._life.undone_on_failure():
            result = flow.analyse(study, options, gate=lambda plan: self._begin(plan, study.host))
            self._life.record("analysis", **{key: result.metadata[key] for key in flow.ASKED})
            self._move(ExperimentState.ANALYZED, study.host)
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
        """Say which columns `run_analysis` with the same arguments would read, by which engine and how.

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
        """Ask the plugins' gates about a simulation: once, before its replicates, which ask nobody.

        Parameters
        ----------
        options : Options
        study : Study
            What each replicate will be, with the experiment's metrics.

        Raises
        ------
        InputError
            A gate refused, or the analysis cannot be planned.
        """
        facts = plan_facts(make_plan(study, options), study.host, "simulation")
        return study.host.gate("xpyrment_check_experiment", experiment=self, plan=facts)

    def _begin(self, plan: Plan, host: PluginHost) -> list[Issue]:
        """Ask the gates, and start running."""
        facts = plan_facts(plan, host, "look" if self.looks else "analysis")
        issues = host.gate("xpyrment_check_experiment", experiment=self, plan=facts)
        if self.state is ExperimentState.DESIGNED:
            issues += self._move(ExperimentState.RUNNING, host, facts)
        return issues

    def _observe(self, result: AnalysisResult, host: PluginHost) -> None:
        numbers = [row.raw() for row in result.results]
        result.issues += tuple(host.observe("xpyrment_after_analysis", experiment=self, result=result))
        result.raw_results = numbers  # an observer cannot change a number
        for check in result.checks:
            # summary() warns of what it reports itself, where the reader sees it.
            if check.passed is False and not check.attribute:
                warn(check.message or f"check {check.name!r} failed")

    def _parts(self) -> dict[str, Any]:
        """Return what is fixed from RUNNING on, by name."""
        columns = {name: getattr(self, name) for name in ("treatment_col", "id_col", "cluster_col", "weights")}
        metrics = {f"metric {name!r}": spec.fixed for name, spec in self._specs.items()}
        return {**columns, "covariates": self._covariates, **metrics}

    def _check_unchanged(self) -> None:
        if not self._fixed:
            return
        names = changed(self._fixed, fingerprint(self._parts()))
        if names:
            raise PhaseOrderError(
                f"{', '.join(names)} changed after the experiment began to run; metrics and design are fixed in state "
                f"{self.state.name}, so that they cannot follow the results. Undo the change, or start a new "
                f"experiment with setup(…)."
            )


def _shares(weights: Any) -> Mapping[Label, float] | None:
    if weights is None:
        return None
    if not isinstance(weights, Mapping):
        raise InputError(f"weights must map variants to planned shares, {{'A': 1, 'B': 1}}, got {weights!r}.")
    return MappingProxyType(dict(weights))


def _merged(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
