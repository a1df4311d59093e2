"""The command ``xpyrment aa``."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from xpyrment_core import Report, Table, read_experiment_file
from xpyrment_core.cli.experiments import (
    arms_of,
    build,
    experiment_file_of,
    experiment_of,
    options_given,
    refuse_beside_file,
)
from xpyrment_core.cli.parameters import CommaList, DataPath, flag
from xpyrment_core.cli.reading import ReadFlags

if TYPE_CHECKING:
    from xpyrment_simulation.aa import AAResult


def aa(
    *data: DataPath,
    treatment_col: Annotated[
        str | None, Parameter(help="Column with each row's variant; needed unless DATA is an experiment file.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        Parameter(help="A metric, as for analyze: revenue, converted:proportion. Repeatable.", negative=""),
    ] = None,
    covariate: Annotated[CommaList | None, flag("covariates")] = None,
    control: Annotated[str | None, flag("control")] = None,
    treatment: Annotated[CommaList | None, flag("treatment")] = None,
    id_col: Annotated[str | None, Parameter(help="Column of the unit of randomisation.")] = None,
    cluster_col: Annotated[str | None, Parameter(help="Column of a unit above the id.")] = None,
    strata_col: Annotated[str | None, Parameter(help="Column of the strata; permuted within them.")] = None,
    alpha: Annotated[float | None, flag("alpha", help="Nominal level that is checked.")] = None,
    correction: Annotated[str | None, flag("correction")] = None,
    test: Annotated[str | None, flag("test")] = None,
    adjuster: Annotated[str | None, flag("adjuster")] = None,
    replicates: Annotated[
        int, Parameter(help="How often the assignment is permuted.", validator=validators.Number(gte=1))
    ] = 1000,
    seed: Annotated[int, Parameter(help="The same seed gives the same numbers.")] = 0,
    n_jobs: Annotated[int, Parameter(help="Processes; -1 for all cores.")] = -1,
    read: ReadFlags | None = None,
) -> Report:
    """Certify a pipeline: A/A simulation on your own data and plan.

    Permutes the assignment of units many times and analyses each as the experiment would be. Without
    an effect, p < alpha should happen in a share alpha of the replicates. Exits with 2
    where a metric raises too many false alarms or cannot be estimated.
    """
    from xpyrment_simulation.aa import aa_test

    units = {"id_col": id_col, "cluster_col": cluster_col, "strata_col": strata_col}
    design = {"treatment_col": treatment_col, **units}
    arms = {"control": control, "treatment": treatment}
    settings = {"alpha": alpha, "correction": correction, "test": test, "adjuster": adjuster}
    # A file is the whole plan: options beside it would certify another pipeline than the one that is run.
    if file := experiment_file_of(data):
        given = {
            **design,
            "metric": metric,
            "covariate": covariate,
            **arms,
            **settings,
            **({} if read is None else read.typed()),
        }
        refuse_beside_file(file, given)
        experiment, options = build(read_experiment_file(file))
    else:
        experiment = experiment_of(data, treatment_col, metric, covariate, id_col, cluster_col, read, strata_col)
        options = arms_of(experiment, control, treatment) | options_given(covariates=covariate, **settings)
    result = aa_test(experiment, replicates=replicates, seed=seed, n_jobs=n_jobs, **options)
    return _report(result)


def _report(result: "AAResult") -> Report:
    several = len({metric.treatment for metric in result.metrics}) > 1
    columns = ["Metric", *(["Treatment"] if several else []), "Level", "95% CI", "Coverage", "Uniform p", "Verdict"]
    rows = []
    for metric in result.metrics:
        interval = f"[{metric.level_low:.1%}, {metric.level_high:.1%}]"
        names = [metric.metric, *([metric.treatment] if several else [])]
        rows.append([*names, metric.level, interval, metric.coverage, metric.uniformity_p, metric.verdict])
    table = Table(
        columns=columns,
        rows=rows,
        right={"Level", "95% CI", "Coverage", "Uniform p"},
        keep={"95% CI", "Level"},
        formats={"Level": ".1%", "Coverage": ".1%", "Uniform p": ".4f"},
    )
    head = f"{result.replicates:,} A/A replicates of {result.units:,} units; the level should be {result.alpha:.1%}\n"
    alarm = result.false_alarm
    tail = [] if alarm is None else [f"\nAny metric below alpha, after correction: {alarm:.1%} of the replicates"]
    tail.append("The pipeline holds its level." if result.passed else "DO NOT TRUST this pipeline before it is fixed.")
    from attrs import asdict

    data = {"metrics": [asdict(metric) for metric in result.metrics], "false_alarm": alarm, "passed": result.passed}
    data |= {"alpha": result.alpha, "replicates": result.replicates, "seed": result.seed, "units": result.units}
    return Report(
        kind="aa", title="A/A simulation", parts=[head, table, *tail], data=data, exit_code=0 if result.passed else 2
    )
