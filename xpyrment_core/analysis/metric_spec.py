"""Registered metrics: a metric object together with its role in the experiment."""

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal

from attrs import field, frozen

from xpyrment_core.choices import DIRECTIONS, ROLES, Alternative, Direction, Role, check_choice
from xpyrment_core.errors import InputError, listing, nearest
from xpyrment_core.registry.definitions import Definition, MetricDefinition, Registered
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.stats.delta_method import ColumnMean
from xpyrment_core.values.metric import FunctionOfMeans, HasRelative, TransformedMetric, missing_members

Reads = Literal["moments", "derived", "samples"]


PLUS_MINUS = ("±", "+/-", "+-")
"""How a two-sided margin begins."""


@frozen
class Margin:
    """Margin of a guardrail, in the metric's unit or as a share of control: non-inferiority, or equivalence.

    Attributes
    ----------
    size : float
        Positive: 0.5, or 0.02 for 2 % of the control value.
    relative : bool
    two_sided : bool
        Whether a change in either direction must be smaller: equivalence, not non-inferiority.
    """

    size: float
    relative: bool = False
    two_sided: bool = False

    @classmethod
    def parse(cls, margin: "float | str | Margin") -> "Margin":
        """Read ``0.5`` or ``"2%"``; a plus-minus sign, ``"±2%"`` or ``"+-2%"``, makes it two-sided.

        Examples
        --------
        >>> Margin.parse("2%")
        Margin(size=0.02, relative=True, two_sided=False)
        >>> Margin.parse("±0.5")
        Margin(size=0.5, relative=False, two_sided=True)
        """
        if isinstance(margin, Margin):
            return margin
        text = str(margin).strip()
        sign = next((sign for sign in PLUS_MINUS if text.startswith(sign)), "")
        text = text.removeprefix(sign)
        relative = text.endswith("%")
        try:
            size = float(text.removesuffix("%")) / (100 if relative else 1)
        except ValueError:
            size = float("nan")
        # A margin of 0 would be a test of superiority, and one of 100 % would tolerate any loss.
        if not 0 < size < float("inf") or (relative and size >= 1):
            raise InputError(
                f"margin must be a positive number in the metric's unit, or a percentage of control such as '2%' "
                f"(for equivalence '±2%' or '+-2%'), got {margin!r}."
            )
        return cls(size, relative, bool(sign))


