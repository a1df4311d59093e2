"""The plugin host: loads plugins one at a time and looks up their definitions by name."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import pluggy
from attrs import evolve

from xpyrment_core.errors import PluginError, warn
from xpyrment_core.registry import calling, hookspecs
from xpyrment_core.registry.catalogue import Catalogue
from xpyrment_core.registry.definitions import Definition, Registered
from xpyrment_core.registry.discovery import HOME, Candidate, Switches, candidates
from xpyrment_core.registry.loading import GATES, HOOKS, OBSERVERS, collect, distinct, import_plugin
from xpyrment_core.registry.plugin_info import PluginInfo, PluginWarning, Status
from xpyrment_core.registry.provenance import Issue, Provenance

# Libraries whose import takes a noticeable part of a second; a plugin module is expected to defer them.
HEAVY = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib", "polars", "pyarrow", "duckdb", "plotly")


class _Plugin(NamedTuple):
    info: PluginInfo
    module: object


class PluginHost:
    """Loaded plugins and their definitions.

    Parameters
    ----------
    autoload : bool
        Discover installed plugins. False makes an empty host, for tests.
    switches : Switches, optional
        Which plugins may be imported; read from the environment by default.
    prefer : mapping of str to str, optional
        ``{"metric:revenue": "acme"}`` decides which plugin a bare name means.
    found : iterable of Candidate, optional
        Entry points to load instead of the installed ones.

    Examples
    --------
    >>> host = PluginHost(autoload=False)
    >>> host.names("metric")
    []
    """

    def __init__(
        self,
        autoload: bool = True,
        *,
        switches: Switches | None = None,
        prefer: Mapping[str, str] | None = None,
        found: Iterable[Candidate] | None = None,
    ) -> None:
        self.prefer: dict[str, str] = dict(prefer or {})
        self._switches = Switches.from_environment() if switches is None else switches
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._plugins: dict[str, _Plugin] = {}
        self._catalogue = Catalogue(self.prefer)
        if autoload or found is not None:
            for candidate in distinct(candidates() if found is None else found):
                self._discover(candidate)

    def _discover(self, candidate: Candidate) -> None:
        info = PluginInfo(
            name=candidate.name,
            distribution=candidate.distribution,
            version=candidate.version,
            status="loaded",
            builtin=not candidate.foreign,
        )
        # Before the import, which would run the code of a plugin that the user has blocked.
        refused = self._switches.refuse(candidate)
        if refused:
            self._plugins[info.name] = _Plugin(evolve(info, status="blocked", reason=refused), None)
            return
        # The modules that appear during the import are the ones this plugin loaded first.
        before, start = set(sys.modules), time.perf_counter()
        try:
            module = import_plugin(candidate.value)
        except PluginError as error:
            self._set_aside(info, "broken", str(error))
            return
        # Only what this import added: a library that an earlier plugin imported is not attributed to this one.
        loaded = set(sys.modules) - before
        info = evolve(info, seconds=time.perf_counter() - start, heavy=tuple(h for h in HEAVY if h in loaded))
        self._admit(info, module)

    def _admit(self, info: PluginInfo, module: object) -> None:
        # Checked before the hooks: a plugin of another API version would fail there with a misleading message.
        api = getattr(module, "XPYRMENT_API", hookspecs.API_VERSION)
        if api != hookspecs.API_VERSION:
            self._set_aside(info, "incompatible", f"it requires plugin API {api}, this is {hookspecs.API_VERSION}.")
            return
        try:
            definitions = collect(self._manager, info.name, module)
        except PluginError as error:
            # A later check may fail after the hooks are registered: without this, gates of a rejected plugin would run.
            if self._manager.has_plugin(info.name):
                self._manager.unregister(name=info.name)
            self._set_aside(info, "broken", str(error))
            return
        offers = tuple(f"{d.kind} {d.name}" for d in definitions)
        self._plugins[info.name] = _Plugin(evolve(info, offers=offers), module)
        # Committed only when all hooks have returned valid definitions: a plugin is loaded whole or not at all.
        for definition in definitions:
            self._catalogue.commit(info, definition)

    def _set_aside(self, info: PluginInfo, status: Status, reason: str) -> None:
        # Strict mode is for CI: there a broken plugin must fail the run.
        info = evolve(info, status=status, reason=reason)
        if self._switches.strict:
            raise PluginError(f"{info} cannot be used: {reason} {info.remedy}")
        # It stays listed, so that a lookup that fails for its absence can name it.
        self._plugins[info.name] = _Plugin(info, None)

    def register(self, plugin: object, name: str = "notebook") -> None:
        """Add a plugin object, or a single definition, from a notebook or a test.

        Parameters
        ----------
        plugin : object or Definition
            An object with hook implementations, or one definition.
        name : str
            Its name; registering again under the same name replaces the earlier plugin.

        Raises
        ------
        PluginError
            It violates the contract; none of its definitions is kept.
        """
        # An installed plugin is never replaced: results name the plugin and its version as their provenance.
        old = self._plugins.get(name)
        if old is not None and old.info.distribution != "local":
            raise PluginError(f"plugin name {name!r} is taken by {old.info.distribution}; choose another name.")
        # A notebook cell is run again and again: the same name replaces the earlier definitions.
        definitions = [] if old is None else self._catalogue.definitions_of(name)
        if old is not None:
            self._remove(name)
        info = PluginInfo(name=name, distribution="local", version="0", status="loaded")
        if isinstance(plugin, Definition):
            # Single definitions, as in cells of a notebook, accumulate; a cell that runs again replaces its own.
            keep = [d for d in definitions if (d.kind, d.name) != (plugin.kind, plugin.name)]
            definitions = [*keep, plugin]
            offers = tuple(f"{d.kind} {d.name}" for d in definitions)
            self._plugins[name] = _Plugin(evolve(info, offers=offers), None)
            for definition in definitions:
                self._catalogue.commit(info, definition)
            return
        self._admit(info, plugin)
        added = self._plugins[name].info
        if added.problem:
            del self._plugins[name]
            raise PluginError(f"plugin {name!r} cannot be used: {added.reason}")

    def _remove(self, name: str) -> None:
        del self._plugins[name]
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)
        self._catalogue.remove(name)

    @contextmanager
    def temporarily(self, plugin: object, name: str = "notebook") -> Iterator["PluginHost"]:
        """Register a plugin for the duration of a ``with`` block."""
        self.register(plugin, name)
        try:
            yield self
        finally:
            self._remove(name)

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """All discovered plugins, usable or not, in loading order."""
        return tuple(plugin.info for plugin in self._plugins.values())

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each plugin that could not be used."""
        return tuple(f"{i} was set aside: {i.reason} {i.remedy}" for i in self.plugins if i.problem)

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind, sorted: bare where unambiguous, otherwise ``plugin/name``."""
        return self._catalogue.names(kind)

    def all(self, kind: str) -> list[Registered]:
        """Return all definitions of a kind, each once, in loading order."""
        return self._catalogue.all(kind)

    def get(self, kind: str, name: str) -> Registered:
        """Find a definition by its bare name or as ``plugin/name``.

        Raises
        ------
        InputError
            No definition has that name, or two third-party plugins share it; the message gives the names to write.
        """
        return self._catalogue.get(kind, name, self.plugins)

    def name_of(self, entry: Registered) -> str:
        """Return the shortest valid name of this definition: the bare one where unambiguous."""
        return self._catalogue.name_of(entry)

    def suffixes(self, kind: str) -> list[str]:
        """Return the file suffixes that exporters or plot backends write, sorted."""
        return self._catalogue.suffixes(kind)

    def by_suffix(self, kind: str, suffix: str) -> Registered:
        """Find the exporter or plot backend that writes files of a suffix, such as ``".html"``.

        Raises
        ------
        InputError
            No plugin writes it (the message lists the available suffixes), or two third-party plugins do.
        """
        return self._catalogue.by_suffix(kind, suffix)

    @staticmethod
    def provenance(entry: Registered) -> Provenance:
        """Return the provenance of a definition, for the metadata of a result."""
        d = entry.definition
        return Provenance(d.kind, d.name, entry.plugin, entry.distribution, entry.version)

    def gate(self, hook: str, **arguments: object) -> list[Issue]:
        """Call the gates of all plugins; raise InputError if one refuses, PluginError if one fails."""
        return calling.gate(hook, calling.implementations(self._manager, hook, self._modules(), arguments))

    def observe(self, hook: str, **arguments: object) -> list[Issue]:
        """Call the observers of all plugins; a failure becomes a warning and an Issue and has no other effect."""
        return calling.observe(hook, calling.implementations(self._manager, hook, self._modules(), arguments))

    def _modules(self) -> list[object]:
        return [plugin.module for plugin in self._plugins.values()]


# Made on first use, not at import: `import xpyrment` must not load plugins.
_default: PluginHost | None = None


def default_host() -> PluginHost:
    """Return the host of the process, created on first use from the installed plugins."""
    if _default is None:
        host = use_host(PluginHost())
        for problem in host.problems:
            warn(problem, PluginWarning)
        return host
    return _default


def use_host(host: PluginHost) -> PluginHost:
    """Set the host of the process, for a program that has loaded its plugins already."""
    global _default
    _default = host
    return host


__all__ = [
    "GATES",
    "HOME",
    "HOOKS",
    "OBSERVERS",
    "PluginHost",
    "PluginInfo",
    "PluginWarning",
    "Switches",
    "default_host",
    "use_host",
]
