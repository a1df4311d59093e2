"""The plugin host: loads plugins one by one, keeps what they offer, and answers by name."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, Literal, NamedTuple

import pluggy
from attrs import evolve, frozen

from xpyrment_core.errors import InputError, PluginError, XpyrmentError, listing, nearest, warn
from xpyrment_core.registry import hookspecs
from xpyrment_core.registry.definitions import KINDS, Definition, Registered
from xpyrment_core.registry.discovery import HOME, Candidate, Switches, candidates, normal
from xpyrment_core.registry.provenance import Issue, Provenance

Status = Literal["loaded", "blocked", "broken", "incompatible"]
GATES = ("xpyrment_check_experiment", "xpyrment_before_transition")
OBSERVERS = ("xpyrment_after_transition", "xpyrment_after_analysis")
HOOKS = frozenset((*KINDS, *GATES, *OBSERVERS))
HEAVY = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib", "polars", "pyarrow", "duckdb", "plotly")


class PluginWarning(UserWarning):
    """A plugin was set aside, or one of its observers failed; no number is affected."""


@frozen(kw_only=True)
class PluginInfo:
    """What the host knows of one plugin, usable or not.

    Attributes
    ----------
    name, distribution, version : str
    status : {"loaded", "blocked", "broken", "incompatible"}
    reason : str
        Why it is not loaded, or what to know although it is.
    offers : tuple of str
        ``"metric mean"``, ``"command power"`` …
    seconds : float
        Time its import took.
    heavy : tuple of str
        Heavy libraries that its import pulled in; a light plugin module has none.
    """

    name: str
    distribution: str
    version: str
    status: Status
    reason: str = ""
    offers: tuple[str, ...] = ()
    seconds: float = 0.0
    heavy: tuple[str, ...] = ()
    builtin: bool = False

    @property
    def problem(self) -> bool:
        """Whether something is wrong with it (being blocked is not)."""
        return self.status in ("broken", "incompatible")

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}"


class _Plugin(NamedTuple):
    info: PluginInfo
    module: object


class PluginHost:
    """Loaded plugins and what they define.

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
        self._registry: dict[tuple[str, str], list[Registered]] = {}
        if autoload or found is not None:
            for candidate in _distinct(candidates() if found is None else found):
                self._discover(candidate)

    # Loading -----------------------------------------------------------------

    def _discover(self, candidate: Candidate) -> None:
        info = PluginInfo(
            name=candidate.name,
            distribution=candidate.distribution,
            version=candidate.version,
            status="loaded",
            builtin=not candidate.foreign,
        )
        refused = self._switches.refuse(candidate)
        if refused:
            self._plugins[info.name] = _Plugin(evolve(info, status="blocked", reason=refused), None)
            return
        before, start = set(sys.modules), time.perf_counter()
        try:
            module = _import(candidate.value)
        except PluginError as error:
            self._set_aside(info, "broken", str(error))
            return
        loaded = set(sys.modules) - before
        info = evolve(info, seconds=time.perf_counter() - start, heavy=tuple(h for h in HEAVY if h in loaded))
        self._admit(info, module)

    def _admit(self, info: PluginInfo, module: object) -> None:
        api = getattr(module, "XPYRMENT_API", hookspecs.API_VERSION)
        if api != hookspecs.API_VERSION:
            self._set_aside(info, "incompatible", f"it wants plugin API {api}, this is {hookspecs.API_VERSION}.")
            return
        try:
            definitions = self._hook_up(info, module)
        except PluginError as error:
            if self._manager.has_plugin(info.name):
                self._manager.unregister(name=info.name)
            self._set_aside(info, "broken", str(error))
            return
        offers = tuple(f"{d.kind} {d.name}" for d in definitions)
        self._plugins[info.name] = _Plugin(evolve(info, offers=offers), module)
        for definition in definitions:
            self._commit(info, definition)

    def _hook_up(self, info: PluginInfo, module: object) -> list[Definition]:
        """Register the plugin's hooks and return what it defines; all of it or an error."""
        _check_hooks(self._manager, module)
        try:
            self._manager.register(module, name=info.name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(_one_line(error)) from error
        definitions = []
        for hook, wanted in KINDS.items():
            for impl in getattr(self._manager.hook, hook).get_hookimpls():
                if impl.plugin is module:
                    definitions += _definitions(hook, wanted, impl.function)
        _check_unique(definitions)
        return definitions

    def _commit(self, info: PluginInfo, definition: Definition) -> None:
        entry = Registered(
            definition=definition,
            plugin=info.name,
            distribution=info.distribution,
            version=info.version,
            builtin=info.builtin,
        )
        for name in (definition.name, *definition.aliases):
            self._registry.setdefault((definition.kind, name), []).append(entry)

    def _set_aside(self, info: PluginInfo, status: Status, reason: str) -> None:
        info = evolve(info, status=status, reason=reason)
        if self._switches.strict:
            raise PluginError(f"{info} cannot be used: {reason} {_way_round(info)}")
        self._plugins[info.name] = _Plugin(info, None)

    def register(self, plugin: object, name: str = "notebook") -> None:
        """Add a plugin object, or a single definition, made in a notebook or a test.

        Parameters
        ----------
        plugin : object or Definition
            Something with hook implementations, or one definition.
        name : str
            Its name; registering again under the same name replaces what it offered.

        Raises
        ------
        PluginError
            It breaks the contract; nothing of it is kept.
        """
        old = self._plugins.get(name)
        if old is not None and old.info.distribution != "local":
            raise PluginError(f"plugin name {name!r} is taken by {old.info.distribution}; choose another name.")
        definitions = [] if old is None else self._definitions_of(name)
        if old is not None:
            self._remove(name)
        info = PluginInfo(name=name, distribution="local", version="0", status="loaded")
        if isinstance(plugin, Definition):
            keep = [d for d in definitions if (d.kind, d.name) != (plugin.kind, plugin.name)]
            definitions = [*keep, plugin]
            offers = tuple(f"{d.kind} {d.name}" for d in definitions)
            self._plugins[name] = _Plugin(evolve(info, offers=offers), None)
            for definition in definitions:
                self._commit(info, definition)
            return
        self._admit(info, plugin)
        added = self._plugins[name].info
        if added.problem:
            del self._plugins[name]
            raise PluginError(f"plugin {name!r} cannot be used: {added.reason}")

    def _definitions_of(self, name: str) -> list[Definition]:
        entries = {id(e): e for found in self._registry.values() for e in found if e.plugin == name}
        return [entry.definition for entry in entries.values()]

    def _remove(self, name: str) -> None:
        del self._plugins[name]
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)
        for key, entries in list(self._registry.items()):
            self._registry[key] = [entry for entry in entries if entry.plugin != name]

    @contextmanager
    def temporarily(self, plugin: object, name: str = "notebook") -> Iterator["PluginHost"]:
        """Register a plugin for the length of a ``with`` block."""
        self.register(plugin, name)
        try:
            yield self
        finally:
            self._remove(name)

    # Looking up --------------------------------------------------------------

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """All plugins found, usable or not, in loading order."""
        return tuple(plugin.info for plugin in self._plugins.values())

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each plugin that could not be used."""
        return tuple(f"{i} was set aside: {i.reason} {_way_round(i)}" for i in self.plugins if i.problem)

    def names(self, kind: str) -> list[str]:
        """Return the bare names of a kind, sorted; where only the full name is clear, that one."""
        out = []
        for (k, name), entries in self._registry.items():
            if k == kind and entries:
                if self._clear(kind, name, entries):
                    out.append(name)
                else:
                    out += [f"{entry.plugin}/{name}" for entry in entries]
        return sorted(set(out))

    def all(self, kind: str) -> list[Registered]:
        """Return everything of a kind, each once, in loading order."""
        entries = [entry for (k, _), found in self._registry.items() if k == kind for entry in found]
        return list({id(entry): entry for entry in entries}.values())

    def get(self, kind: str, name: str) -> Registered:
        """Find a definition by its bare name or as ``plugin/name``.

        Raises
        ------
        InputError
            Nothing of that name, or two third-party namesakes; the message says what to write.
        """
        plugin, _, bare = name.rpartition("/")
        entries = self._registry.get((kind, bare), [])
        if plugin:
            entries = [entry for entry in entries if entry.plugin == plugin]
        if not entries:
            raise self._missing(kind, name)
        chosen = self._clear(kind, bare, entries)
        if chosen is None:
            both = " and ".join(f"'{e.plugin}/{bare}' ({e.distribution} {e.version})" for e in entries)
            raise InputError(f"{_words(kind)} {name!r} is offered by several plugins: write {both} in full.")
        return chosen

    def _clear(self, kind: str, name: str, entries: list[Registered]) -> Registered | None:
        preferred = self.prefer.get(f"{kind}:{name}")
        for entry in entries:
            if entry.plugin == preferred:
                return entry
        if len(entries) == 1:
            return entries[0]
        return next((entry for entry in entries if entry.builtin), None)

    def _missing(self, kind: str, name: str) -> InputError:
        names = self.names(kind)
        text = f"{_words(kind)} {name!r} is not one of: {listing(names)}.{nearest(name, names)}"
        if not self._plugins:
            text += " No plugin is installed: install the project first (pip install xpyrment)."
        broken = [str(info) for info in self.plugins if info.problem]
        if broken:
            text += f" Perhaps it belongs to what could not be loaded: {'; '.join(broken)} (see 'xpyrment plugins')."
        return InputError(text)

    @staticmethod
    def provenance(entry: Registered) -> Provenance:
        """Return who made a definition, for the record of a result."""
        d = entry.definition
        return Provenance(d.kind, d.name, entry.plugin, entry.distribution, entry.version)

    # Gates and observers -----------------------------------------------------

    def gate(self, hook: str, **arguments: object) -> list[Issue]:
        """Ask every plugin's gate; raise InputError if one of them says ``"error"``."""
        issues: list[Issue] = []
        for plugin, call in self._implementations(hook, arguments):
            try:
                answer = list(call() or ())
            except XpyrmentError:
                raise
            except Exception as error:
                message = f"hook {hook} of plugin {plugin!r} failed: {type(error).__name__}: {_one_line(error)}"
                raise PluginError(message) from error
            if any(not isinstance(issue, Issue) for issue in answer):
                raise PluginError(f"hook {hook} of plugin {plugin!r} must return Issues, got {answer!r}.")
            issues += [evolve(issue, source=issue.source or plugin) for issue in answer]
        errors = [issue for issue in issues if issue.severity == "error"]
        if errors:
            raise InputError("; ".join(f"{issue.message} (said by plugin {issue.source!r})" for issue in errors))
        return issues

    def observe(self, hook: str, **arguments: object) -> list[Issue]:
        """Tell every plugin's observer; a failure becomes a warning and an Issue, nothing more."""
        failures = []
        for plugin, call in self._implementations(hook, arguments):
            try:
                call()
            except Exception as error:
                message = f"hook {hook} of plugin {plugin!r} failed: {type(error).__name__}: {_one_line(error)}"
                failures.append(Issue(message, "warning", plugin))
                warn(message, PluginWarning)
        return failures

    def _implementations(self, hook: str, arguments: Mapping[str, object]) -> Iterator[tuple[str, Callable[[], Any]]]:
        # One by one and in loading order, so that one failure neither hides nor stops another.
        order = {id(plugin.module): i for i, plugin in enumerate(self._plugins.values())}
        impls = getattr(self._manager.hook, hook).get_hookimpls()
        for impl in sorted(impls, key=lambda i: order.get(id(i.plugin), -1)):
            wanted = {name: arguments[name] for name in impl.argnames}
            yield impl.plugin_name, partial(impl.function, **wanted)


