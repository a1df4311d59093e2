"""Chooses the engine that reads given data."""

from typing import Any

from xpyrment_core.errors import InputError, MissingExtraError, listing, warn
from xpyrment_core.registry.catalogue import unavailable
from xpyrment_core.registry.definitions import Registered
from xpyrment_core.registry.host import PluginHost, PluginWarning


def find_engine(host: PluginHost, data: Any, name: str | None = None) -> Registered:
    """Return the engine of that name, else the first by rank that accepts the data.

    Raises
    ------
    InputError
        There is no engine of that name, or none accepts the data.
    """
    if name is not None:
        return host.get("engine", name)
    # Specific engines have a lower rank than general ones; names break ties, so that the choice is reproducible.
    engines = sorted(host.all("engine"), key=lambda e: (getattr(e.definition, "rank", 50), e.qualified))
    missing: list[str] = []
    for entry in engines:
        try:
            if _accepts(entry, data):
                return entry
        except MissingExtraError as error:  # reported if no other engine accepts the data
            missing.append(str(error))
    names = listing(entry.definition.name for entry in engines)
    raise InputError(
        f"no engine reads data of type {type(data).__module__}.{type(data).__qualname__}; "
        f"give a frame (pandas, polars, pyarrow …) or a path to CSV or Parquet. Engines tried: {names}."
        + "".join(f" {problem}." for problem in missing)
        + unavailable(host.plugins)
    )


def _accepts(entry: Registered, data: Any) -> bool:
    try:
        return bool(entry.load()().accepts(data))
    except Exception as error:
        if entry.builtin:
            raise
        # A broken third-party engine must not keep the built-in ones from reading.
        warn(f"engine {entry.qualified!r} was skipped: {error}", PluginWarning)
        return False
