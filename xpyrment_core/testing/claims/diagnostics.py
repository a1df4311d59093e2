"""Claims that hold for every diagnostic."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from attrs import evolve, frozen

from xpyrment_core.testing.example_values import contexts
from xpyrment_core.testing.running import Check, close, global_randomness_untouched, nothing_printed, same_text
from xpyrment_core.values.checks import CheckContext, CheckResult
from xpyrment_core.values.metric_result import native


@frozen(kw_only=True, eq=False)
class DiagnosticSubject:
    """A diagnostic.

    Attributes
    ----------
    call : callable
        ``(CheckContext) -> CheckResult or None``.
    """

    call: Callable[[CheckContext], Any]

    def answers(self) -> Iterator[tuple[str, CheckResult]]:
        """Yield the result for each example to which the check applies."""
        for name, context in contexts():
            answer = self.call(context)
            if isinstance(answer, CheckResult):
                yield name, answer


def diagnostic_checks(subject: DiagnosticSubject, statistical: bool = True) -> Iterator[Check]:
    """Yield every check that applies to a diagnostic; none of them simulates."""
    for claim in (contract, p_value, says_why, json_ready, variant_order, quiet, pure):
        yield Check(claim.__name__, partial(claim, subject))


def contract(subject: DiagnosticSubject) -> None:
    """The diagnostic returns a CheckResult, or None if it does not apply, for any analysis."""
    for name, context in contexts():
        answer = subject.call(context)
        assert answer is None or isinstance(answer, CheckResult), (
            f"{name}: it returned {type(answer).__name__}, expected a CheckResult or None"
        )


def p_value(subject: DiagnosticSubject) -> None:
    """A p-value lies in [0, 1]."""
    for name, answer in subject.answers():
        assert answer.p_value is None or 0 <= answer.p_value <= 1, f"{name}: p-value {answer.p_value}"


def says_why(subject: DiagnosticSubject) -> None:
    """A check that failed or could not be made has a message."""
    for name, answer in subject.answers():
        # The message is all that a reader of the report sees of a failure.
        assert answer.passed or answer.message.strip(), f"{name}: passed is {answer.passed} without a message"


def json_ready(subject: DiagnosticSubject) -> None:
    """JSON preserves the details."""
    for name, answer in subject.answers():
        text = json.dumps(native(answer.details), allow_nan=False)
        # native() turns unknown objects into text, which JSON accepts but no program can read back.
        odd = [key for key, value in _leaves(answer.details) if not _plain(value)]
        assert not odd, f"{name}: details {odd} are not numbers, text, lists or mappings"
        assert json.loads(text) == native(answer.details), f"{name}: the details differ after a round trip through JSON"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if hasattr(value, "items"):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{path}[{i}]")
    else:
        yield path, value


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str) or hasattr(value, "tolist")


def variant_order(subject: DiagnosticSubject) -> None:
    """The result is invariant to the order of the variants."""
    for name, context in contexts():
        other = evolve(context, counts=dict(reversed(list(context.counts.items()))))
        first, second = subject.call(context), subject.call(other)
        if isinstance(first, CheckResult) and isinstance(second, CheckResult):
            same = first.passed == second.passed and close(first.p_value, second.p_value)
            assert same, f"{name}: p-value {first.p_value} became {second.p_value} with the counts in another order"


def quiet(subject: DiagnosticSubject) -> None:
    """The diagnostic prints nothing."""
    for _, context in contexts():
        with nothing_printed():
            subject.call(context)


def pure(subject: DiagnosticSubject) -> None:
    """The diagnostic is deterministic, and changes neither its input nor the global random state."""
    for name, context in contexts():
        with same_text(context), global_randomness_untouched():
            first = subject.call(context)
        # repr, because details may hold arrays.
        assert repr(first) == repr(subject.call(context)), f"{name}: two calls gave different results"
