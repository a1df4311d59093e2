"""Loading of one plugin: import it, check its hooks and collect its definitions."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

import pluggy

from xpyrment_core.errors import PluginError, nearest
from xpyrment_core.registry.definitions import KINDS, Definition
from xpyrment_core.registry.discovery import Candidate, normal
from xpyrment_core.registry.plugin_info import one_line

GATES = ("xpyrment_check_experiment", "xpyrment_before_transition")
OBSERVERS = ("xpyrment_after_transition", "xpyrment_after_analysis")
HOOKS = frozenset((*KINDS, *GATES, *OBSERVERS))


def distinct(found: Iterable[Candidate]) -> list[Candidate]:
    """Make plugin names unique: third-party plugins that share a name get the prefix of their distribution.

    All of them are renamed, not the second one only, so that a name does not depend on what else is installed first.
    """
    ordered = sorted(found)
    count: dict[str, int] = {}
    for candidate in ordered:
        count[candidate.name] = count.get(candidate.name, 0) + 1
    return [
        c._replace(name=f"{normal(c.distribution)}.{c.name}") if c.foreign and count[c.name] > 1 else c for c in ordered
    ]


def import_plugin(value: str) -> object:
    """Import the module or object of an entry point; raise PluginError for a failure of any kind."""
    module_name, _, attribute = value.partition(":")
    try:
        module: object = import_module(module_name)
        for part in attribute.split(".") if attribute else ():
            module = getattr(module, part)
    except KeyboardInterrupt:  # of the user, or SIGTERM
        raise
    # Not only Exception: SystemExit of a script without a main guard, or a BaseException of a plugin, would end the
    # process for a plugin that may not be needed.
    except BaseException as error:
        what = "it calls sys.exit when imported." if isinstance(error, SystemExit) else one_line(error)
        raise PluginError(f"{type(error).__name__}: {what}") from error
    return module


def collect(manager: pluggy.PluginManager, name: str, module: object) -> list[Definition]:
    """Register the hooks of a plugin and return its definitions.

    Raises
    ------
    PluginError
        It violates the contract; the caller then unregisters it.
    """
    # Before registration, because pluggy ignores unknown and undecorated functions without a message.
    _check_hooks(manager, module)
    try:
        manager.register(module, name=name)
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginError(one_line(error)) from error
    definitions = []
    for hook, expected in KINDS.items():
        # Calling the hook would call the implementations of all plugins loaded before, too.
        for impl in getattr(manager.hook, hook).get_hookimpls():
            if impl.plugin is module:
                definitions += _definitions(hook, expected, impl.function)
    _check_unique(definitions)
    return definitions


def _check_hooks(manager: pluggy.PluginManager, module: object) -> None:
    for name in dir(module):
        if not name.startswith("xpyrment_") or not callable(getattr(module, name)):
            continue
        # pluggy ignores functions without the decorator and accepts unknown hooks until check_pending() is called: a
        # misspelt or undecorated gate would never run, and so would not stop any step.
        options = manager.parse_hookimpl_opts(module, name)
        if options is None:
            if name in HOOKS:
                raise PluginError(f"{name} lacks the @hookimpl decorator.")
            continue
        # An optional hook belongs to another version of xpyrment; any other unknown name is a spelling mistake.
        if name not in HOOKS and not options.get("optionalhook"):
            raise PluginError(f"there is no hook {name!r}.{nearest(name, HOOKS)}")
        if options.get("hookwrapper") or options.get("wrapper"):
            # Implementations are called one by one to attribute a failure to a plugin; a wrapper would never be called.
            raise PluginError(f"{name} must not be a wrapper: implementations of a hook are called one by one.")


def _definitions(hook: str, expected: type[Definition], function: Callable[[], Any]) -> list[Definition]:
    try:
        answer = list(function())  # may be a generator: it fails here, inside the try
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{hook} failed: {type(error).__name__}: {one_line(error)}") from error
    for item in answer:
        if not isinstance(item, expected):
            raise PluginError(f"{hook} must return {expected.__name__} objects, got {type(item).__name__}.")
        if not isinstance(item.target, str) and not callable(item.target):
            raise PluginError(f"{hook}: the target of {item.name!r} is not callable, got {item.target!r}.")
    return answer


def _check_unique(definitions: list[Definition]) -> None:
    # Within a plugin "plugin/name" must be unambiguous: no preference could choose between the two.
    seen: set[tuple[str, str]] = set()
    for definition in definitions:
        for name in (definition.name, *definition.aliases):
            if (definition.kind, name) in seen:
                raise PluginError(f"it defines {definition.kind} {name!r} twice.")
            seen.add((definition.kind, name))
