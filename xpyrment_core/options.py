"""The words an analysis can be asked with, each with its check next to it."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Literal, get_args

from attrs import field, fields, frozen

from xpyrment_core.errors import InputError, unknown

Alternative = Literal["two-sided", "greater", "less"]
RelativeMethod = Literal["fieller", "delta", "log"]
Direction = Literal["increase", "decrease"]
Role = Literal["primary", "secondary", "guardrail"]
Needs = Literal["estimates", "counts", "samples"]
Format = Literal["table", "json", "markdown", "csv"]

ALTERNATIVES: tuple[str, ...] = get_args(Alternative)
RELATIVE_METHODS: tuple[str, ...] = get_args(RelativeMethod)
DIRECTIONS: tuple[str, ...] = get_args(Direction)
ROLES: tuple[str, ...] = get_args(Role)
FORMATS: tuple[str, ...] = get_args(Format)


class DefaultName(str):
    """A default that equals its text, and can still be told from the same text typed by a user.

    ``run_analysis(test="welch")`` asks for Welch's test of every metric; leaving
    `test` out lets each kind of metric use its own default (Welch's test for a
    mean, the score test for a proportion).
    """

    __slots__ = ()


DEFAULT_TEST = DefaultName("welch")


def check_choice(what: str, got: object, choices: tuple[str, ...]) -> None:
    """Raise InputError unless `got` is one of `choices`."""
    if got not in choices:
        raise unknown(what, got, choices)


def check_alpha(alpha: object, what: str = "alpha") -> None:
    """Raise InputError unless `alpha` is a number strictly between 0 and 1."""
    number = isinstance(alpha, int | float) or hasattr(alpha, "__float__")
    if not number or isinstance(alpha, bool) or not 0 < float(alpha) < 1:  # type: ignore[arg-type]
        raise InputError(f"{what} must lie between 0 and 1, got {alpha!r}.{_percent_hint(alpha, what)}")


def _percent_hint(share: object, what: str) -> str:
    usual = " Usual values are 0.05 and 0.01." if what == "alpha" else ""
    if not isinstance(share, int | float) or isinstance(share, bool) or not 1 < share < 100:
        return usual
    # 95 for alpha is a confidence level, 5 a percentage.
    meant = 1 - share / 100 if what == "alpha" and share > 50 else share / 100
    return f" Did you mean {meant:g}?"


def column_names(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the covariates' names, one or several; raise InputError where one is no name."""
    if names is None:
        return ()
    out = (names,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
    for name in out:
        if not isinstance(name, str):
            raise InputError(f"a covariate is named by its column, got {name!r}.")
    return out


def _names_or_none(names: Any) -> tuple[str, ...] | None:
    return None if names is None else column_names(names)


Label = Hashable


@frozen(kw_only=True)
class Options:
    """How an analysis was asked for, as the caller said it.

    Attributes
    ----------
    control : label
    treatment : label, list of labels, or None
    alpha : float
    correction : str or None
        Given as ``multi_test_correction``.
    covariates : tuple of str or None
    test, adjuster : str, mapping of metric name to str, or None
    alternative : {"two-sided", "greater", "less"}
    relative_interval : {"fieller", "delta", "log"}
    """

    control: Any = "control"
    treatment: Any = "treatment"
    alpha: float = 0.05
    correction: Any = field(default=None, alias="multi_test_correction")
    covariates: tuple[str, ...] | None = field(default=None, converter=_names_or_none)
    test: Any = None
    adjuster: Any = None
    alternative: Alternative = "two-sided"
    relative_interval: RelativeMethod = "fieller"

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Options":
        """Return the options of keyword arguments of `run_analysis`.

        Raises
        ------
        InputError
            A keyword is not an option of the analysis.
        """
        names = [field.alias for field in fields(cls)]
        for name in arguments:
            if name not in names:
                raise unknown("option", name, names)
        return cls(**arguments)
