"""Contract tests for plugin authors: one call checks all that a kind of plugin guarantees.

A check tests a claim that must hold for every plugin of its kind: interval and p-value agree,
swapping the arms changes only the sign, and the type I error rate is 5 %. Call

- `check_metric`, `check_test`, `check_adjuster`, `check_correction`, `check_diagnostic`,
  `check_engine`, `check_plot_backend`, `check_exporter` or `check_command` for all of them at
  once; or
- `parametrize_with_checks` for one pytest case each.

Both take ``expected_failures={name: reason}`` for claims that are known not to hold;
if such a claim holds after all, that is a failure too.

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
