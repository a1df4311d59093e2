"""Runs checks, and context managers that detect side effects."""

import io
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np
from attrs import frozen

from xpyrment_core.errors import InputError, unknown


@frozen
class Check:
    """A claim about a subject; calling it tests the claim.

    Attributes
    ----------
    name : str
        As `expected_failures` names it: ``"swap_arms"``, ``"level_skewed"``.
    claim : callable
        Raises AssertionError, with the numbers, if the claim does not hold.
    statistical : bool
        Whether it simulates experiments (seconds) or only calls the subject a few times.
    """

    name: str
    claim: Callable[[], None]
    statistical: bool = False

    def __call__(self) -> None:
        """Test the claim.

        Raises
        ------
        AssertionError
            The claim does not hold.
        """
        self.claim()


@frozen(kw_only=True)
class Outcome:
    """The outcome of one check: `problem` is empty if the claim holds."""

    name: str
    problem: str = ""


def outcomes(checks: Sequence[Check]) -> Iterator[Outcome]:
    """Run the checks one by one; any exception of the subject is a failure."""
    for check in checks:
        try:
            check()
        except AssertionError as error:
            yield Outcome(name=check.name, problem=str(error) or "the claim does not hold")
        except Exception as error:
            yield Outcome(name=check.name, problem=f"{type(error).__name__}: {error}")
        else:
            yield Outcome(name=check.name)


def run_checks(title: str, checks: Sequence[Check], expected_failures: Mapping[str, str] | None = None) -> None:
    """Run all checks and report every failure.

    Raises
    ------
    AssertionError
        Some check failed, or one that was expected to fail passed.
    """
    expected = checked_expectations(checks, expected_failures)
    results = list(outcomes(checks))
    problems = [f"{o.name}: {o.problem}" for o in results if o.problem and o.name not in expected]
    problems += [
        # Strict, so that a list of known failures cannot outlive them.
        f"{o.name}: passed, though it was expected to fail ({expected[o.name]})"
        for o in results
        if o.name in expected and not o.problem
    ]
    if problems:
        lines = "\n  ".join(problems)
        raise AssertionError(f"{title} fails {len(problems)} of {len(results)} checks:\n  {lines}")


def checked_expectations(checks: Sequence[Check], expected: Mapping[str, str] | None) -> dict[str, str]:
    """Return the expected failures.

    Raises
    ------
    InputError
        A name is not that of a check, or its reason is empty.
    """
    names = [check.name for check in checks]
    for name, reason in (expected or {}).items():
        if name not in names:
            raise unknown("expected failure", name, names)
        if not reason:
            raise InputError(f"expected failure {name!r} needs a reason, got {reason!r}.")
    return dict(expected or {})


@contextmanager
def global_randomness_untouched() -> Iterator[None]:
    """Assert that nothing in the block used numpy's or Python's global generator."""
    legacy = np.random.get_state()
    before = str(legacy), random.getstate()
    position = legacy[2] if isinstance(legacy, tuple) else None
    yield
    now = np.random.get_state()
    moved = isinstance(now, tuple) and now[2] != position
    assert (str(now), random.getstate()) == before and not moved, (
        "it used the global random state, which changes what others draw: use np.random.default_rng(seed)"
    )


@contextmanager
def nothing_printed() -> Iterator[None]:
    """Assert that the block wrote nothing to standard output; warnings are not printing."""
    out = io.StringIO()
    with redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    # Standard output belongs to the report of a command, which may be JSON; warnings go to standard error.
    assert not out.getvalue(), f"it printed {out.getvalue()[:60]!r}: return it instead"


@contextmanager
def same_text(*values: Any) -> Iterator[None]:
    """Assert that the block left values as they were, as their `repr` shows them."""
    # repr, because the values hold arrays, whose == is not a bool.
    before = [repr(value) for value in values]
    yield
    assert [repr(value) for value in values] == before, "it changed its input: make a copy first"


@contextmanager
def unchanged(*arrays: Any) -> Iterator[None]:
    """Assert that the block left the arrays as they were."""
    before = [np.array(array, copy=True) for array in arrays]
    yield
    for old, new in zip(before, arrays, strict=True):
        assert np.array_equal(old, new, equal_nan=True), "it changed its input in place: copy it first (np.sort, +, …)"


def close(got: float | None, wanted: float | None, rtol: float = 1e-9, atol: float = 0.0) -> bool:
    """Return whether two numbers agree to rounding; None agrees with None, infinity with itself."""
    if got is None or wanted is None:
        return got is wanted
    if np.isinf(got) or np.isinf(wanted):
        return got == wanted
    # Relative to the larger of the two, so that the order of the arguments does not matter.
    return abs(got - wanted) <= max(atol, rtol * max(abs(got), abs(wanted)))
