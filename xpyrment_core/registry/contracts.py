"""Contract checks of the targets of definitions, made on request."""

from typing import Any

from xpyrment_core.errors import MissingExtraError, PluginError
from xpyrment_core.registry.definitions import KINDS, Registered
from xpyrment_core.registry.host import PluginHost


def check_targets(host: PluginHost) -> dict[str, str]:
    """Load every target of every plugin and check its contract.

    Loading a plugin does not do this: targets are lazy, and importing them all would
    import every numerical library at start-up.

    Returns
    -------
    dict of plugin name to str
        The first violation of each plugin that has one.
    """
    failures: dict[str, str] = {}
    for kind in (definition.kind for definition in KINDS.values()):
        for entry in host.all(kind):
            # One violation per plugin: a broken import usually fails all of its targets in the same way.
            if entry.plugin not in failures:
                violation = check_target(entry)
                if violation:
                    failures[entry.plugin] = f"{kind} {entry.definition.name!r}: {violation}"
    return failures


def check_target(entry: Registered) -> str:
    """Return the violation of the contract by a definition's target, ``""`` if there is none."""
    try:
        target = entry.load()
    except (PluginError, MissingExtraError) as error:
        return str(error)
    if entry.definition.kind == "metric":
        return _metric(target)
    if entry.definition.kind == "engine":
        return _has(target, ("accepts", "open"))
    # The target of a command may be a cyclopts App with subcommands of its own.
    return "" if callable(target) or entry.definition.kind == "command" else "its target is not callable."


def _metric(kind: Any) -> str:
    if not callable(kind):
        return "its target is not a class."
    if not (hasattr(kind, "value") or hasattr(kind, "estimate")):
        return "it has neither value(means) nor estimate(sample)."
    # A dataclass has no class attribute for a field without a default, only its annotation.
    has_columns = hasattr(kind, "columns") or "columns" in getattr(kind, "__annotations__", {})
    return "" if has_columns else "it lacks the attribute columns, the names of the columns it reads."


def _has(target: Any, names: tuple[str, ...]) -> str:
    missing = [name for name in names if not hasattr(target, name)]
    return f"it lacks {' and '.join(missing)}." if missing else ""
