"""Exceptions of xpyrment, and helpers that compose their messages.

A message states what was wrong, what was given, what is expected and how to fix
it, in that order; input is checked before any work starts.
"""

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar


class XpyrmentError(Exception):
    """Base class of all exceptions of xpyrment; the command line prints them as one line.

    Attributes
    ----------
    details : str
        Lines shown below the message, such as a diff; usually empty.
    heading : str
        First word of that line.
    """

    heading: ClassVar[str] = "Error"
    details: str = ""


class InputError(XpyrmentError, ValueError):
    """An argument, a label, a column or an option is not usable as given."""


class PhaseOrderError(XpyrmentError, RuntimeError):
    """A step was requested in a state of the experiment that does not allow it."""


class PluginError(XpyrmentError):
    """A plugin violates its contract, or is required and cannot be loaded."""


class EngineError(XpyrmentError):
    """Reading the data failed: a missing file, a lost session or an unsupported type."""


class MissingExtraError(XpyrmentError, ImportError):
    """A required library is not installed; the message gives the command that installs it."""


class NotEstimable(XpyrmentError):  # noqa: N818 - it names a state of a result, not a mistake
    """A quantity that cannot be estimated from these data, with the reason.

    Metrics, tests and adjusters raise it; the analysis records the reason in
    that metric's result (status ``"not_estimable"``) and continues with the others.

    Attributes
    ----------
    reason : str
        One plain sentence for the reader of the report.
    """

    def __init__(self, reason: str) -> None:
        # The reason is the only positional argument, so that the exception survives pickling between processes.
        super().__init__(reason)
        self.reason = reason


class CovariateRefused(NotEstimable):
    """A covariate that cannot be used; the metric can still be estimated without it.

    Adjusters raise it, one covariate at a time; the analysis drops that covariate,
    reports `reason`, and adjusts again with the rest.

    Attributes
    ----------
    covariate : str
        Name of the moments' column that is refused.
    reason : str
        One plain sentence that names the covariate.

    Examples
    --------
    >>> CovariateRefused("age", "it does not vary").reason
    "covariate 'age' is left out: it does not vary"
    """

    def __init__(self, covariate: str, why: str) -> None:
        super().__init__(f"covariate {covariate!r} is left out: {why}")
        # Both arguments, from which pickle makes the exception again.
        self.args = (covariate, why)
        self.covariate = covariate

    def __str__(self) -> str:
        return self.reason


@contextmanager
def not_estimable_if_broken(what: object) -> Iterator[None]:
    """Turn any other exception of a plugin's method into NotEstimable, naming `what`.

    A bug in one metric must not prevent the results of the other metrics of the call.

    Examples
    --------
    >>> with not_estimable_if_broken("metric 'margin'"):
    ...     {}["cost"]
    Traceback (most recent call last):
        ...
    xpyrment_core.errors.NotEstimable: metric 'margin' failed: KeyError: 'cost'
    """
    try:
        yield
    # Our own errors have a message already; KeyboardInterrupt and SystemExit are not failures of a method.
    except XpyrmentError:
        # It is worded for the user already, and MissingExtraError carries the command that fixes it.
        raise
    except Exception as error:
        raise NotEstimable(f"{what} failed: {type(error).__name__}: {error}") from error


@contextmanager
def needs_library(what: str, *libraries: str, own: str = "") -> Iterator[None]:
    """Convert the failed import of a library that is not installed into MissingExtraError.

    Parameters
    ----------
    what : str
        What cannot be done without it: the start of the message.
    *libraries : str
        Libraries that are required together: the message names all that are missing.
    own : str, optional
        A package that is always installed: a failure to import it is a bug, and is raised unchanged.

    Examples
    --------
    >>> with needs_library("a regression"):
    ...     import no_such_library
    Traceback (most recent call last):
        ...
    xpyrment_core.errors.MissingExtraError: a regression needs 'no_such_library', not installed here.
    Install with: pip install no_such_library
    """
    try:
        yield
    except ModuleNotFoundError as error:
        from importlib.util import find_spec  # imported on failure only, to keep start-up short

        imported = (error.name or "").partition(".")[0]
        # A module missing from a library that is installed is a mistake in code, not in the installation.
        if imported in ("", own) or find_spec(imported) is not None:
            raise
        missing = sorted({imported, *(name for name in libraries if find_spec(name) is None)})
        named = " and ".join(map(repr, missing))
        raise MissingExtraError(
            f"{what} needs {named}, not installed here. Install with: pip install {' '.join(missing)}"
        ) from error


def nearest(name: object, choices: Iterable[object]) -> str:
    """Return ``" Did you mean 'x'?"`` for the choice closest to `name`, else ``""``."""
    from difflib import get_close_matches  # imported on failure only, to keep start-up short

    # Case is folded: "Welch" and "WELCH" are close to "welch" for a reader, but far apart by their characters.
    texts = {str(choice): choice for choice in choices}
    # Case differences are the most frequent mistake, so they must not reduce the similarity.
    folded = {text.casefold(): text for text in texts}
    close = get_close_matches(str(name).casefold(), sorted(folded), n=1, cutoff=0.6)
    return f" Did you mean {texts[folded[close[0]]]!r}?" if close else ""


def listing(choices: Iterable[object], limit: int = 12) -> str:
    """Return the choices sorted and comma-separated, shortened past `limit`."""
    # Sorted, so that a message does not depend on the order of loading or of a set.
    shown = sorted({repr(choice) for choice in choices})
    rest = f", … ({len(shown) - limit} more)" if len(shown) > limit else ""
    return (", ".join(shown[:limit]) + rest) or "none"


def unknown(what: str, got: object, choices: Iterable[object]) -> InputError:
    """Build the error for a name that is not one of `choices`.

    Examples
    --------
    >>> print(unknown("metric type", "maen", ["mean", "ratio"]))
    metric type 'maen' is not one of: 'mean', 'ratio'. Did you mean 'mean'?
    """
    choices = list(choices)  # an iterator is read twice below
    return InputError(f"{what} {got!r} is not one of: {listing(choices)}.{nearest(got, choices)}")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning attributed to the nearest caller outside xpyrment_core."""
    # Python filters and deduplicates warnings by the module and line they are attributed to: with a fixed
    # stack level all callers would share one line of this package, and a repeated text would be shown once.
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("xpyrment_core."):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
