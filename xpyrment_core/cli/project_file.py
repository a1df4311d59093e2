"""The project configuration ``xpyrment.toml``: where it is searched, whose it may be, and what it may set.

The file may come with a repository, an archive or a shared folder, so it is not trusted like the
command line: it sets options of an allow-list only, and each use is printed and recorded.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from xpyrment_core.errors import InputError

FILE = "xpyrment.toml"
IGNORE_VARIABLE = "XPYRMENT_NO_CONFIG"
"""Environment variable that switches the file off."""

ALLOWED = frozenset(
    {
        # Output.
        "format",
        "debug",
        # Design and method of an analysis; what changes a number is printed with each result.
        *("alpha", "correction", "test", "adjuster", "alternative", "relative_interval"),
        *("control", "treatment", "treatment_col", "group_col", "id_col", "cluster_col", "cluster"),
        *("metric", "covariate", "covariates", "columns", "x_cols", "y_col", "weights", "robust"),
        *("mde", "std", "baseline", "daily_traffic", "margin", "n"),
        # Dialect of the data.
        *("separator", "quote", "encoding", "skip_rows", "sheet", "file_format", "thousands", "missing"),
        *("decimal_comma", "decimal_point", "money", "percent", "success", "types"),
        # Stricter or longer output.
        *("levels", "curve", "fail_on_mismatch", "fail_on_imbalance", "locked"),
    }
)
"""Options of any type that the file may set, by parameter name; others only if they are numbers or choices.

Never on the list: what names a file (``out``, ``report``, ``plot``), switches a safeguard off
(``force``), contains code (``formula``) or names the data.
"""


def find_file(here: Path | None = None) -> Path | None:
    """Return the project's file: in the current folder or a parent within the repository or the home directory.

    The search ends at the folder that contains ``.git``, else at the home directory; outside of both
    only the current folder is searched, because a parent such as ``/tmp`` may belong to anyone.

    Raises
    ------
    InputError
        The file belongs to another user.
    """
    if os.environ.get(IGNORE_VARIABLE, "0") not in ("", "0"):
        return None
    found = next((folder / FILE for folder in _folders(here or Path.cwd()) if (folder / FILE).is_file()), None)
    if found is not None:
        _check_owner(found)
    return found


def _folders(here: Path) -> Iterator[Path]:
    chain = (here, *here.parents)
    last = next((i for i, folder in enumerate(chain) if (folder / ".git").exists()), None)
    if last is None and (home := _home()) in chain:
        last = chain.index(home)
    yield from chain[: 1 + (last or 0)]


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (RuntimeError, OSError):  # a user without a home directory
        return None


def _check_owner(file: Path) -> None:
    if not hasattr(os, "geteuid"):  # Windows
        return
    # The superuser can change every file anyway. Both the link and its target decide what is read.
    trusted = {os.geteuid(), 0}
    for owner in (file.lstat().st_uid, file.stat().st_uid):
        if owner not in trusted:
            raise InputError(
                f"'{file}' belongs to another user (uid {owner}), who could change your results by it; take it over "
                f"with chown, remove it, or run with {IGNORE_VARIABLE}=1."
            )


def may_set(parameter: str, hint: Any) -> bool:
    """Return whether the file may set a parameter of a command.

    Parameters
    ----------
    parameter : str
    hint : type
        Its annotation: a third party's numbers and choices may be set, because they
        cannot name a file or contain code.

    Examples
    --------
    >>> may_set("alpha", float), may_set("out", Path), may_set("port", int | None), may_set("force", bool)
    (True, False, True, False)
    """
    return parameter in ALLOWED or _is_harmless(hint)


def _is_harmless(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return True
    parts = [part for part in get_args(hint) if part is not type(None)]
    if origin is Union or type(hint).__name__ == "UnionType":
        return all(_is_harmless(part) for part in parts)
    if type(hint).__name__ == "TypeAliasType":
        return _is_harmless(hint.__value__)
    # bool is left out: a flag such as force switches a safeguard off.
    return hint in (int, float)
