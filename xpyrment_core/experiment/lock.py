"""The registration of an experiment file: the plan as it was, kept beside the file."""

import json
from difflib import unified_diff
from pathlib import Path

from xpyrment_core.errors import InputError


def lock_path(path: Path) -> Path:
    """Return where the registration of an experiment file is kept: beside it."""
    return path.with_name(f"{path.stem}.lock.json")


def lock_text(plan: str, sha256: str, when: str) -> str:
    """Return what a registration says: the plan, its hash and the time."""
    lock = {
        "schema_version": 1,
        "registered": when,
        "sha256": sha256,
        "plan": json.loads(plan),
    }
    return json.dumps(lock, indent=2, sort_keys=True) + "\n"


def check_lock(file: Path, plan: str) -> str:
    """Return when the plan was registered.

    Raises
    ------
    InputError
        It was not registered, or has changed since; the message shows the difference.
    """
    path = lock_path(file)
    if not path.exists():
        raise InputError(
            f"'{file}' was never registered: there is no '{path.name}'. Register it before the data are looked "
            f"at: xpyrment register {file}."
        )
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        registered, when = json.dumps(lock["plan"], indent=2, sort_keys=True), str(lock["registered"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' is not a registration that xpyrment wrote: {error}.") from error
    if registered != plan:
        raise PlanChangedError(file, when, _difference(registered, plan))
    return when


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
