"""Calling gates and observers: one implementation after the other, each failure with its plugin's name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pluggy
from attrs import evolve

from xpyrment_core.errors import InputError, PluginError, XpyrmentError, warn
from xpyrment_core.registry.plugin_info import PluginWarning, one_line
from xpyrment_core.registry.provenance import Issue

HARMLESS = ("warning", "info")
"""Severities that let a step go on; gates fail closed, so any other word stops it."""


def implementations(
    manager: pluggy.PluginManager, hook: str, modules: Iterable[object], arguments: Mapping[str, object]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the implementations of a hook in loading order, each with the arguments it takes."""
    # One by one, so that one failure neither hides nor stops another.
    order = {id(module): i for i, module in enumerate(modules)}
    impls = getattr(manager.hook, hook).get_hookimpls()
    for impl in sorted(impls, key=lambda i: order.get(id(i.plugin), -1)):
        wanted = {name: arguments[name] for name in impl.argnames}
        yield impl.plugin_name, partial(impl.function, **wanted)


def gate(hook: str, implementations: Iterable[tuple[str, Callable[[], Any]]]) -> list[Issue]:
    """Ask every gate and return what they say.

    Raises
    ------
    InputError
        A gate returned an Issue that is neither a warning nor for information, or refused by raising.
    PluginError
        A gate failed, or returned something else than Issues.
    """
    issues: list[Issue] = []
    for plugin, call in implementations:
        issues += _asked(hook, plugin, call)
    errors = [issue for issue in issues if issue.severity not in HARMLESS]
    if errors:
        raise InputError("; ".join(f"{issue.message} (said by plugin {issue.source!r})" for issue in errors))
    return issues


def _asked(hook: str, plugin: str, call: Callable[[], Any]) -> list[Issue]:
    try:
        answer = call()
        # Only None means "nothing to say": list(False) is an error, and so stops the step.
        issues = [] if answer is None else list(answer)
        if any(not isinstance(issue, Issue) for issue in issues):
            raise PluginError(f"hook {hook} must return Issues, got {answer!r}.")
        return [evolve(issue, source=issue.source or plugin) for issue in issues]
    except PluginError as error:
        raise PluginError(f"plugin {plugin!r}: {error}") from error
    except XpyrmentError as error:
        raise InputError(f"{error} (said by plugin {plugin!r})") from error
    except Exception as error:
        raise PluginError(_failed(hook, plugin, error)) from error


def observe(hook: str, implementations: Iterable[tuple[str, Callable[[], Any]]]) -> list[Issue]:
    """Tell every observer; a failure becomes a warning and an Issue, nothing more."""
    failures = []
    for plugin, call in implementations:
        try:
            call()
        except Exception as error:
            message = _failed(hook, plugin, error)
            failures.append(Issue(message, "warning", plugin))
            warn(message, PluginWarning)
    return failures


def _failed(hook: str, plugin: str, error: Exception) -> str:
    return f"hook {hook} of plugin {plugin!r} failed: {type(error).__name__}: {one_line(error)}"
