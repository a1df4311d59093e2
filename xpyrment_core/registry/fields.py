"""Checks of the fields that definitions share: names, targets and file suffixes."""

import re
from importlib import import_module
from typing import Any

from xpyrment_core.errors import PluginError

# One form for command lines, TOML keys and "plugin/name": no spaces, no upper case, no leading digit.
NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
TARGET = re.compile(r"[\w.]+:[\w.]+")
SUFFIX = re.compile(r"\.[a-z0-9]+")


def load(target: Any) -> Any:
    """Return what a target names, importing it where it is ``"module:attribute"``."""
    if not isinstance(target, str):
        return target
    module, _, path = target.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def check_name(definition: Any, _: Any, name: Any) -> None:
    """Refuse a name that could not be typed on a command line or written in a file."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PluginError(
            f"{definition.kind} name {name!r} is not usable: expected lower-case letters and digits, parts joined by "
            f"'_' or '-', such as 'revenue_per_user'."
        )


def check_target(definition: Any, _: Any, target: Any) -> None:
    """Refuse a missing target, and text that does not name an attribute of a module."""
    if isinstance(target, str) and not TARGET.fullmatch(target):
        raise PluginError(
            f"{definition.kind} {definition.name!r}: target {target!r} is not 'module:attribute', "
            f"such as 'xpyrment_acme.metrics:Margin'."
        )
    if target is None:
        raise PluginError(f"{definition.kind} {definition.name!r} has no target.")


def check_suffixes(definition: Any, _: Any, suffixes: Any) -> None:
    """Refuse suffixes that no file name ends in as `pathlib` reads it, and a bare text in place of a tuple."""
    # A text is an iterable of characters, so ".html" without a tuple would pass an element-wise check.
    good = isinstance(suffixes, tuple) and all(isinstance(s, str) and SUFFIX.fullmatch(s) for s in suffixes)
    if not good:
        raise PluginError(
            f"{definition.kind} {definition.name!r}: suffixes must be a tuple of lower-case file suffixes with their "
            f"dot, such as ('.html',), got {suffixes!r}."
        )
