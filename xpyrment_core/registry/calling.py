"""Calls of gates and observers: one implementation at a time, each failure attributed to its plugin."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pluggy
from attrs import evolve

from xpyrment_core.errors import InputError, PluginError, XpyrmentError, warn
from xpyrment_core.registry.plugin_info import PluginWarning, one_line
from xpyrment_core.registry.provenance import Issue

HARMLESS = ("warning", "info")
"""Severities that let a step continue; gates fail closed, so any other value stops it."""


def implementations(
    manager: pluggy.PluginManager, hook: str, modules: Iterable[object], arguments: Mapping[str, object]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the implementations of a hook in loading order, each with the arguments it takes."""
    # `manager.hook.x()` is not used: pluggy stops at the first exception, does not report which plugin raised it,
    # and calls the implementations in reverse order of registration.
    order = {id(module): i for i, module in enumerate(modules)}
    impls = getattr(manager.hook, hook).get_hookimpls()
    for impl in sorted(impls, key=lambda i: order.get(id(i.plugin), -1)):
        # Arguments are passed by name and only where declared, so that a hook can gain one without breaking plugins.
        accepted = {name: arguments[name] for name in impl.argnames}
        yield impl.plugin_name, partial(impl.function, **accepted)


def gate(hook: str, implementations: Iterable[tuple[str, Callable[[], Any]]]) -> list[Issue]:
    """Call every gate and return the issues they report.

    Raises
    ------
    InputError
        A gate returned an Issue of severity ``"error"``, or raised an XpyrmentError.
    PluginError
        A gate failed, or returned objects other than Issues.
    """
    issues: list[Issue] = []
    for plugin, call in implementations:
        issues += _issues_of(hook, plugin, call)
    # Every gate is called before any error is raised: the user fixes all of them in one go.
    errors = [issue for issue in issues if issue.severity not in HARMLESS]
    if errors:
        raise InputError("; ".join(f"{issue.message} (said by plugin {issue.source!r})" for issue in errors))
    return issues


def _issues_of(hook: str, plugin: str, call: Callable[[], Any]) -> list[Issue]:
    try:
        answer = call()
        # Only None means "no issues". A gate that returns False probably means a refusal; list(False) raises
        # TypeError, so the gate fails closed instead of passing.
        issues = [] if answer is None else list(answer)
        if any(not isinstance(issue, Issue) for issue in issues):
            raise PluginError(f"hook {hook} must return Issues, got {answer!r}.")
        return [evolve(issue, source=issue.source or plugin) for issue in issues]
    except PluginError as error:
        raise PluginError(f"plugin {plugin!r}: {error}") from error
    except XpyrmentError as error:
        raise InputError(f"{error} (said by plugin {plugin!r})") from error
    except Exception as error:
        # A gate that cannot decide must not let the step pass.
        raise PluginError(_failed(hook, plugin, error)) from error


def observe(hook: str, implementations: Iterable[tuple[str, Callable[[], Any]]]) -> list[Issue]:
    """Call every observer; a failure becomes a warning and an Issue and has no other effect."""
    failures = []
    for plugin, call in implementations:
        try:
            call()
        except Exception as error:
            # The step is complete when observers run: an exception here would hide a valid result.
            message = _failed(hook, plugin, error)
            failures.append(Issue(message, "warning", plugin))
            warn(message, PluginWarning)
    return failures


def _failed(hook: str, plugin: str, error: Exception) -> str:
    return f"hook {hook} of plugin {plugin!r} failed: {type(error).__name__}: {one_line(error)}"
