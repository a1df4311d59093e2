"""The experiment: data, assignment, metrics and state, with a record of what happened."""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import frozen

from xpyrment_core.definitions import Registered
from xpyrment_core.errors import EngineError, InputError, XpyrmentError, listing, nearest
from xpyrment_core.host import PluginHost, PluginWarning, default_host
from xpyrment_core.notices import warn
from xpyrment_core.reading import Label, Source
from xpyrment_core.results import Issue
from xpyrment_core.specs import Margin, MetricSpec, adopt, build_spec
from xpyrment_core.state import ExperimentState, check_move, check_open

if TYPE_CHECKING:
    from xpyrment_core.analysis_result import AnalysisResult

log = logging.getLogger("xpyrment")


@frozen
class HistoryEntry:
    """One thing that happened to an experiment.

    Attributes
    ----------
    what : str
        ``"transition"`` or ``"analysis"``.
    when : str
        UTC time, ISO 8601.
    details : dict
        The states of a transition, or the options of an analysis.
    """

    what: str
    when: str
    details: dict[str, Any]


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
        self._state = ExperimentState.CREATED
        self._history: list[HistoryEntry] = []
        self._specs: dict[str, MetricSpec] = {}
        self._engine: Registered | None = None
        self._source: Source | None = None
        self.plugins = default_host() if plugins is None else plugins
        self.data = data
        self.treatment_col = treatment_col
        self.id_col = id_col
        self.cluster_col = cluster_col
        if weights is not None and not isinstance(weights, Mapping):
            raise InputError(f"weights must map variants to planned shares, {{'A': 1, 'B': 1}}, got {weights!r}.")
        self.weights = None if weights is None else dict(weights)
        self._covariates: tuple[str, ...] = column_names(covariates)
        self._engine_name = engine

    def __repr__(self) -> str:
        metrics = ", ".join(self._specs) or "no metrics"
        return f"<Experiment {self._state.name}: {metrics}; treatment_col={self.treatment_col!r}>"

    # State -------------------------------------------------------------------

    @property
    def state(self) -> ExperimentState:
        """Where the experiment is in its life."""
        return self._state

    @property
    def history(self) -> tuple[HistoryEntry, ...]:
        """Transitions and analyses so far, oldest first."""
        return tuple(self._history)

    @property
    def looks(self) -> int:
        """How many analyses have been finished."""
        return sum(entry.what == "analysis" for entry in self._history)

    def transition(self, target: ExperimentState) -> list[Issue]:
        """Move to another state, past the plugins' gates.

        Raises
        ------
        PhaseOrderError
            There is no such move from here.
        InputError
            A plugin's gate said no.
        """
        source = self._state
        check_move(source, target)
        issues = self.plugins.gate("xpyrment_before_transition", experiment=self, source=source, target=target)
        self._state = target
        self.record("transition", source=source.name, target=target.name)
        self.plugins.observe("xpyrment_after_transition", experiment=self, source=source, target=target)
        return issues

    def restore(self, state: ExperimentState, history: tuple[HistoryEntry, ...]) -> None:
        """Take back the state and history of before a step that failed."""
        self._state, self._history = state, list(history)

    def record(self, what: str, **details: Any) -> None:
        """Add an entry to the history."""
        self._history.append(HistoryEntry(what, dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), details))

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
        check_move(self._state, ExperimentState.DESIGNED)
        self.data = self.data if data is None else data
        self.treatment_col = treatment_col or self.treatment_col
        self.id_col = id_col or self.id_col
        self._covariates = _merged(self._covariates, column_names(covariates))
        self._engine = self._source = None
        if self.data is None or self.treatment_col is None:
            raise InputError("an experiment needs data and treatment_col before it is designed; got none.")
        schema = self.source.schema()
        for what, column in (("treatment_col", self.treatment_col), ("id_col", self.id_col)):
            if column is not None:
                check_column(what, column, schema)
        if self.cluster_col is not None:
            check_column("cluster_col", self.cluster_col, schema)
        if self.treatment_col in (self.id_col, self.cluster_col):
            raise InputError(
                f"column {self.treatment_col!r} cannot name both the variant and the unit; name two columns."
            )
        for covariate in self._covariates:
            check_column("covariate", covariate, schema)
        self.transition(ExperimentState.DESIGNED)
        return self

    # Data --------------------------------------------------------------------

    @property
    def unit_col(self) -> str | None:
        """The column whose values are the units of analysis: the cluster, else the id."""
        return self.cluster_col or self.id_col

    @property
    def engine(self) -> Registered:
        """The engine that reads the data."""
        if self._engine is None:
            self._engine = self._find_engine()
        return self._engine

    def _find_engine(self) -> Registered:
        if self._engine_name is not None:
            return self.plugins.get("engine", self._engine_name)
        engines = sorted(self.plugins.all("engine"), key=lambda e: (getattr(e.definition, "rank", 50), e.qualified))
        for entry in engines:
            if self._accepts(entry):
                return entry
        names = listing(entry.definition.name for entry in engines)
        raise InputError(
            f"no engine reads data of type {type(self.data).__module__}.{type(self.data).__qualname__}; "
            f"wanted a frame (pandas, polars, pyarrow …) or a path to CSV or Parquet. Engines asked: {names}."
        )

    def _accepts(self, entry: Registered) -> bool:
        try:
            return bool(entry.load()().accepts(self.data))
        except Exception as error:
            if entry.builtin:
                raise
            # A stranger's engine that cannot even be asked must not keep ours from reading.
            warn(f"engine {entry.qualified!r} was skipped: {error}", PluginWarning)
            return False

    @property
    def source(self) -> Source:
        """The opened data."""
        if self._source is None:
            self._source = self.engine.load()().open(self.data)
        return self._source

    def reopen(self) -> None:
        """Open the data again when they are next needed: between two looks they may have changed."""
        self._source = None

    @contextmanager
    def engine_errors(self) -> Iterator[None]:
        """Turn whatever goes wrong in the engine into one EngineError that names it."""
        try:
            yield
        except XpyrmentError:
            raise
        except Exception as error:
            made_by = self.plugins.provenance(self.engine)
            raise EngineError(f"{made_by} failed while reading: {type(error).__name__}: {error}") from error

    # Metrics and covariates --------------------------------------------------

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
        check_open(self._state, "register_metric()")
        columns = {
            "value_col": value_col,
            "numerator_col": numerator_col,
            "denominator_col": denominator_col,
            "pre_numerator_col": pre_numerator_col,
            "pre_denominator_col": pre_denominator_col,
        }
        parsed = None if margin is None else Margin.parse(margin)
        spec = build_spec(
            self.plugins,
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
        check_open(self._state, "add_metrics()")
        several = list(metrics) if isinstance(metrics, list | tuple | set | frozenset) else [metrics]
        return self._add([m if isinstance(m, MetricSpec) else adopt(self.plugins, m) for m in several])

    def add_covariates(self, covariates: str | Iterable[str]) -> "Experiment":
        """Add covariate columns, checked against the data where there are some."""
        check_open(self._state, "add_covariates()")
        names = column_names(covariates)
        if self._state is ExperimentState.DESIGNED:
            for name in names:
                check_column("covariate", name, self.source.schema())
        self._covariates = _merged(self._covariates, names)
        return self

    def _add(self, specs: list[MetricSpec]) -> "Experiment":
        taken = set(self._specs)
        for spec in specs:
            if spec.name in taken:
                raise InputError(f"duplicate metric name {spec.name!r}: every metric needs a name of its own.")
            taken.add(spec.name)
        if self._state is ExperimentState.CREATED and specs:
            self.transition(ExperimentState.PLANNED)
        self._specs |= {spec.name: spec for spec in specs}
        return self

    def run_analysis(self, *args: Any, **options: Any) -> "AnalysisResult":
        """Analyse the experiment: `xpyrment.run_analysis` with itself as the first argument."""
        from xpyrment_core.analysis import run_analysis

        return run_analysis(self, *args, **options)

    def explain(self, *args: Any, **options: Any) -> str:
        """Say which columns an analysis would read, by which engine and how; nothing is read."""
        from xpyrment_core.analysis import explain

        return explain(self, *args, **options)


def setup(
    data: Any,
    treatment_col: str,
    id_col: str | None = None,
    covariates: str | list[str] | None = None,
    *,
    cluster_col: str | None = None,
    weights: Mapping[Label, float] | None = None,
    engine: str | None = None,
    plugins: PluginHost | None = None,
) -> Experiment:
    """Set up an experiment on data that exist: the usual way to begin.

    Parameters
    ----------
    data : frame or path
        A pandas, polars or pyarrow table, a lazy frame, or a path to CSV or Parquet.
    treatment_col : str
        Column with each row's variant.
    id_col : str, optional
        Column of the unit of randomisation.
    covariates : list of str, optional
        Baseline covariates, for the balance check and for adjustment.
    cluster_col, weights, engine, plugins
        As in `Experiment`.

    Returns
    -------
    Experiment
        In state DESIGNED, ready for metrics.

    Raises
    ------
    InputError
        A column is not in the data, or no engine reads the data.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"variant": ["control", "treatment"] * 3, "revenue": [1, 2, 3, 5, 2, 6]})
    >>> setup(frame, treatment_col="variant").register_metric("revenue").state.name
    'DESIGNED'
    """
    experiment = Experiment(
        data,
        treatment_col,
        id_col,
        covariates,
        cluster_col=cluster_col,
        weights=weights,
        engine=engine,
        plugins=plugins,
    )
    experiment.design()
    log.info("experiment set up: treatment_col=%r, id_col=%r", treatment_col, id_col)
    return experiment


def check_column(what: str, column: Any, schema: Iterable[str]) -> None:
    """Raise InputError unless the column is in the data."""
    if column not in schema:
        known = list(schema)
        raise InputError(
            f"{what} {column!r} is not a column of the data; its columns are {listing(known)}.{nearest(column, known)}"
        )


def column_names(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the covariates' names, one or several; raise InputError where one is no name."""
    if names is None:
        return ()
    out = (names,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
    for name in out:
        if not isinstance(name, str):
            raise InputError(f"a covariate is named by its column, got {name!r}.")
    return out


def _merged(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


__all__ = ["Experiment", "HistoryEntry", "check_column", "column_names", "setup"]
