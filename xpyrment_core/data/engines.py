"""Chooses the engine that reads given data, and opens them."""

from collections.abc import Mapping
from inspect import signature
from typing import Any, cast

from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.source import Source
from xpyrment_core.errors import InputError, MissingExtraError, listing, warn
from xpyrment_core.registry.catalogue import unavailable
from xpyrment_core.registry.definitions import Registered
from xpyrment_core.registry.host import PluginHost, PluginWarning, default_host


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
        f"give a frame (pandas, polars, pyarrow …), a path, or a list of paths. Engines tried: {names}."
        + "".join(f" {problem}." for problem in missing)
        + unavailable(host.plugins)
    )


def open_data(engine: Registered, data: Any, read: "ReadOptions | Mapping[str, Any] | None" = None) -> Source:
    """Open data with an engine.

    Parameters
    ----------
    engine : Registered
    data : object
    read : ReadOptions or mapping, optional

    Raises
    ------
    InputError
        An option is unknown, or the engine has no options of reading.
    """
    options = ReadOptions.of(read)
    opened = engine.load()()
    if not options.given():
        return cast(Source, opened.open(data))
    if "read" not in signature(opened.open).parameters:
        raise InputError(
            f"engine {engine.qualified!r} has no options of reading, got {listing(options.given())}; "
            f"convert the columns first."
        )
    return cast(Source, opened.open(data, read=options))


def open_source(
    data: Any, read: "ReadOptions | Mapping[str, Any] | None" = None, host: PluginHost | None = None
) -> Source:
    """Open data with the engine that an analysis would read them with.

    Raises
    ------
    InputError
        No engine reads the data, or an option of reading is not usable.
    """
    host = default_host() if host is None else host
    return open_data(find_engine(host, data), data, read)


def _accepts(entry: Registered, data: Any) -> bool:
    try:
        return bool(entry.load()().accepts(data))
    except Exception as error:
        if entry.builtin:
            raise
        # A broken third-party engine must not keep the built-in ones from reading.
        warn(f"engine {entry.qualified!r} was skipped: {error}", PluginWarning)
        return False
