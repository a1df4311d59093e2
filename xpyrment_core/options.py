"""The options of an analysis: one table of defaults, checks, help, flags, file keys and metadata keys."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Literal, cast

from attrs import field, fields, frozen

from xpyrment_core.choices import (
    ALTERNATIVES,
    RELATIVE_METHODS,
    Alternative,
    RelativeMethod,
    check_choice,
)
from xpyrment_core.errors import InputError, unknown


class DefaultName(str):
    """A default that equals its text but can be distinguished from the same text passed by a user.

    ``run_analysis(test="welch")`` applies Welch's test to every metric; without `test`,
    each kind of metric uses its own default (Welch's test for a
    mean, the score test for a proportion).
    """

    __slots__ = ()


DEFAULT_TEST = DefaultName("welch")


def check_alpha(alpha: object, what: str = "alpha") -> float:
    """Return `alpha` as a float; raise InputError unless it is a number strictly between 0 and 1."""
    if isinstance(alpha, str):
        raise InputError(f"{what} must be a number between 0 and 1, got the text {alpha!r}.{_number_hint(alpha)}")
    # Duck typing: accepts NumPy's scalars and Decimal, but not arrays and bools, which have __float__ too.
    like = hasattr(alpha, "__float__") and not hasattr(alpha, "__len__") and not isinstance(alpha, bool)
    number = float(alpha) if like else None  # type: ignore[arg-type]
    if number is None or not 0 < number < 1:
        raise InputError(f"{what} must lie between 0 and 1, got {alpha!r}.{_percent_hint(alpha, what)}")
    return number


def _number_hint(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return ""
    return f" Did you mean {number:g}, without quotes?"


def _percent_hint(share: object, what: str) -> str:
    usual = " Usual values are 0.05 and 0.01." if what == "alpha" else ""
    if not isinstance(share, int | float) or isinstance(share, bool) or not 1 < share < 100:
        return usual
    # For alpha, 95 is read as a confidence level in percent and 5 as a significance level in percent.
    meant = 1 - share / 100 if what == "alpha" and share > 50 else share / 100
    return f" Did you mean {meant:g}?"


def column_names(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return covariate names as a tuple; raise InputError where one is not a text."""
    if names is None:
        return ()
    # A text is iterable: without the first condition "age" would be the covariates "a", "g" and "e".
    out = (names,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
    for name in out:
        if not isinstance(name, str):
            raise InputError(f"a covariate is named by its column, got {name!r}.")
    return out


def _control(label: Any) -> Any:
    if not isinstance(label, Hashable):
        raise InputError(f"control must be one label of the treatment column, got {label!r}.")
    return _plain(label)


def _plain(label: Any) -> Any:
    # NumPy's True is not Python's, and a label of a column of booleans may be either.
    return bool(label) if type(label).__name__ in ("bool_", "bool") else label


def _treatment(labels: Any) -> Any:
    # An array or a pandas column of labels, as unique() returns.
    if getattr(labels, "ndim", 0) == 1 and hasattr(labels, "tolist"):
        labels = labels.tolist()
    several = labels if isinstance(labels, list | tuple | set | frozenset) else [labels]
    for label in several:
        if not isinstance(label, Hashable):
            raise InputError(
                f"treatment must be a label, a list of labels, or None for every other arm, got {label!r}; "
                f"turn it into a list of labels."
            )
    return type(labels)(map(_plain, labels)) if isinstance(labels, list | tuple | set | frozenset) else _plain(labels)


def _covariates(names: Any) -> tuple[str, ...] | None:
    return None if names is None else column_names(names)


def _correction(method: Any) -> Any:
    return _method("correction", method)


def _test(methods: Any) -> Any:
    # The default of the signature means the same as None: each kind of metric uses its own test.
    return None if isinstance(methods, DefaultName) else _methods("test", methods)


def _adjuster(methods: Any) -> Any:
    return _methods("adjuster", methods)


def _method(what: str, method: Any, forms: str = "a name or a callable") -> Any:
    if method is None or isinstance(method, str) or callable(method):
        return method
    raise InputError(f"{what} must be {forms}, got {method!r}; 'xpyrment plugins' lists the names.")


def _methods(what: str, methods: Any) -> Any:
    forms = "a name or a callable, or a mapping of metric names to these"
    each = list(methods.values()) if isinstance(methods, Mapping) else [methods]
    for method in each:
        _method(what, method, forms)
    return dict(methods) if isinstance(methods, Mapping) else methods


def _alternative(word: Any) -> Alternative:
    check_choice("alternative", word, ALTERNATIVES)
    return cast(Alternative, str(word))


def _relative_interval(word: Any) -> RelativeMethod:
    check_choice("relative_interval", word, RELATIVE_METHODS)
    return cast(RelativeMethod, str(word))


Kind = Literal["text", "a number", "a list of texts", "a label", "a list of labels"]
"""How a value is written in an experiment file."""


@frozen(kw_only=True)
class Option:
    """One row of the table of options: an option of an analysis on every surface.

    Attributes
    ----------
    name : str
        Attribute of `Options`.
    python_name : str
        Keyword of `run_analysis`.
    default : object
        Default of the keyword.
    check : callable
        Returns the normalised value; raises InputError for an invalid one.
    help : str
        One sentence, for the command line and the reference.
    flags : tuple of str
        Spellings on the command line; there are no negative forms.
    kind : Kind
        Required type of the value in a file.
    file_key : str or None
        Key of an experiment file's ``[experiment]`` table; None for an option that only its metrics set.
    metadata_key : str or None
        Key of a result's metadata; None for an option that is in the row of each metric.
    inferred : bool
        Whether an option absent from the command line or a file means what `help` describes, not `default`.
    """

    name: str
    python_name: str
    default: Any
    check: Callable[[Any], Any]
    help: str
    flags: tuple[str, ...]
    kind: Kind
    file_key: str | None = None
    metadata_key: str | None = None
    inferred: bool = False

    @property
    def flag(self) -> str:
        """The first spelling on the command line."""
        return self.flags[0]

    @property
    def shown_default(self) -> str:
        """The default as help texts show it; ``""`` where `help` describes it."""
        return "" if self.inferred or self.default is None else str(self.default)


def _about(help: str, kind: Kind, **rest: Any) -> dict[str, Any]:  # noqa: A002
    """Return the entries of an option besides name, default and check; flags and keys default to the name."""
    return {"help": help, "kind": kind, **rest}


@frozen(kw_only=True)
class Options:
    """Options of an analysis; the fields of this class are the table of options.

    To add an option, add a field here, its use, and a parameter of `run_analysis`,
    `Experiment.run_analysis`, `Experiment.explain` and `xpyrment analyze`; a test compares them.
    """

    control: Any = field(
        default="control",
        converter=_control,
        metadata=_about(
            "Control label; by default 'control' in any case, else the first in order.", kind="a label", inferred=True
        ),
    )
    treatment: Any = field(
        default="treatment",
        converter=_treatment,
        metadata=_about(
            "Treatment label(s); by default every other arm.",
            kind="a list of labels",
            file_key="treatments",
            metadata_key="treatments",
            inferred=True,
        ),
    )
    alpha: float = field(
        default=0.05,
        converter=check_alpha,
        metadata=_about("Significance level; intervals have level 1 - alpha.", kind="a number"),
    )
    correction: Any = field(
        default=None,
        alias="multi_test_correction",
        converter=_correction,
        metadata=_about("Multiplicity correction: holm, bonferroni, fdr_bh … or a plugin's.", kind="text"),
    )
    covariates: tuple[str, ...] | None = field(
        default=None,
        converter=_covariates,
        metadata=_about(
            "Baseline columns to adjust with.", flags=("--covariate", "--covariates"), kind="a list of texts"
        ),
    )
    test: Any = field(
        default=DEFAULT_TEST,
        converter=_test,
        metadata=_about(
            "Test for every metric; by default each kind of metric has its own.",
            kind="text",
            file_key=None,
            metadata_key=None,
            inferred=True,
        ),
    )
    adjuster: Any = field(
        default=None,
        converter=_adjuster,
        metadata=_about("cuped (default with covariates), ols, lin, or none.", kind="text", metadata_key=None),
    )
    alternative: Alternative = field(
        default="two-sided",
        converter=_alternative,
        metadata=_about("Alternative hypothesis: the effect differs from 0, is greater, or is less.", kind="text"),
    )
    relative_interval: RelativeMethod = field(
        default="fieller",
        converter=_relative_interval,
        metadata=_about("Method of the interval of the lift.", kind="text"),
    )

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Options":
        """Build the options from keyword arguments of `run_analysis`.

        Raises
        ------
        InputError
            A keyword is not an option of the analysis, or its value is not usable.
        """
        # attrs would reject an unknown keyword with a TypeError that neither lists nor suggests names.
        names = [option.python_name for option in OPTIONS]
        for name in arguments:
            if name not in names:
                raise unknown("option", name, names)
        return cls(**arguments)


def _option(name: str, python_name: str, default: Any, check: Any, about: Mapping[str, Any]) -> Option:
    # `about` comes last in the merge, so that an explicit None takes a key away from a file or the metadata.
    usual = {"flags": ("--" + name.replace("_", "-"),), "file_key": name, "metadata_key": name}
    return Option(name=name, python_name=python_name, default=default, check=check, **{**usual, **about})


OPTIONS = tuple(_option(a.name, str(a.alias), a.default, a.converter, a.metadata) for a in fields(Options))
"""The table of options, in the order of the parameters of `run_analysis`."""
OPTION: Mapping[str, Option] = {option.name: option for option in OPTIONS}
"""The same by name."""
