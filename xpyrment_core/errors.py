"""Exceptions and warnings of xpyrment, and the composition of their messages.

Every message of a refusal says what was wrong, what was given, what is expected and how
to fix it, in that order; inputs are checked before any work starts.
"""

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar


class XpyrmentError(Exception):
    """Base class of all errors of xpyrment; the command line prints one as a single line.

    Attributes
    ----------
    details : str
        Lines shown below the message, such as a difference; usually none.
    heading : str
        What that line begins with.
    """

    heading: ClassVar[str] = "Error"
    details: str = ""


class InputError(XpyrmentError, ValueError):
    """An argument, a label, a column or an option is not usable as given."""


class PhaseOrderError(XpyrmentError, RuntimeError):
    """The state of the experiment does not allow this step."""


class PluginError(XpyrmentError):
    """A plugin broke its contract, or is needed and could not be loaded."""


class EngineError(XpyrmentError):
    """Reading the data failed: a file vanished, a session was lost, a type did not fit."""


class MissingExtraError(XpyrmentError, ImportError):
    """A library is needed and is not installed; the message has the command that installs it."""


class NotEstimable(XpyrmentError):  # noqa: N818 - it names a state of a result, not a mistake
    """A quantity that cannot be estimated from these data, with the reason.

    Metrics, tests and adjusters raise it; the analysis records the reason in
    that metric's result (status ``"not_estimable"``) and goes on with the others.

    Attributes
    ----------
    reason : str
        One plain sentence for the reader of the report.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CovariateRefused(NotEstimable):
    """One covariate cannot be used; the metric can be estimated without it.

    Adjusters raise it, one covariate at a time; the analysis drops that covariate,
    reports `reason`, and calls the adjuster again with the others.

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
        self.covariate = covariate


@contextmanager
def not_estimable_if_broken(what: object) -> Iterator[None]:
    """Turn any other exception of a plugin's method into NotEstimable, naming `what`.

    One metric with a mistake in its code must not take the other metrics of the call down.

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
        raise
    except Exception as error:
        raise NotEstimable(f"{what} failed: {type(error).__name__}: {error}") from error


@contextmanager
def needs_library(what: str, *libraries: str, own: str = "") -> Iterator[None]:
    """Turn a failing import of a library that is not installed into MissingExtraError.

    Parameters
    ----------
    what : str
        What cannot be done without it; the message begins so.
    *libraries : str
        Libraries that are needed together: those missing are named together.
    own : str, optional
        A package that should be there: its absence is a mistake in code, and is raised as it is.

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
        from importlib.util import find_spec  # only a failure needs it

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
    from difflib import get_close_matches  # imported only when an error is reported

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
    choices = list(choices)
    return InputError(f"{what} {got!r} is not one of: {listing(choices)}.{nearest(got, choices)}")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn with the nearest caller outside xpyrment_core as the origin, so that the user sees a line of their own."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("xpyrment_core."):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
