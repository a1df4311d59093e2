"""Resolves the test, adjuster and correction of an analysis: names are looked up, callables are used directly."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.analysis.plan import Method
from xpyrment_core.analysis.study import Study
from xpyrment_core.errors import InputError, listing, unknown
from xpyrment_core.options import Options
from xpyrment_core.registry.catalogue import unavailable
from xpyrment_core.registry.definitions import Definition, TestDefinition
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.registry.provenance import Provenance

NO_ADJUSTER = "none"
"""Name of an adjuster that switches covariate adjustment off."""


@frozen(kw_only=True)
class Methods:
    """The methods of one metric.

    Attributes
    ----------
    test : Method
        Used without covariate adjustment.
    test_adjusted : Method
        Used with covariate adjustment.
    test_named : bool
        Whether the caller named the test.
    general : Method or None
        The default test, for units that repeat where `test` counts independent units.
    adjuster : Method or None
        None if adjustment is switched off or no plugin offers a default adjuster.
    adjuster_asked : object
        The caller's option: a name, a callable, or None for the default.
    adjuster_named : bool
        Whether the caller named the adjuster for this metric in particular.
    """

    test: Method
    test_adjusted: Method
    test_named: bool
    general: Method | None
    adjuster: Method | None
    adjuster_asked: Any = None
    adjuster_named: bool = False


def resolve(study: Study, options: Options) -> dict[str, Methods]:
    """Return the methods of every metric.

    Raises
    ------
    InputError
        A name is unknown, or is given for a metric that does not exist.
    """
    names = [spec.name for spec in study.specs]
    finder = _Finder(study.host)
    tests = _per_metric("test", options.test, names)
    adjusters = _per_metric("adjuster", options.adjuster, names)
    # All given names first: a misspelt one is reported in preference to a default that is missing.
    for test in tests.values():
        finder.find("test", test)
    for adjuster in adjusters.values():
        finder.adjuster(adjuster)
    return {spec.name: _methods(spec, finder, tests, adjusters) for spec in study.specs}


def _methods(spec: MetricSpec, finder: "_Finder", tests: Mapping[str, Any], adjusters: Mapping[str, Any]) -> Methods:
    test = tests.get(spec.name, tests.get(""))
    adjuster = adjusters.get(spec.name, adjusters.get(""))
    plain, adjusted = finder.default_tests(spec) if test is None else (finder.find("test", test),) * 2
    return Methods(
        test=plain,
        test_adjusted=adjusted,
        test_named=test is not None,
        general=finder.general_test(),
        adjuster=finder.adjuster(adjuster),
        adjuster_asked=adjuster,
        adjuster_named=isinstance(adjusters.get(spec.name), str),
    )


@frozen
class _Finder:
    """Looks each method up once."""

    host: PluginHost
    _known: dict[tuple[str, int | str], Method] = field(factory=dict)

    def find(self, kind: str, wanted: Any) -> Method:
        # Callables are keyed by identity, because they need not be hashable.
        key = kind, wanted if isinstance(wanted, str) else id(wanted)
        if key not in self._known:
            self._known[key] = find_method(self.host, kind, wanted)
        return self._known[key]

    def adjuster(self, wanted: Any) -> Method | None:
        if wanted == NO_ADJUSTER:
            return None
        default = default_of(self.host, "adjuster")
        if wanted is None:
            return None if default is None else self.find("adjuster", default)
        return self.find("adjuster", wanted)

    def general_test(self) -> Method | None:
        default = default_of(self.host, "test")
        return None if default is None else self.find("test", default)

    def default_tests(self, spec: MetricSpec) -> tuple[Method, Method]:
        """Return the tests of a metric without and with adjustment; counts cannot be adjusted."""
        own = spec.default_test
        # The plugin of the metric's own test may be blocked or broken; the default test is then valid too.
        plain = self.find("test", own if own in self.host.names("test") else needed_default(self.host, "test"))
        adjusted = (self.general_test() or plain) if plain.needs == "counts" else plain
        # A non-inferiority margin needs a standard error, which a test of counts does not return.
        return (adjusted if spec.margin is not None else plain), adjusted


def default_of(host: PluginHost, kind: str) -> str | None:
    """Return the name of a kind's default definition: the built-in one, else the first that a plugin declares."""
    # Built-in defaults first, then by name: installing a third-party plugin must not change results.
    declared = [entry for entry in host.all(kind) if getattr(entry.definition, "default", False)]
    first = min(declared, key=lambda entry: (not entry.builtin, entry.qualified), default=None)
    return None if first is None else host.name_of(first)


def find_method(host: PluginHost, kind: str, wanted: Any) -> Method:
    """Return a test, adjuster or correction, looked up by name or made of a callable."""
    if not isinstance(wanted, str):
        return _local_method(kind, wanted)
    entry = host.get(kind, str(wanted))
    definition: Definition = entry.definition
    # Results record the definition's name for an alias, but keep a qualified name: both identify the method.
    bare = str(wanted).rpartition("/")[2]
    return Method(
        name=str(wanted) if "/" in wanted else definition.name if bare in definition.aliases else bare,
        call=entry.load(),
        provenance=host.provenance(entry),
        needs=definition.needs if isinstance(definition, TestDefinition) else "estimates",
        definition=definition,
    )


def _local_method(kind: str, wanted: Any) -> Method:
    if not callable(wanted):
        raise InputError(f"{kind} must be a name or a callable, got {wanted!r}.")
    name = str(getattr(wanted, "name", None) or getattr(wanted, "__name__", type(wanted).__name__))
    # A callable has no distribution: "local" marks a result that installed packages alone do not reproduce.
    made_by = Provenance(kind, name, "local", "local", "0")
    return Method(name=name, call=wanted, provenance=made_by, needs=getattr(wanted, "needs", "estimates"))


def _per_metric(what: str, wanted: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return {metric name: wanted}; the key "" stands for all others."""
    if isinstance(wanted, Mapping):
        for name in wanted:
            if name not in names:
                raise unknown(f"{what}: metric", name, names)
        return dict(wanted)
    return {"": wanted} if wanted is not None else {}


def needed_default(host: PluginHost, kind: str) -> str:
    """Return the name of the default as `default_of` does; raise InputError if there is none."""
    default = default_of(host, kind)
    if default is None:
        raise InputError(
            f"no default {kind.replace('_', ' ')} is available: the plugin that offers it is blocked or cannot be used "
            f"(see 'xpyrment plugins'). Name one of: {listing(host.names(kind))}.{unavailable(host.plugins)}"
        )
    return default
