"""The registration of an experiment file: a copy of the plan, stored beside the file."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

from attrs import field, frozen

from xpyrment_core.errors import InputError


def lock_path(path: Path) -> Path:
    """Return the path of the registration of an experiment file: beside it."""
    return path.with_name(f"{path.stem}.lock.json")


@frozen
class Registration:
    """A registration of an experiment file.

    Attributes
    ----------
    when : str
        Time of the registration.
    data : tuple of dict
        The data files at that time: ``path``, ``bytes`` and ``sha256``.
    data_fixed : bool
        Whether the data belong to the plan: ``--locked`` then refuses other data.
    document : dict
        The registration as it is stored.
    """

    when: str
    data: tuple[dict[str, Any], ...] = ()
    data_fixed: bool = False
    document: dict[str, Any] = field(factory=dict)

    def changes(self, now: Sequence[dict[str, Any]]) -> str:
        """Return how the data differ from those at registration, empty if they do not or are not known."""
        then = {one["path"]: one for one in self.data}
        current = {one["path"]: one for one in now}
        if not then:
            return ""
        parts = [f"{path!r} was added" for path in current.keys() - then.keys()]
        parts += [f"{path!r} is missing" for path in then.keys() - current.keys()]
        parts += [
            f"{path!r} had {then[path]['bytes']:,} bytes and has {current[path]['bytes']:,}"
            if then[path]["bytes"] != current[path]["bytes"]
            else f"{path!r} has other contents of the same length"
            for path in then.keys() & current.keys()
            if then[path]["sha256"] != current[path]["sha256"]
        ]
        return "; ".join(sorted(parts))


def lock_text(
    plan: str,
    sha256: str,
    when: str,
    data: Sequence[dict[str, Any]] = (),
    data_fixed: bool = False,
    earlier: Registration | None = None,
) -> str:
    """Return the text of a registration: the plan, its hash, the time, the data, and earlier registrations."""
    # The whole plan and not only its hash, so that a later difference can be shown, not just detected.
    lock = {
        "schema_version": 1,
        "registered": when,
        "sha256": sha256,
        "plan": json.loads(plan),
        "data": list(data),
        "data_fixed": data_fixed,
        "history": _history(earlier),
    }
    return json.dumps(lock | {"checksum": _checksum(lock)}, indent=2, sort_keys=True) + "\n"


def _history(earlier: Registration | None) -> list[dict[str, Any]]:
    if earlier is None:
        return []
    past = {key: value for key, value in earlier.document.items() if key not in ("history", "checksum")}
    return [*earlier.document.get("history", []), past]


def _checksum(lock: dict[str, Any]) -> str:
    text = json.dumps({key: value for key, value in lock.items() if key != "checksum"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_lock(path: Path) -> Registration:
    """Read a registration.

    Raises
    ------
    InputError
        It is not one, or was edited after it had been written.
    """
    if not path.is_file():  # reading a pipe would wait for ever
        raise InputError(f"'{path}' is not a registration written by xpyrment: it is not a regular file.")
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        lock["plan"]["experiment"]
        found = Registration(
            str(lock["registered"]), tuple(lock.get("data", ())), bool(lock.get("data_fixed", False)), lock
        )
        edited = lock.get("checksum", _checksum(lock)) != _checksum(lock)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise InputError(f"'{path}' is not a registration written by xpyrment: {error}.") from error
    if edited:
        raise InputError(
            f"'{path}' was edited after it had been written, so it does not show what was registered; restore it, "
            f"or register again with --force."
        )
    return found


def check_lock(file: Path, plan: str) -> Registration:
    """Return the registration of a plan.

    Raises
    ------
    InputError
        It was not registered, or has changed since; the message shows the difference.
    """
    path = lock_path(file)
    if not path.exists():
        raise InputError(
            f"'{file}' was never registered: there is no '{path.name}'. Register it before the data are "
            f"analysed: xpyrment register {file}."
        )
    found = read_lock(path)
    # Compared by plan: sha256 also changes with comments, and is for the reader. Written again in the canonical
    # layout, because an editor may have formatted the file.
    registered = json.dumps(found.document["plan"], indent=2, sort_keys=True)
    if registered != plan:
        raise PlanChangedError(file, found.when, _difference(registered, plan))
    return found


def fingerprints(paths: Iterable[str], folder: Path) -> tuple[dict[str, Any], ...]:
    """Return path, size and SHA-256 of data files; paths within `folder` are relative to it.

    Raises
    ------
    InputError
        A file cannot be read.
    """
    return tuple(_fingerprint(Path(path), folder) for path in paths)


def _fingerprint(path: Path, folder: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}.") from error
    absolute = path.resolve()
    inside = absolute.is_relative_to(folder.resolve())
    shown = absolute.relative_to(folder.resolve()) if inside else absolute
    return {"path": shown.as_posix(), "bytes": size, "sha256": digest}


def _difference(old: str, new: str) -> str:
    lines = unified_diff(old.splitlines(), new.splitlines(), "registered", "now", lineterm="", n=1)
    return "\n".join(lines)


class PlanChangedError(InputError):
    """The plan is not the one that was registered; `details` is the unified diff."""

    def __init__(self, path: Path, when: str, difference: str) -> None:
        super().__init__(
            f"'{path}' changed since it was registered on {when}; analyse it without --locked, or restore it."
        )
        self.details = difference


class DataChangedError(InputError):
    """The data are not those that were registered together with the plan."""

    def __init__(self, path: Path, when: str, changes: str) -> None:
        super().__init__(
            f"the data of '{path}' changed since they were registered with it on {when}: {changes}. Restore them, "
            f"analyse without --locked, or register again."
        )