@frozen(kw_only=True)
class MetricSpec:
    """A metric as registered with an experiment; it never changes afterwards.

    Attributes
    ----------
    metric : object
        With ``name``, ``columns`` and ``value(means)`` (or ``estimate(sample)``).
    label : str
        The kind, as results name it: ``"Mean"``.
    entry : Registered or None
        Where the kind came from; None for a class of the user's own.
    covariates : tuple of str
        Covariate columns in addition to those of the metric object.
    role : {"primary", "secondary", "guardrail"}
        Determines the family for multiplicity correction.
    direction : {"increase", "decrease"}
        Which change of the metric is an improvement.
    margin : Margin or None
        Margin of a guardrail.
    """

    metric: Any
    label: str
    entry: Registered | None = None
    covariates: tuple[str, ...] = ()
    role: Role = "primary"
    direction: Direction = "increase"
    margin: Margin | None = None
    options: Mapping[str, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        check_choice("role", self.role, ROLES)
        check_choice("direction", self.direction, DIRECTIONS)
        if self.margin is not None and self.role != "guardrail":
            raise InputError(
                f"metric {self.name!r} has a margin but the role {self.role!r}; a margin belongs to a "
                f"guardrail: register it with role='guardrail'."
            )

    @property
    def name(self) -> str:
        """The metric's name, unique in its experiment."""
        return str(self.metric.name)

    @property
    def fixed(self) -> tuple[Any, ...]:
        """The parts that must not change once the experiment runs; its fingerprint covers them."""
        return self.metric, self.label, self.covariates, self.role, self.direction, self.margin

    @property
    def default_test(self) -> str:
        """The test of this kind of metric where the caller names none; empty for the default test."""
        if self.entry is None:
            return str(getattr(self.metric, "default_test", ""))
        definition = self.entry.definition
        return definition.default_test if isinstance(definition, MetricDefinition) else ""

    @cached_property  # isinstance with a protocol inspects every member
    def reads(self) -> Reads:
        """What the metric is computed from: moments, moments of derived columns, or unit-level values."""
        if isinstance(self.metric, TransformedMetric):
            return "derived"
        return "moments" if isinstance(self.metric, FunctionOfMeans) else "samples"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the metric is a function of."""
        return tuple(self.metric.columns)

    @property
    def sources(self) -> tuple[str, ...]:
        """Data columns that must be observed for a row to count."""
        return tuple(getattr(self.metric, "sources", self.metric.columns))

    @property
    def own_covariates(self) -> tuple[Any, ...]:
        """Covariate metrics that came with it: the metric object's, then the columns given."""
        given = tuple(getattr(self.metric, "covariates", ()))
        return (*given, *(ColumnMean(c) for c in self.covariates))

    @property
    def good_side(self) -> Alternative:
        """The one-sided alternative in which the treatment is better."""
        return "greater" if self.direction == "increase" else "less"

    @property
    def binary(self) -> bool:
        """Whether its values are 0 and 1, so that tests of counts apply."""
        return bool(getattr(self.metric, "binary", False))

    @property
    def clustered(self) -> bool:
        """Whether `estimate` keeps the rows of a unit together, instead of taking rows for units."""
        return bool(getattr(self.metric, "clustered", False))

    @cached_property
    def relative(self) -> Callable[[float], float] | None:
        """Its own function from a difference to a lift; None where the lift is ``treatment / control - 1``."""
        return self.metric.relative if isinstance(self.metric, HasRelative) else None


def build_spec(
    host: PluginHost,
    name: str,
    metric_type: str,
    parameters: Mapping[str, Any],
    covariate: str | list[str] | tuple[str, ...] | None,
    **role: Any,
) -> MetricSpec:
    """Make a spec from a metric kind's name and the parameters of `register_metric`."""
    if not isinstance(name, str) or not name:
        raise InputError(f"the name of a metric must be a non-empty string, got {name!r}.")
    entry = host.get("metric", metric_type)
    kind = entry.load()
    # None means "not given" in register_metric, so that the kind's own default applies.
    given = {key: value for key, value in parameters.items() if value is not None}
    accepted = _parameters(kind)
    covariates = _covariate_names(name, covariate)
    definition = entry.definition
    if isinstance(definition, MetricDefinition):
        covariates = _fill_parameters(name, definition, accepted, given, covariates)
    _check_parameters(name, entry, accepted, given)
    label = _label(definition) or definition.name.replace("_", " ").capitalize()
    return MetricSpec(metric=kind(name=name, **given), label=label, entry=entry, covariates=covariates, **role)


def _fill_parameters(
    name: str,
    definition: MetricDefinition,
    accepted: Mapping[str, bool],
    given: dict[str, Any],
    covariates: tuple[str, ...],
) -> tuple[str, ...]:
    """Set the definition's name and covariate parameters from the metric's name and its only covariate."""
    named_after, covariate = definition.name_parameter, definition.covariate_parameter
    if accepted.get(named_after) and named_after not in given:
        given[named_after] = name
    # The metric may transform its covariate as it does its outcome (cap it, say); then it has to have it itself.
    if len(covariates) == 1 and covariate in accepted and covariate not in given:
        given[covariate] = covariates[0]
        return ()
    return covariates


def _covariate_names(metric: str, covariate: Any) -> tuple[str, ...]:
    names = (covariate,) if isinstance(covariate, str) or covariate is None else covariate
    if not isinstance(names, list | tuple) or any(not isinstance(name, str) for name in names if name is not None):
        raise InputError(f"metric {metric!r}: covariate must be a column name or a list of them, got {covariate!r}.")
    return tuple(name for name in names if name is not None)


def adopt(host: PluginHost, metric: Any) -> MetricSpec:
    """Make a spec of a metric object, with the registered kind of its class if there is one."""
    if isinstance(metric, type):
        raise InputError(
            f"{metric.__name__} is a class, not a metric; pass an instance: {metric.__name__}('revenue', …)."
        )
    if isinstance(getattr(metric, "columns", ()), str):
        raise InputError(
            f"metric {getattr(metric, 'name', metric)!r}: columns must be a tuple of names, got {metric.columns!r}."
        )
    if missing := missing_members(metric):
        raise InputError(
            f"{metric!r} is not a metric: it lacks {', '.join(missing)}. A metric needs name, columns "
            f"and value(means); for a registered kind use register_metric(name, metric_type, …)."
        )
    # The registered kind carries label, default test and provenance, which the object alone does not.
    for entry in host.all("metric"):
        if _is_target(type(metric), entry):
            return MetricSpec(metric=metric, label=_label(entry.definition) or type(metric).__name__, entry=entry)
    return MetricSpec(metric=metric, label=type(metric).__name__)


def _label(definition: Definition) -> str:
    return definition.label if isinstance(definition, MetricDefinition) else ""


def _is_target(cls: type, entry: Registered) -> bool:
    target = entry.definition.target
    if not isinstance(target, str):
        return bool(target is cls)
    module, _, path = target.partition(":")
    if cls.__module__ == module and cls.__qualname__ == path:
        return True
    # A target may be re-exported from elsewhere in the same package; only then is it imported to compare.
    return cls.__module__.split(".")[0] == module.split(".")[0] and entry.load() is cls


def _parameters(kind: Any) -> dict[str, bool]:
    """Return the constructor's parameters, and whether each is required."""
    signature = inspect.signature(kind)
    return {
        name: p.default is p.empty
        for name, p in signature.parameters.items()
        if name != "name" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }


def _check_parameters(name: str, entry: Registered, accepted: Mapping[str, bool], given: Mapping[str, Any]) -> None:
    kind = entry.definition.name
    for parameter in given:
        if parameter not in accepted:
            raise InputError(
                f"metric {name!r}: a {kind!r} metric has no parameter {parameter!r}; its parameters are "
                f"{listing(accepted)}.{nearest(parameter, accepted)}"
            )
    missing = [parameter for parameter, required in accepted.items() if required and parameter not in given]
    if missing:
        raise InputError(f"metric {name!r}: a {kind!r} metric needs {', '.join(missing)}; give {missing[0]}=….")
