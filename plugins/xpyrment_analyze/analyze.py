"""The command ``xpyrment analyze``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from xpyrment_analyze.show import finish
from xpyrment_core import Alternative, InputError, RelativeMethod, Report, read_experiment_file
from xpyrment_core.cli.experiments import (
    arms_of,
    build,
    experiment_file_of,
    experiment_of,
    experiment_of_totals,
    options_given,
    parse_weights,
    refuse_beside_file,
)
from xpyrment_core.cli.parameters import CommaList, DataPath, flag, from_settings
from xpyrment_core.cli.reading import ReadFlags

if TYPE_CHECKING:
    from xpyrment_core import Experiment


def analyze(
    *data: DataPath,
    from_stats: Annotated[
        str | None,
        Parameter(
            help="Totals in place of DATA: a table with columns variant, metric, n, mean, sd (or successes); also as "
            "JSON or TOML.",
            metavar="FILE",
            allow_leading_hyphen=True,
        ),
    ] = None,
    treatment_col: Annotated[
        str | None, Parameter(help="Column with each row's variant; needed unless DATA is an experiment file.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        Parameter(
            help="A metric: revenue, converted:proportion, ctr=clicks/impressions, p90=ms:quantile,q=0.9. Repeatable.",
            negative="",
            metavar="METRIC",
        ),
    ] = None,
    covariate: Annotated[CommaList | None, flag("covariates")] = None,
    control: Annotated[str | None, flag("control")] = None,
    treatment: Annotated[CommaList | None, flag("treatment")] = None,
    alpha: Annotated[float | None, flag("alpha")] = None,
    correction: Annotated[str | None, flag("correction")] = None,
    test: Annotated[str | None, flag("test")] = None,
    adjuster: Annotated[str | None, flag("adjuster")] = None,
    alternative: Annotated[Alternative | None, flag("alternative")] = None,
    relative_interval: Annotated[RelativeMethod | None, flag("relative_interval")] = None,
    id_col: Annotated[
        str | None, Parameter(help="Column of the unit of randomisation, where units have several rows.")
    ] = None,
    cluster_col: Annotated[str | None, Parameter(help="Column of a unit of randomisation above the id.")] = None,
    strata_col: Annotated[
        str | None, Parameter(help="Column of the strata (blocks) within which units were randomised.")
    ] = None,
    weights: Annotated[
        CommaList | None, Parameter(help="Planned shares, as control=0.9,treatment=0.1.", metavar="LABEL=SHARE,…")
    ] = None,
    plot: Annotated[Path | None, Parameter(help="Save the forest plot here: .png, .svg, .pdf or .html.")] = None,
    report: Annotated[Path | None, Parameter(help="Save a report here: .html, .md, .json or .csv.")] = None,
    locked: Annotated[
        bool,
        Parameter(help="Of an experiment file: refuse if it changed since 'xpyrment register'.", negative=""),
    ] = False,
    dry_run: Annotated[
        bool, Parameter(help="Check everything and say what would be read; analyse nothing.", negative="")
    ] = False,
    read: ReadFlags | None = None,
) -> Report:
    """Analyse an experiment: every metric, with intervals and checks.

    DATA are files (CSV in any dialect, TSV, JSON lines, Parquet, Arrow, Excel; also a glob of them), - for standard
    input, or an experiment file ending in .toml (see 'xpyrment init'), which says everything else itself.
    """
    # None means "not given": an experiment file states all of these, so one given beside it is refused, even if equal
    # to the default.
    planned: dict[str, Any] = {
        "treatment_col": treatment_col,
        "metric": metric,
        "covariate": covariate,
        "control": control,
        "treatment": treatment,
        "alpha": alpha,
        "correction": correction,
        "test": test,
        "adjuster": adjuster,
        "alternative": alternative,
        "relative_interval": relative_interval,
        "id_col": id_col,
        "cluster_col": cluster_col,
        "strata_col": strata_col,
        "weights": weights,
    }
    output: dict[str, Any] = {"plot": plot, "report": report, "dry_run": dry_run}
    if from_stats is not None:
        return finish(*_totals(from_stats, data, locked, read, **planned), from_stats, inputs=[from_stats], **output)
    if file := experiment_file_of(data):
        refuse_beside_file(file, planned | ({} if read is None else read.typed()))
        return _planned_analysis(file, locked, **output)
    if locked:
        raise InputError("--locked is for experiment files; got a data file. Write one with 'xpyrment init'.")
    named = ", ".join(data)
    return finish(*_experiment(data, read=read, **planned), named, inputs=data, **output)


def _planned_analysis(file: str, locked: bool, **output: Any) -> Report:
    plan = read_experiment_file(file)
    # Before the data are opened: a plan that changed since registration must not be analysed at all.
    registration = plan.registration() if locked else None
    changes = plan.check_data(registration) if registration else ""
    experiment, options = build(plan)
    found: dict[str, Any] = {"file": plan.path.name, "sha256": plan.sha256, "registered": None}
    if registration is not None:
        found |= {"registered": registration.when, "data_changes": changes}
        found["earlier_registrations"] = len(registration.document.get("history", []))
    metadata = {"plan": found}
    named = str(plan.experiment["data"])
    return finish(experiment, options, named, inputs=plan.files, metadata=metadata, **output)


_NOT_OF_TOTALS = ("metric", "covariate", "id_col", "cluster_col", "strata_col", "adjuster")


def _totals(
    file: str,
    data: Sequence[str],
    locked: bool,
    read: ReadFlags | None,
    treatment_col: str | None,
    control: str | None,
    treatment: list[str] | None,
    weights: list[str] | None,
    **options: Any,
) -> "tuple[Experiment, dict[str, Any]]":
    for name in _NOT_OF_TOTALS:
        if options.pop(name) is not None and name not in from_settings():
            raise InputError(
                f"--{name.replace('_', '-')} cannot be given with --from-stats: the file names the metrics, and totals "
                f"have neither units nor covariates; analyse the rows for that."
            )
    if data or locked:
        raise InputError(f"--from-stats takes the place of {'DATA' if data else '--locked'}; give one of them.")
    experiment = experiment_of_totals(file, treatment_col or "variant", read)
    arms = arms_of(experiment, control, treatment, None if weights is None else parse_weights(weights))
    return experiment, arms | options_given(**options)


def _experiment(
    data: Sequence[str],
    treatment_col: str | None,
    metric: list[str] | None,
    covariate: list[str] | None,
    id_col: str | None,
    cluster_col: str | None,
    strata_col: str | None,
    weights: list[str] | None,
    control: str | None,
    treatment: list[str] | None,
    read: ReadFlags | None,
    **options: Any,
) -> "tuple[Experiment, dict[str, Any]]":
    experiment = experiment_of(data, treatment_col, metric, covariate, id_col, cluster_col, read, strata_col)
    # Labels are text on the command line; they are matched with the labels of the data here.
    arms = arms_of(experiment, control, treatment, None if weights is None else parse_weights(weights))
    return experiment, arms | options_given(covariates=covariate, **options)
