"""Index of the definitions of loaded plugins by kind and name, or by file suffix."""

from collections.abc import Iterable, Mapping

from xpyrment_core.errors import InputError, listing, nearest
from xpyrment_core.registry.definitions import Definition, Registered
from xpyrment_core.registry.plugin_info import PluginInfo


class Catalogue:
    """Definitions with their provenance, in loading order.

    Parameters
    ----------
    prefer : mapping of str to str
        ``{"metric:revenue": "acme"}`` decides which plugin a bare name means, and
        ``{"exporter:.html": "acme"}`` which one serves a suffix.
    """

    def __init__(self, prefer: Mapping[str, str]) -> None:
        self._prefer = prefer
        # A key holds every definition of that name: clashes are resolved at lookup, so that loading two plugins
        # with the same name is an error only for a caller who uses the bare name.
        self._entries: dict[tuple[str, str], list[Registered]] = {}

    def commit(self, info: PluginInfo, definition: Definition) -> None:
        """Add a definition with the provenance of its plugin."""
        entry = Registered(
            definition=definition,
            plugin=info.name,
            distribution=info.distribution,
            version=info.version,
            builtin=info.builtin,
        )
        for name in (definition.name, *definition.aliases):
            self._entries.setdefault((definition.kind, name), []).append(entry)

    def remove(self, plugin: str) -> None:
        """Remove all definitions of a plugin."""
        for key, entries in list(self._entries.items()):
            self._entries[key] = [entry for entry in entries if entry.plugin != plugin]

    def definitions_of(self, plugin: str) -> list[Definition]:
        """Return the definitions of a plugin, each once."""
        # An entry is listed under its name and every alias; equality would merge equal definitions of two plugins.
        entries = {id(e): e for namesakes in self._entries.values() for e in namesakes if e.plugin == plugin}
        return [entry.definition for entry in entries.values()]

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind, sorted: bare where unambiguous, otherwise ``plugin/name``."""
        out = []
        for (k, name), entries in self._entries.items():
            if k == kind and entries:
                if self._chosen(kind, name, entries):
                    out.append(name)
                else:
                    out += [f"{entry.plugin}/{name}" for entry in entries]
        return sorted(set(out))

    def all(self, kind: str) -> list[Registered]:
        """Return all definitions of a kind, each once, in loading order."""
        entries = [entry for (k, _), namesakes in self._entries.items() if k == kind for entry in namesakes]
        return list({id(entry): entry for entry in entries}.values())

    def get(self, kind: str, name: str, plugins: Iterable[PluginInfo]) -> Registered:
        """Find a definition by its bare name or as ``plugin/name``; `plugins` are used in the error message only."""
        if not isinstance(name, str):
            raise InputError(
                f"{kind.replace('_', ' ')} must be a name, got {name!r}; 'xpyrment plugins' lists the names."
            )
        plugin, _, bare = name.rpartition("/")
        entries = self._entries.get((kind, bare), [])
        if plugin:
            entries = [entry for entry in entries if entry.plugin == plugin]
        if not entries:
            # The cause may be a plugin that was blocked or failed to load: the message then names it.
            raise _missing(kind, name, self.names(kind), list(plugins))
        chosen = self._chosen(kind, bare, entries)
        if chosen is None:
            both = " and ".join(f"'{e.plugin}/{bare}' ({e.distribution} {e.version})" for e in entries)
            raise InputError(f"{_words(kind)} {name!r} is offered by several plugins: write {both} in full.")
        return chosen

    def name_of(self, entry: Registered) -> str:
        """Return the shortest valid name of this definition: the bare one where unambiguous."""
        kind, name = entry.definition.kind, entry.definition.name
        return name if self._chosen(kind, name, self._entries.get((kind, name), [])) is entry else entry.qualified

    def suffixes(self, kind: str) -> list[str]:
        """Return the file suffixes that definitions of a kind write, sorted."""
        return sorted({suffix for entry in self.all(kind) for suffix in _served(entry)})

    def by_suffix(self, kind: str, suffix: str) -> Registered:
        """Find the definition of a kind that writes a file suffix; upper and lower case are equal."""
        suffix = suffix.lower()
        entries = [entry for entry in self.all(kind) if suffix in _served(entry)]
        if not entries:
            available = ", ".join(self.suffixes(kind)) or "none"
            raise InputError(f"no {_words(kind)} serves the suffix {suffix!r}; expected one of: {available}.")
        chosen = self._chosen(kind, suffix, entries)
        if chosen is None:
            both = " and ".join(f"{e.qualified!r} ({e.distribution} {e.version})" for e in entries)
            raise InputError(
                f"the suffix {suffix!r} is served by several plugins: {both}; decide with "
                f"PluginHost(prefer={{'{kind}:{suffix}': '{entries[0].plugin}'}}), or block one of them."
            )
        return chosen

    def _chosen(self, kind: str, name: str, entries: list[Registered]) -> Registered | None:
        # The explicit preference comes first: it is the only way to replace a built-in definition.
        preferred = self._prefer.get(f"{kind}:{name}")
        for entry in entries:
            if entry.plugin == preferred:
                return entry
        if len(entries) == 1:
            return entries[0]
        # A built-in definition keeps its bare name, so that installing a plugin changes no existing call.
        return next((entry for entry in entries if entry.builtin), None)


def unavailable(plugins: Iterable[PluginInfo]) -> str:
    """Describe the plugins that were not loaded; return ``""`` if all were."""
    plugins = list(plugins)
    broken = [str(info) for info in plugins if info.problem]
    blocked = [f"{info} ({info.reason})" for info in plugins if info.status == "blocked"]
    text = ""
    if broken:
        text += f" It may belong to a plugin that could not be loaded: {'; '.join(broken)} (see 'xpyrment plugins')."
    if blocked:
        text += f" It may belong to a plugin that was left out: {'; '.join(blocked)}; change that setting to use it."
    return text


def _missing(kind: str, name: str, names: list[str], plugins: list[PluginInfo]) -> InputError:
    text = f"{_words(kind)} {name!r} is not one of: {listing(names)}.{nearest(name, names)}"
    if not plugins:
        text += " No plugin is installed: install the project first (pip install xpyrment)."
    return InputError(text + unavailable(plugins))


def _served(entry: Registered) -> tuple[str, ...]:
    return getattr(entry.definition, "suffixes", ())


def _words(kind: str) -> str:
    return kind.replace("_", " ")
