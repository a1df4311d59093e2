"""Makes example instances of definitions, so that any plugin can be checked automatically."""

import inspect
from collections.abc import Collection, Iterator
from typing import Any

from xpyrment_core.errors import InputError, MissingExtraError, PluginError
from xpyrment_core.registry.definitions import (
    KINDS,
    CorrectionDefinition,
    MetricDefinition,
    PlotBackendDefinition,
    Registered,
    TestDefinition,
)
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.testing.example_values import plots
from xpyrment_core.testing.kinds import checks_for
from xpyrment_core.testing.running import Check

QUICK = ("diagnostic", "plot_backend", "exporter", "command")
"""Kinds whose checks neither simulate nor need options."""


NUMBER = 0.5
"""What a numeric parameter without a default gets: a share, or a cap that most values exceed."""


def example_parameters(kind: Any) -> dict[str, Any]:
    """Return parameters for a metric's class: a text parameter gets its own name as column, a number 0.5.

    Raises
    ------
    InputError
        A required parameter is neither text nor a number, so that an example would be a guess.

    Examples
    --------
    >>> class Margin:
    ...     def __init__(self, name: str, cost_col: str, revenue_col: str, discount: float = 0.0) -> None: ...
    >>> example_parameters(Margin)
    {'cost_col': 'cost_col', 'revenue_col': 'revenue_col'}
    """
    parameters: dict[str, Any] = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        skipped = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if name == "name" or skipped or parameter.default is not parameter.empty:
            continue
        annotation = str(getattr(parameter.annotation, "__name__", parameter.annotation))
        if "float" in annotation or "int" in annotation:
            parameters[name] = NUMBER
        elif annotation in ("str", "_empty", "Any"):
            parameters[name] = name
        else:
            raise InputError(
                f"{kind.__name__} needs {name!r} of type {annotation}, for which there is no example; "
                f"write a test for it: check_metric({kind.__name__}(…))."
            )
    return parameters


def example_metric(kind: Any, name: str = "example") -> Any:
    """Return a metric made with `example_parameters`."""
    return kind(name=name, **example_parameters(kind))


def plugin_checks(
    host: PluginHost, plugin: str, full: bool = False, kinds: Collection[str] | None = None
) -> Iterator[tuple[str, list[Check] | str]]:
    """Yield the title of each definition of a plugin, with its checks or the reason why there are none.

    Parameters
    ----------
    host : PluginHost
    plugin : str
    full : bool
        Simulate up to 16,000 experiments per check, not 2,000.
    kinds : collection of str, optional
        Only these kinds.
    """
    for kind in (definition.kind for definition in KINDS.values()):
        if kinds is not None and kind not in kinds:
            continue
        for entry in host.all(kind):
            if entry.plugin == plugin:
                title = f"{kind} {entry.definition.name}"
                try:
                    yield title, _checks(entry, fast=not full)
                except InputError as error:
                    yield title, str(error)
                except PluginError as error:
                    # A missing optional library is a property of this installation, not a fault of the plugin.
                    if not isinstance(error.__cause__, MissingExtraError):
                        raise
                    yield title, str(error.__cause__)


def _checks(entry: Registered, fast: bool) -> list[Check]:
    definition = entry.definition
    options: dict[str, Any] = {} if definition.kind in (*QUICK, "engine") else {"fast": fast}
    subject: Any = definition
    if isinstance(definition, MetricDefinition):
        subject = example_metric(entry.load())
    if isinstance(definition, CorrectionDefinition):
        # Step-up procedures such as Benjamini-Hochberg exceed a family-wise rate of 5 % by design.
        options["controls"] = "fdr" if "fdr" in definition.name else "fwer"
    if isinstance(definition, TestDefinition) and definition.needs == "samples":
        options |= {"estimand": None, "shift": False}  # its effect need not be a difference of means
    if isinstance(definition, PlotBackendDefinition):
        _check_installed(entry)
    return checks_for(definition.kind, subject, **options)


def _check_installed(entry: Registered) -> None:
    """Raise InputError if the plotting library is not installed; a broken backend is left to the checks."""
    draw = entry.load()
    try:
        draw(next(plots()))
    except MissingExtraError as error:
        raise InputError(str(error)) from error
    except Exception:
        return  # the checks report it
