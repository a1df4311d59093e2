"""Contract tests for plugin authors: one line each, and what a method promises is tried out.

A check is a claim that every plugin of its kind must keep: the interval says what the p-value
says, swapping the arms flips the sign and nothing else, five per cent of experiments without an
effect show one. Call

- `check_metric`, `check_test`, `check_adjuster`, `check_correction`, `check_diagnostic`,
  `check_engine`, `check_plot_backend`, `check_exporter` or `check_command` for all of them at
  once; or
- `parametrize_with_checks` for one pytest case each.

Both take ``expected_failures={name: reason}`` for claims that a method openly does not keep;
a claim kept after all fails too.

Examples
--------
>>> def tripled(p_values):
...     return (3 * p_values).clip(max=1.0)
>>> check_correction(tripled, statistical=False)
Traceback (most recent call last):
    ...
AssertionError: correction 'tripled' fails 1 of 7 checks:
  one_alone: a single p-value 0.01 became 0.03: there is nothing to correct
"""

from xpyrment_core.testing.checks import (
    check_adjuster,
    check_command,
    check_correction,
    check_diagnostic,
    check_engine,
    check_exporter,
    check_metric,
    check_plot_backend,
    check_test,
)
from xpyrment_core.testing.kinds import checks_for, parametrize_with_checks
from xpyrment_core.testing.running import Check

__all__ = [
    "Check",
    "check_adjuster",
    "check_command",
    "check_correction",
    "check_diagnostic",
    "check_engine",
    "check_exporter",
    "check_metric",
    "check_plot_backend",
    "check_test",
    "checks_for",
    "parametrize_with_checks",
]
