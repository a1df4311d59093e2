"""Which test, adjuster and correction an analysis uses: looked up by name, or taken as they are."""

from collections.abc import Iterable, Mapping
from typing import Any

from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.analysis.plan import Method
from xpyrment_core.analysis.study import Study
from xpyrment_core.errors import InputError, unknown
from xpyrment_core.options import (
    DEFAULT_TEST,
    DefaultName,
    Options,
)
from xpyrment_core.registry.definitions import Registered, TestDefinition
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.registry.provenance import Provenance


def find_method(host: PluginHost, kind: str, wanted: Any) -> Method:
    """Look up a test, adjuster or correction by name, or take a callable as it is."""
    if not isinstance(wanted, str):
        if not callable(wanted):
            raise InputError(f"{kind} must be a name or a callable, got {wanted!r}.")
        name = getattr(wanted, "name", None) or getattr(wanted, "__name__", type(wanted).__name__)
        made_by = Provenance(kind, str(name), "local", "local", "0")
        return Method(name=str(name), call=wanted, provenance=made_by, needs=getattr(wanted, "needs", "estimates"))
    entry: Registered = host.get(kind, str(wanted))
    definition = entry.definition
    needs = definition.needs if isinstance(definition, TestDefinition) else "estimates"
    bare = str(wanted).rpartition("/")[2]
    name = str(wanted) if "/" in wanted else definition.name if bare in definition.aliases else bare
    return Method(name=name, call=entry.load(), provenance=host.provenance(entry), needs=needs, definition=definition)


class Choices:
    """Which test and adjuster each metric gets."""

    def __init__(self, study: Study, options: Options) -> None:
        self.host = host = study.host
        names = {spec.name for spec in study.specs}
        self.tests = _per_metric("test", options.test, names)
        self.adjusters = _per_metric("adjuster", options.adjuster, names)
        for wanted in {*self.tests.values()}:
            find_method(host, "test", wanted)
        for wanted in {*self.adjusters.values()} - {"none", None}:
            find_method(host, "adjuster", wanted)

    def adjuster_name(self, spec: MetricSpec) -> Any:
        """Return the adjuster asked for, None where the caller left it open."""
        return self.adjusters.get(spec.name, self.adjusters.get(""))

    def test(self, spec: MetricSpec, adjusted: bool) -> tuple[Method, bool]:
        """Return the test, and whether the user named it."""
        wanted = self.tests.get(spec.name, self.tests.get(""))
        if wanted is not None and not isinstance(wanted, DefaultName):
            return find_method(self.host, "test", wanted), True
        plain = adjusted or spec.margin is not None
        general = str(wanted or DEFAULT_TEST)
        if spec.default_test not in self.host.names("test"):  # its plugin is blocked or broken
            return find_method(self.host, "test", general), False
        default = find_method(self.host, "test", spec.default_test)
        if plain and default.needs == "counts":
            default = find_method(self.host, "test", general)
        return default, False


def _per_metric(what: str, wanted: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return {metric name: wanted}; the key "" stands for all others."""
    if isinstance(wanted, Mapping):
        for name in wanted:
            if name not in names:
                raise unknown(f"{what}: metric", name, names)
        return dict(wanted)
    return {"": wanted} if wanted is not None else {}