def _distinct(found: Iterable[Candidate]) -> list[Candidate]:
    """Make plugin names unique without regard to order: a clash is resolved by the distribution's name."""
    ordered = sorted(found)
    count: dict[str, int] = {}
    for candidate in ordered:
        count[candidate.name] = count.get(candidate.name, 0) + 1
    return [
        evolve(c, name=f"{normal(c.distribution)}.{c.name}") if c.foreign and count[c.name] > 1 else c for c in ordered
    ]


def _import(value: str) -> object:
    module_name, _, attribute = value.partition(":")
    try:
        module: object = import_module(module_name)
        for part in attribute.split(".") if attribute else ():
            module = getattr(module, part)
    except (Exception, SystemExit) as error:
        what = "it calls sys.exit when imported." if isinstance(error, SystemExit) else _one_line(error)
        raise PluginError(f"{type(error).__name__}: {what}") from error
    return module


def _check_hooks(manager: pluggy.PluginManager, module: object) -> None:
    for name in dir(module):
        if not name.startswith("xpyrment_") or not callable(getattr(module, name)):
            continue
        options = manager.parse_hookimpl_opts(module, name)
        if options is None:
            if name in HOOKS:
                raise PluginError(f"{name} lacks the @hookimpl decorator.")
            continue
        if name not in HOOKS and not options.get("optionalhook"):
            raise PluginError(f"there is no hook {name!r}.{nearest(name, HOOKS)}")
        if options.get("hookwrapper") or (options.get("wrapper") and name in KINDS):
            raise PluginError(f"{name} must not be a wrapper: a definition hook only returns definitions.")


