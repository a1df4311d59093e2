"""The registration of an experiment file: a copy of the plan, stored beside the file."""

import json
from difflib import unified_diff
from pathlib import Path

from xpyrment_core.errors import InputError


def lock_path(path: Path) -> Path:
    """Return the path of the registration of an experiment file: beside it."""
    return path.with_name(f"{path.stem}.lock.json")


def lock_text(plan: str, sha256: str, when: str) -> str:
    """Return the text of a registration: the plan, its hash and the time."""
    # The whole plan and not only its hash, so that a later difference can be shown, not just detected.
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
            f"'{file}' was never registered: there is no '{path.name}'. Register it before the data are "
            f"analysed: xpyrment register {file}."
        )
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        # Written again in the canonical layout, because an editor may have formatted the file.
        registered, when = json.dumps(lock["plan"], indent=2, sort_keys=True), str(lock["registered"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' is not a registration written by xpyrment: {error}.") from error
    # Compared by plan: sha256 also changes with comments, and is for the reader.
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
