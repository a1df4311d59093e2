"""The design of an experiment: data, assignment, metrics and covariates, fixed once it runs."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

from xpyrment_core.analysis.metric_spec import Margin, MetricSpec, adopt, build_spec
from xpyrment_core.choices import Label
from xpyrment_core.data.query import check_column
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.errors import InputError
from xpyrment_core.options import column_names
from xpyrment_core.registry.host import PluginHost, default_host


class Design(ABC):
    """What is measured, on which data and by which assignment.

    `Experiment` adds the states, which determine when the design may change.
    """

    def __init__(
        self,
        data: Any,
        treatment_col: str | None,
        id_col: str | None,
        covariates: str | Iterable[str] | None,
        cluster_col: str | None,
        weights: Mapping[Label, float] | None,
        read: "ReadOptions | Mapping[str, Any] | None",
        plugins: PluginHost | None,
        strata_col: str | None = None,
    ) -> None:
        self._plugins = default_host() if plugins is None else plugins
        self._data, self._read = data, ReadOptions.of(read)
        self._treatment_col, self._id_col, self._cluster_col = treatment_col, id_col, cluster_col
        self._strata_col = strata_col
        self._weights = _shares(weights)
        self._covariates: tuple[str, ...] = column_names(covariates)
        self._specs: dict[str, MetricSpec] = {}

    @abstractmethod
    def _check_open(self, call: str) -> None:
        """Raise PhaseOrderError where the design is fixed."""

    @abstractmethod
    def _columns(self) -> Iterable[str] | None:
        """Return the columns of the data, None where there are no data yet."""

    @property
    def plugins(self) -> PluginHost:
        """The host in which plugins are looked up."""
        return self._plugins

    @property
    def data(self) -> Any:
        """The data as given: a frame, a path, or anything an engine reads."""
        return self._data

    @property
    def read(self) -> ReadOptions:
        """How the data are read."""
        return self._read

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
        # Assignment by cluster makes the units of a cluster dependent, so variances must be between clusters.
        return self._cluster_col or self._id_col

    @property
    def strata_col(self) -> str | None:
        """Column of the strata within which units were randomised."""
        return self._strata_col

    @property
    def weights(self) -> Mapping[Label, float] | None:
        """Planned shares of the variants, read-only; None for equal ones."""
        return self._weights

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
    ) -> Self:
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
            Primary and secondary metrics are separate families for multiplicity correction.
        direction : {"increase", "decrease"}
            Which change is an improvement.
        margin : float or str, optional
            For a guardrail: the largest deterioration accepted, ``0.5`` or ``"2%"`` of control. A two-sided
            margin, ``"±2%"`` or ``"+-2%"``, is a test of equivalence: the change in either direction must be
            smaller.
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
        self._check_open("register_metric()")
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
        return self._add_specs([spec])

    def add_metrics(self, metrics: Any) -> Self:
        """Add one metric object or several; all of them or none.

        Raises
        ------
        PhaseOrderError
            The experiment is running or analysed.
        InputError
            A name is taken, or an object is not a metric.
        """
        self._check_open("add_metrics()")
        # All are converted before any is added, so that an error leaves the experiment as it was.
        several = list(metrics) if isinstance(metrics, list | tuple | set | frozenset) else [metrics]
        return self._add_specs([m if isinstance(m, MetricSpec) else adopt(self._plugins, m) for m in several])

    def add_covariates(self, covariates: str | Iterable[str]) -> Self:
        """Add covariate columns, checked against the data if there are any yet."""
        self._check_open("add_covariates()")
        names = column_names(covariates)
        columns = self._columns()
        if columns is not None:
            for name in names:
                check_column("covariate", name, columns)
        self._covariates = merged(self._covariates, names)
        return self

    def set_weights(self, weights: Mapping[Label, float] | None) -> Self:
        """Set the planned shares of the variants; None for equal ones.

        Raises
        ------
        PhaseOrderError
            The experiment is running or analysed.
        InputError
            `weights` is not a mapping.
        """
        self._check_open("set_weights()")
        self._weights = _shares(weights)
        return self

    def _check_names(self, specs: list[MetricSpec]) -> None:
        # Names are keys of results, of `test` and `adjuster` per metric, and of the fingerprint.
        taken = set(self._specs)
        for spec in specs:
            if spec.name in taken:
                raise InputError(f"duplicate metric name {spec.name!r}: names of metrics must be unique.")
            taken.add(spec.name)

    def _add_specs(self, specs: list[MetricSpec]) -> Self:
        self._check_names(specs)
        self._specs |= {spec.name: spec for spec in specs}
        return self

    def _check_columns(self, schema: Iterable[str]) -> None:
        columns = {
            "treatment_col": self._treatment_col,
            "id_col": self._id_col,
            "cluster_col": self._cluster_col,
            "strata_col": self._strata_col,
        }
        for what, column in columns.items():
            if column is not None:
                check_column(what, column, schema)
        if self._treatment_col in (self._id_col, self._cluster_col):
            raise InputError(
                f"column {self._treatment_col!r} cannot name both the variant and the unit; use two columns."
            )
        if self._strata_col is not None and self._strata_col in (self._treatment_col, self._id_col, self._cluster_col):
            raise InputError(
                f"column {self._strata_col!r} cannot name both the stratum and the variant or unit; use two columns."
            )
        for covariate in self._covariates:
            check_column("covariate", covariate, schema)

    def _parts(self) -> dict[str, Any]:
        """Return the parts of the design that are fixed from RUNNING on, by name."""
        # Not the data: an experiment collects rows while it runs. What must stay is how they are interpreted.
        names = ("treatment_col", "id_col", "cluster_col", "strata_col", "weights", "read")
        columns = {name: getattr(self, name) for name in names}
        metrics = {f"metric {name!r}": spec.fixed for name, spec in self._specs.items()}
        return {**columns, "covariates": self._covariates, **metrics}


def _shares(weights: Any) -> Mapping[Label, float] | None:
    if weights is None:
        return None
    if not isinstance(weights, Mapping):
        raise InputError(f"weights must map variants to planned shares, {{'A': 1, 'B': 1}}, got {weights!r}.")
    # A read-only copy: the caller's dict could be changed after the gate has passed.
    return MappingProxyType(dict(weights))


def merged(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of both, each once, in order."""
    return tuple(dict.fromkeys((*first, *second)))