def _definitions(hook: str, wanted: type[Definition], function: Callable[[], Any]) -> list[Definition]:
    try:
        answer = list(function())
    except (Exception, SystemExit) as error:
        raise PluginError(f"{hook} failed: {type(error).__name__}: {_one_line(error)}") from error
    for item in answer:
        if not isinstance(item, wanted):
            raise PluginError(f"{hook} must return {wanted.__name__} objects, got {type(item).__name__}.")
        if not isinstance(item.target, str) and not callable(item.target):
            raise PluginError(f"{hook}: the target of {item.name!r} is not callable, got {item.target!r}.")
    return answer


def _check_unique(definitions: list[Definition]) -> None:
    seen: set[tuple[str, str]] = set()
    for definition in definitions:
        for name in (definition.name, *definition.aliases):
            if (definition.kind, name) in seen:
                raise PluginError(f"it defines {definition.kind} {name!r} twice.")
            seen.add((definition.kind, name))


def _way_round(info: PluginInfo) -> str:
    return f"Leave it out with XPYRMENT_BLOCK_PLUGINS={info.name}, or mend or uninstall {info.distribution}."


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _words(kind: str) -> str:
    return kind.replace("_", " ")


_default: PluginHost | None = None


def default_host() -> PluginHost:
    """Return the process's own host, made on first use from what is installed."""
    if _default is None:
        host = use_host(PluginHost())
        for problem in host.problems:
            warn(problem, PluginWarning)
        return host
    return _default


def use_host(host: PluginHost) -> PluginHost:
    """Make `host` the process's own, as a program does that has loaded its plugins already."""
    global _default
    _default = host
    return host


__all__ = ["HOME", "PluginHost", "PluginInfo", "PluginWarning", "Switches", "default_host", "use_host"]
