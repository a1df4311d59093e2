"""A working plugin project to start from: a metric, a test, and tests of both by the kit."""

import re
import tempfile
from pathlib import Path

from xpyrment_core.errors import InputError
from xpyrment_core.registry.fields import NAME

PYPROJECT = """\
[project]
name = "xpyrment-@NAME@"
version = "0.1.0"
description = "A plugin for xpyrment: the margin of a shop, and a cautious test"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["xpyrment>=0.1,<1"]

# The plugin's name, and the light module with its hooks.
[project.entry-points.xpyrment]
@NAME@ = "@PACKAGE@"

[dependency-groups]
dev = ["pytest"]

[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/@PACKAGE@"]

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

LIGHT_MODULE = '''\
"""What this plugin offers: the metric ``margin`` and the test ``cautious``.

This module is imported whenever xpyrment starts, so it imports nothing heavy: the code
stands in `methods`, which is imported on first use.
"""

from xpyrment_core import MetricDefinition, TestDefinition, hookimpl


@hookimpl
def xpyrment_metrics() -> list[MetricDefinition]:
    """Offer the metric."""
    return [
        MetricDefinition(
            name="margin",
            target="@PACKAGE@.methods:Margin",
            summary="Share of revenue that is left after cost.",
            label="Margin",
        )
    ]


@hookimpl
def xpyrment_tests() -> list[TestDefinition]:
    """Offer the test."""
    return [
        TestDefinition(
            name="cautious",
            target="@PACKAGE@.methods:cautious",
            summary="Welch's statistic with the degrees of freedom of the smaller arm.",
        )
    ]
'''

METHODS = '''\
"""The numbers behind the plugin: replace them with your own."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from xpyrment_core import Alternative, Effect, Estimate
from xpyrment_core.stats.wald import wald


@frozen
class Margin:
    """Share of revenue that is left after cost, ``1 - E[cost] / E[revenue]``.

    A function of column means needs no more than this: its variance comes from the delta
    method, and covariate adjustment, relative intervals and every test for means work on it.
    """

    name: str
    cost_col: str
    revenue_col: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return (self.cost_col, self.revenue_col)

    def value(self, means: Mapping[str, Any]) -> Any:
        """Return the margin from the column means."""
        return 1 - means[self.cost_col] / means[self.revenue_col]


def cautious(control: Estimate, treatment: Estimate, alpha: float, alternative: Alternative) -> Effect:
    """Compare two estimates by Welch's statistic, with the degrees of freedom of the smaller arm."""
    return wald(control, treatment, alpha=alpha, alternative=alternative, df=min(control.df, treatment.df))
'''

TESTS = '''\
"""What metrics and tests promise, tried out by xpyrment's kit; and one analysis from end to end."""

import numpy as np
import pandas as pd
import pytest
import xpyrment as xp
from @PACKAGE@.methods import Margin, cautious
from xpyrment_core.testing import check_metric, parametrize_with_checks


def test_margin_keeps_what_metrics_promise():
    check_metric(Margin("margin", cost_col="cost", revenue_col="revenue"), fast=True)


@parametrize_with_checks("test", cautious, conservative=True, fast=True)
def test_cautious_keeps_what_tests_promise(check):
    check()


def test_an_analysis_finds_both_by_name():
    generator = np.random.default_rng(1)
    revenue = generator.gamma(2.0, 10.0, 1000)
    data = pd.DataFrame(
        {
            "variant": np.repeat(["control", "treatment"], 500),
            "revenue": revenue,
            "cost": 0.6 * revenue + generator.normal(0, 1, 1000),
        }
    )
    experiment = xp.setup(data, "variant")
    experiment.register_metric("margin", "margin", cost_col="cost", revenue_col="revenue")
    row = experiment.run_analysis(test="cautious").raw_results[0]
    assert row["status"] == "ok"
    assert row["control_mean"] == pytest.approx(0.4, abs=0.02)
    assert row["provenance"]["metric"]["plugin"] == "@NAME@"
    assert row["provenance"]["test"]["plugin"] == "@NAME@"
'''

README = """\
# xpyrment-@NAME@

A plugin for [xpyrment](https://pypi.org/project/xpyrment/). It offers the metric `margin` and the test `cautious`.

```bash
pip install -e . --group dev     # install it: xpyrment finds it by its entry point
xpyrment plugins                 # it is in the list
xpyrment plugins check @NAME@
pytest
```

```python
experiment.register_metric("margin", "margin", cost_col="cost", revenue_col="revenue")
experiment.run_analysis(test="cautious")
```

Where things are: `src/@PACKAGE@/__init__.py` says what the plugin offers and imports nothing heavy,
`methods.py` has the code, `tests/` holds it to what metrics and tests promise.
"""

FILES = {
    "pyproject.toml": PYPROJECT,
    "README.md": README,
    "src/@PACKAGE@/__init__.py": LIGHT_MODULE,
    "src/@PACKAGE@/methods.py": METHODS,
    "src/@PACKAGE@/py.typed": "",
    "tests/test_methods.py": TESTS,
}


def write_project(name: str, folder: Path) -> list[Path]:
    """Write a plugin project into a new folder.

    Parameters
    ----------
    name : str
        The plugin's name, lower case, parts joined by ``-`` or ``_``.
    folder : Path
        Where the project's folder is made, under the plugin's name.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        The name is not usable, or the folder is there already.
    """
    plain = name.removeprefix("xpyrment-").removeprefix("xpyrment_")
    if not NAME.fullmatch(plain):
        suggestion = "-".join(re.findall(r"[a-z0-9]+", plain.lower())).lstrip("0123456789-") or "acme"
        raise InputError(
            f"plugin name {name!r} is not usable: wanted lower-case letters and digits, parts joined by '-' or '_'. "
            f"Did you mean {suggestion!r}?"
        )
    target = folder / plain
    if target.exists():
        raise InputError(f"'{target}' exists already and is not overwritten; choose another name or folder.")
    words = {"@NAME@": plain, "@PACKAGE@": f"xpyrment_{plain.replace('-', '_')}"}
    try:
        return _written(target, {_filled(path, words): _filled(text, words) for path, text in FILES.items()})
    except OSError as error:
        raise InputError(f"'{target}' cannot be written: {error.strerror}; choose another folder.") from error


def _written(target: Path, texts: dict[str, str]) -> list[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    # In a folder beside it, which gets its name when it is complete: half a project is not left behind.
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
        complete = Path(beside) / target.name
        for path, text in texts.items():
            file = complete / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        complete.rename(target)
    return [target / path for path in texts]


def _filled(text: str, words: dict[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text
