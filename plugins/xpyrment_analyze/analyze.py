"""The command ``xpyrment analyze``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from xpyrment_analyze.show import finish
from xpyrment_core import Alternative, InputError, RelativeMethod, Report, read_experiment_file
from xpyrment_core.cli.experiments import arms_of, build, experiment_of, parse_weights
from xpyrment_core.cli.parameters import CommaList, DataPath

if TYPE_CHECKING:
    pass


def analyze(
    data: DataPath,
    /,
    *,
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
    covariate: Annotated[
        CommaList | None, Parameter(name=["--covariate", "--covariates"], help="Baseline columns to adjust with.")
    ] = None,
    control: Annotated[
        str | None, Parameter(help="Control label; by default 'control' in any case, else the first in order.")
    ] = None,
    treatment: Annotated[CommaList | None, Parameter(help="Treatment label(s); by default every other arm.")] = None,
    alpha: Annotated[float, Parameter(help="Significance level; intervals have level 1 - alpha.")] = 0.05,
    correction: Annotated[
        str | None, Parameter(help="Multiplicity correction: holm, bonferroni, fdr_bh … or a plugin's.")
    ] = None,
    test: Annotated[
        str | None, Parameter(help="Test for every metric; by default each kind of metric has its own.")
    ] = None,
    adjuster: Annotated[str | None, Parameter(help="cuped (default with covariates), ols, lin, or none.")] = None,
    alternative: Annotated[Alternative, Parameter(help="What the treatment is suspected to be.")] = "two-sided",
    relative_interval: Annotated[RelativeMethod, Parameter(help="How the lift's interval is made.")] = "fieller",
    id_col: Annotated[
        str | None, Parameter(help="Column of the unit of randomisation, where units have several rows.")
    ] = None,
    cluster_col: Annotated[str | None, Parameter(help="Column of a unit of randomisation above the id.")] = None,
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
) -> Report:
    """Analyse an experiment: every metric, with intervals and checks.

    DATA is a CSV or Parquet file (or a glob of them), - for CSV on standard input, or an experiment
    file ending in .toml (see 'xpyrment init'), which says everything else itself.
    """
    if data.endswith(".toml"):
        given = {
            "--treatment-col": treatment_col,
            "--metric": metric,
            "--covariate": covariate,
            "--control": control,
            "--treatment": treatment,
            "--alpha": alpha != 0.05,
            "--correction": correction,
            "--test": test,
            "--adjuster": adjuster,
            "--alternative": alternative != "two-sided",
            "--relative-interval": relative_interval != "fieller",
            "--id-col": id_col,
            "--cluster-col": cluster_col,
            "--weights": weights,
        }
        _only_outputs(data, given)
        plan = read_experiment_file(data)
        registered = plan.registered() if locked else None
        experiment, options = build(plan)
        metadata = {"plan": {"file": plan.path.name, "sha256": plan.sha256, "registered": registered}}
        return finish(experiment, options, plan.data, plot=plot, report=report, dry_run=dry_run, metadata=metadata)
    if locked:
        raise InputError("--locked is for experiment files; got a data file. Write one with 'xpyrment init'.")
    experiment = experiment_of(data, treatment_col, metric, covariate, id_col, cluster_col)
    arms = arms_of(experiment, control, treatment, None if weights is None else parse_weights(weights))
    options = {
        **arms,
        "alpha": alpha,
        "multi_test_correction": correction,
        "covariates": covariate,
        "adjuster": adjuster,
        "alternative": alternative,
        "relative_interval": relative_interval,
    }
    if test is not None:
        options["test"] = test
    return finish(experiment, options, data, plot=plot, report=report, dry_run=dry_run)


def _only_outputs(data: str, given: Mapping[str, Any]) -> None:
    for option, value in given.items():
        if value:
            raise InputError(
                f"{option} cannot be given beside '{data}' (nor set in XPYRMENT_… or xpyrment.toml): "
                f"the experiment file says it; edit it there."
            )
