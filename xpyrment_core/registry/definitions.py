"""Definitions that plugins return: frozen records of a name and the location of its code.

They import nothing at start-up: ``target`` is the object itself or a lazy
``"module:attribute"`` that is imported on first use.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from attrs import field, frozen, validators

from xpyrment_core.choices import Needs
from xpyrment_core.errors import MissingExtraError, PluginError, needs_library
from xpyrment_core.registry.fields import check_name, check_suffixes, check_target, load


@frozen(kw_only=True)
class Definition:
    """Base class of the definitions: a named object that a plugin provides.

    Attributes
    ----------
    name : str
        Lower case, parts joined by ``_`` or ``-``; ``plugin/name`` always works too.
    target : object or str
        The object itself, or ``"module:attribute"``.
    summary : str
        One sentence for lists and help texts.
    aliases : tuple of str
        Further names under the same rules.
    """

    kind: ClassVar[str] = "definition"
    name: str = field(validator=check_name)
    target: Any = field(validator=check_target)
    summary: str = ""
    aliases: tuple[str, ...] = ()

    def load(self) -> Any:
        """Return the target; import it if it is lazy."""
        return load(self.target)


@frozen(kw_only=True)
class MetricDefinition(Definition):
    """A kind of metric; the target is a class with ``name``, ``columns`` and ``value(means)``.

    Attributes
    ----------
    label : str
        How results name the kind (``metric_type``): ``"Mean"``.
    default_test : str
        The test used when the caller names none and no covariate adjusts the metric; empty for
        the default test.
    name_parameter : str
        Constructor parameter that takes the metric's name where it is not given, because a
        metric is often named after its column.
    covariate_parameter : str
        Constructor parameter that takes the metric's own covariate where there is just one.
    quotient_parameters : pair of str or None
        Constructor parameters of numerator and denominator: the kind that ``name=a/b`` stands for.
    counts : bool
        Whether it is the kind that totals of successes out of n are analysed as.
    """

    kind: ClassVar[str] = "metric"
    label: str = ""
    default_test: str = ""
    name_parameter: str = "value_col"
    covariate_parameter: str = "pre_period_col"
    quotient_parameters: tuple[str, str] | None = None
    counts: bool = False


@frozen(kw_only=True)
class TestDefinition(Definition):
    """A test; the target is called ``(control, treatment, alpha, alternative) -> Effect``.

    Attributes
    ----------
    needs : {"estimates", "counts", "samples"}
        What control and treatment are: `Estimate`, `Counts` (binary metrics) or `ArmSample`.
    default : bool
        Whether it is used where neither the caller nor the metric names a test.
    clustered : bool
        Of a test of samples: whether it keeps the rows of a unit together (``sample.units``), or refuses
        them itself. Without it the test is not used where units have several rows.
    """

    __test__: ClassVar[bool] = False  # pytest collects classes whose names start with Test
    kind: ClassVar[str] = "test"
    needs: Needs = "estimates"
    default: bool = False
    clustered: bool = False


@frozen(kw_only=True)
class AdjusterDefinition(Definition):
    """A covariate adjustment; the target is ``(control, treatment) -> (Estimate, Estimate)``.

    Both arguments are `Moments` whose first column is the (linearised) metric and
    whose other columns are the covariates.

    Attributes
    ----------
    default : bool
        Whether it is used where a metric has covariates and the caller names no adjuster.
    flag : str
        Key of the result that records whether it was applied, ``"cuped_applied"``; empty for none.
    """

    kind: ClassVar[str] = "adjuster"
    default: bool = False
    flag: str = ""


@frozen(kw_only=True)
class CorrectionDefinition(Definition):
    """A multiplicity correction; the target is ``(p_values) -> adjusted p-values``.

    Attributes
    ----------
    intervals : object, str or None
        ``(p_values, alpha, one_sided) -> alphas`` (or a `FamilyDecision`): the level ``1 - alpha_i``
        at which each row's interval is simultaneous and agrees with the correction; `one_sided`
        marks the rows with a one-sided test. None for a correction without such intervals.
    interval_label : str
        Name of those intervals: ``"Bonferroni"``, ``"Holm-compatible"``, ``"FCR"``.
    needs : {"p_values", "effects"}
        ``"effects"``: the target gets the family's effects and the metric each belongs to,
        ``(effects, metrics, alpha) -> FamilyDecision``.
    """

    kind: ClassVar[str] = "correction"
    intervals: Any = None
    interval_label: str = ""
    needs: Literal["p_values", "effects"] = "p_values"

    def load_intervals(self) -> Any:
        """Return the function `intervals` refers to, or None."""
        return load(self.intervals)


ResultAttribute = Literal["", "balance_checker"]


@frozen(kw_only=True)
class DiagnosticDefinition(Definition):
    """A check made with every analysis; the target is ``(CheckContext) -> CheckResult or None``.

    Attributes
    ----------
    attribute : {"", "balance_checker"}
        The attribute of `AnalysisResult` that the check's `value` becomes, with ``diagnostics_``
        and ``love_plot()``; ``summary()`` then reports its failure. Of several diagnostics
        that give a value, the first in loading order is taken.
    rank : int
        Checks are made and listed in this order, lowest first.
    """

    kind: ClassVar[str] = "diagnostic"
    attribute: ResultAttribute = field(default="", validator=validators.in_(("", "balance_checker")))
    rank: int = 50


@frozen(kw_only=True)
class EngineDefinition(Definition):
    """A data engine; the target is a class with ``accepts(data)`` and ``open(data) -> Source``.

    Attributes
    ----------
    rank : int
        Engines are asked in this order, lowest first; the first that accepts the data reads it.
    """

    kind: ClassVar[str] = "engine"
    rank: int = 50


@frozen(kw_only=True)
class PlotBackendDefinition(Definition):
    """A plotting library; the target is ``(plot: PlotData, **options) -> its own figure object``.

    Attributes
    ----------
    suffixes : tuple of str
        File suffixes that ``xpyrment analyze --plot`` saves with it: ``(".png", ".svg")``.
    save : object, str or None
        ``(figure, path)``: writes the figure to a file. None where the figure is text or bytes,
        or has a method ``save(path)``.
    default : bool
        Whether it draws where the caller names no backend.
    """

    kind: ClassVar[str] = "plot_backend"
    suffixes: tuple[str, ...] = field(default=(), validator=check_suffixes)
    save: Any = None
    default: bool = False

    def load_save(self) -> Any:
        """Return the function `save` refers to, or None."""
        return load(self.save)


@frozen(kw_only=True)
class ExporterDefinition(Definition):
    """A report format; the target is ``(AnalysisResult) -> str or bytes``.

    Attributes
    ----------
    suffixes : tuple of str
        File suffixes that ``xpyrment analyze --report`` writes with it: ``(".html",)``.
    """

    kind: ClassVar[str] = "exporter"
    suffixes: tuple[str, ...] = field(default=(), validator=check_suffixes)


@frozen(kw_only=True)
class CommandDefinition(Definition):
    """A subcommand of ``xpyrment``; the target is a function that cyclopts calls.

    Attributes
    ----------
    group : str
        Heading under which ``--help`` lists it.
    """

    kind: ClassVar[str] = "command"
    group: str = "Commands"


@frozen(kw_only=True)
class Registered:
    """A definition with its provenance.

    Attributes
    ----------
    definition : Definition
    plugin, distribution, version : str
    builtin : bool
        Whether the distribution is xpyrment itself.
    """

    definition: Definition
    plugin: str
    distribution: str
    version: str
    builtin: bool

    @property
    def qualified(self) -> str:
        """The unambiguous name: ``plugin/name``."""
        return f"{self.plugin}/{self.definition.name}"

    def load(self) -> Any:
        """Return the target; a failed import is reported with the name of its plugin.

        Raises
        ------
        MissingExtraError
            A library that the target imports is not installed.
        PluginError
            Importing it failed otherwise.
        """
        what = f"{self.definition.kind} {self.qualified!r} of {self.distribution} {self.version}"
        # The plugin's own top-level package is installed by definition: a ModuleNotFoundError for it is a wrong
        # target, and must not be reported as a library to install.
        own = str(self.definition.target).partition(":")[0].partition(".")[0]
        try:
            with needs_library(what, own=own):
                return self.definition.load()
        except MissingExtraError:
            raise
        except Exception as error:
            raise PluginError(
                f"{what} cannot be loaded: {type(error).__name__}: {error}. "
                f"Leave it out with XPYRMENT_BLOCK_PLUGINS={self.plugin}."
            ) from error


DefinitionMap = Mapping[str, Registered]
Target = Callable[..., Any]

KINDS: dict[str, type[Definition]] = {
    "xpyrment_metrics": MetricDefinition,
    "xpyrment_tests": TestDefinition,
    "xpyrment_adjusters": AdjusterDefinition,
    "xpyrment_corrections": CorrectionDefinition,
    "xpyrment_diagnostics": DiagnosticDefinition,
    "xpyrment_engines": EngineDefinition,
    "xpyrment_plot_backends": PlotBackendDefinition,
    "xpyrment_exporters": ExporterDefinition,
    "xpyrment_commands": CommandDefinition,
}
"""The definition hooks and the class of the definitions that each returns."""
