"""Discovery of plugins: installed entry points, and the settings that allow or block their import."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

GROUP = "xpyrment"
VARIABLES = ("XPYRMENT_BLOCK_PLUGINS", "XPYRMENT_DISABLE_AUTOLOAD", "XPYRMENT_ONLY_PLUGINS", "XPYRMENT_STRICT_PLUGINS")
"""The environment variables of `Switches`."""
HOME = "xpyrment"
"""The distribution of the built-in plugins.

An environment holds one distribution of a name, so a third party cannot claim to be built in.
"""


class Candidate(NamedTuple):
    """The entry point of a plugin, not imported yet.

    Ordered as plugins are loaded: built-in ones first, then by distribution and name,
    so that nothing depends on the order of installation.
    """

    # The order of the fields is the order of comparison; False < True puts the built-in plugins first.
    foreign: bool
    distribution: str
    name: str
    value: str
    version: str


class Switches(NamedTuple):
    """Which plugins may be loaded, from the environment or a caller.

    Attributes
    ----------
    block : frozenset of str
        Plugins or distributions that are never imported (``XPYRMENT_BLOCK_PLUGINS``).
    only : frozenset of str or None
        If given, only these and the built-in ones are imported (``XPYRMENT_ONLY_PLUGINS``).
    autoload : bool
        False leaves out all but the built-in ones (``XPYRMENT_DISABLE_AUTOLOAD=1``).
    strict : bool
        A plugin that cannot be used is an error (``XPYRMENT_STRICT_PLUGINS=1``).
    """

    block: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    autoload: bool = True
    strict: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Switches":
        """Read the four ``XPYRMENT_…`` variables."""
        environ = os.environ if environ is None else environ
        only = _names(environ.get("XPYRMENT_ONLY_PLUGINS", ""))
        return cls(
            block=_names(environ.get("XPYRMENT_BLOCK_PLUGINS", "")),
            # An empty variable counts as unset: `XPYRMENT_ONLY_PLUGINS= command` must not block every plugin.
            only=only or None,
            autoload=environ.get("XPYRMENT_DISABLE_AUTOLOAD", "") not in ("1", "true", "yes"),
            strict=environ.get("XPYRMENT_STRICT_PLUGINS", "") in ("1", "true", "yes"),
        )

    def refuse(self, candidate: Candidate) -> str:
        """Return the reason not to import the candidate, ``""`` if it may be imported."""
        # Decided from metadata alone, before the import: importing a module runs its code, which may be the reason
        # to block it.
        names = {normal(candidate.name), normal(candidate.distribution)}
        if names & self.block:
            return "blocked by XPYRMENT_BLOCK_PLUGINS"
        # Only an explicit block excludes a built-in plugin: without them no analysis works.
        if not candidate.foreign:
            return ""
        if not self.autoload:
            return "left out by XPYRMENT_DISABLE_AUTOLOAD"
        if self.only is not None and not names & self.only:
            return "not in XPYRMENT_ONLY_PLUGINS"
        return ""


def normal(name: str) -> str:
    """Normalise the name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(text: str) -> frozenset[str]:
    return frozenset(normal(part.strip()) if part.strip() else "" for part in text.split(",")) - {""}


def candidates(paths: Iterable[str] | None = None) -> list[Candidate]:
    """List the entry points of the group, each distribution once, in loading order.

    Reads the metadata folders on the import path directly: importing `importlib.metadata`
    takes a tenth of the start-up time of a command.

    Parameters
    ----------
    paths : iterable of str, optional
        Folders to look in; `sys.path` by default.
    """
    entries: dict[tuple[str, str], Candidate] = {}
    for path in dict.fromkeys(sys.path if paths is None else paths):
        for name, version, points in _distributions(path or "."):
            for point, value in points.items():
                # The first on the path takes precedence, as for imports: an older copy behind it is never imported.
                candidate = Candidate(normal(name) != HOME, name, point, value, version)
                entries.setdefault((normal(name), point), candidate)
    return sorted(entries.values())


def _distributions(path: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield name, version and entry points of the distributions in a folder (or a zip file) that have any."""
    if os.path.isfile(path):
        yield from _zipped(path)
        return
    try:
        # Installed wheels have .dist-info; older and development installations have .egg-info.
        folders = [entry.path for entry in os.scandir(path) if entry.name.endswith((".dist-info", ".egg-info"))]
    except OSError:
        return  # sys.path may name folders that do not exist or cannot be read; Python ignores them too
    # The order of scandir depends on the file system.
    for folder in sorted(folders):
        points = _points(_text(folder, "entry_points.txt"))
        if points:
            header = _header(_text(folder, "METADATA") or _text(folder, "PKG-INFO"))
            yield header.get("name", "unknown"), header.get("version", "unknown"), points


def _zipped(path: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    from importlib import metadata  # slow to import, and zip files on the path are rare

    # Metadata inside an archive cannot be opened as a file; archives on the path are rare enough to pay the import.
    for dist in metadata.distributions(path=[path]):
        points = _points(dist.read_text("entry_points.txt") or "")
        if points:
            yield dist.metadata["Name"] or "unknown", dist.version, points


def _text(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _points(text: str) -> dict[str, str]:
    """Return the group's entry points from an ``entry_points.txt``."""
    out: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            # "name = module:attribute [extra]": extras of an entry point are deprecated and have no effect.
            out[name.strip()] = value.partition("[")[0].strip()
    return out


def _header(text: str) -> dict[str, str]:
    """Return the name and version from a metadata file's header, by lower-case field name."""
    out: dict[str, str] = {}
    for line in text.splitlines():
        # The header ends at the first blank line; the description below it may contain a line "Version: …".
        if not line:
            break
        field_name, _, value = line.partition(":")
        if field_name in ("Name", "Version"):
            out[field_name.lower()] = value.strip()
    return out
