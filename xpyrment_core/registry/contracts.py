"""Contracts of the targets of definitions, checked by ``xpyrment plugins --check``."""

from typing import Any

from xpyrment_core.errors import MissingExtraError, PluginError
from xpyrment_core.registry.definitions import KINDS, Registered
from xpyrment_core.registry.host import PluginHost


def check_targets(host: PluginHost) -> dict[str, str]:
    """Load every target of every plugin and check its contract.

    Returns
    -------
    dict of plugin name to str
        The first thing wrong with each plugin that has something wrong.
    """
    failures: dict[str, str] = {}
    for kind in (definition.kind for definition in KINDS.values()):
        for entry in host.all(kind):
            # The first fault of each plugin is enough: it is not usable, and others often follow from it.
            if entry.plugin not in failures:
                wrong = check_target(entry)
                if wrong:
                    failures[entry.plugin] = f"{kind} {entry.definition.name!r}: {wrong}"
    return failures


def check_target(entry: Registered) -> str:
    """Return what is wrong with one definition's target, ``""`` if nothing."""
    try:
        target = entry.load()
    except (PluginError, MissingExtraError) as error:
        return str(error)
    if entry.definition.kind == "metric":
        return _metric(target)
    if entry.definition.kind == "engine":
        return _has(target, ("accepts", "open"))
    return "" if callable(target) or entry.definition.kind == "command" else "its target is not callable."


def _metric(kind: Any) -> str:
    if not callable(kind):
        return "its target is not a class."
    if not (hasattr(kind, "value") or hasattr(kind, "estimate")):
        return "it has neither value(means) nor estimate(sample)."
    # An attrs class with slots has no class attribute for a field without a default, only an annotation.
    has_columns = hasattr(kind, "columns") or "columns" in getattr(kind, "__annotations__", {})
    return "" if has_columns else "it does not say which columns it reads."


def _has(target: Any, names: tuple[str, ...]) -> str:
    missing = [name for name in names if not hasattr(target, name)]
    return f"it has no {' and no '.join(missing)}." if missing else ""
