"""Validators of the fields that definitions share: names, targets and file suffixes."""

import re
from importlib import import_module
from typing import Any

from xpyrment_core.errors import PluginError

# No dot, slash, colon, equals sign or blank: these are separators in "plugin/name", "kind:name" of `prefer` and
# "name=a/b" on the command line. Separators inside a name are single, and never first or last.
NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
TARGET = re.compile(r"[\w.]+:[\w.]+")
SUFFIX = re.compile(r"\.[a-z0-9]+")


def load(target: Any) -> Any:
    """Return the object a target refers to; import it where the target is ``"module:attribute"``."""
    if not isinstance(target, str):
        return target
    module, _, path = target.partition(":")
    result: Any = import_module(module)
    for part in path.split("."):
        result = getattr(result, part)
    return result


def check_name(definition: Any, _: Any, name: Any) -> None:
    """Raise PluginError for a name that cannot be written on a command line or in a file."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PluginError(
            f"{definition.kind} name {name!r} is not valid: use lower-case letters and digits, parts joined by "
            f"'_' or '-', such as 'revenue_per_user'."
        )


def check_target(definition: Any, _: Any, target: Any) -> None:
    """Raise PluginError for a missing target, or a text that is not ``"module:attribute"``."""
    # Only the form is checked: resolving the text would import the module at start-up. `check_targets` does that.
    if isinstance(target, str) and not TARGET.fullmatch(target):
        raise PluginError(
            f"{definition.kind} {definition.name!r}: target {target!r} is not 'module:attribute', "
            f"such as 'xpyrment_acme.metrics:Margin'."
        )
    if target is None:
        raise PluginError(f"{definition.kind} {definition.name!r} has no target.")


def check_suffixes(definition: Any, _: Any, suffixes: Any) -> None:
    """Raise PluginError unless `suffixes` is a tuple of suffixes that `Path.suffix` can return."""
    # A bare ".html" would pass a check of its items: a text iterates over its characters.
    valid = isinstance(suffixes, tuple) and all(isinstance(s, str) and SUFFIX.fullmatch(s) for s in suffixes)
    if not valid:
        raise PluginError(
            f"{definition.kind} {definition.name!r}: suffixes must be a tuple of lower-case file suffixes with their "
            f"dot, such as ('.html',), got {suffixes!r}."
        )
