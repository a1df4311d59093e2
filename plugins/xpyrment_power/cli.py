"""The command ``xpyrment power``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from attrs import evolve
from cyclopts import Parameter

from xpyrment_core import Alternative, InputError, Report, default_host
from xpyrment_core.cli.outputs import Output, plot_output, save_all
from xpyrment_core.cli.writing import check_outputs
from xpyrment_power.design import PlanTest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xpyrment_power.answer import Answer
    from xpyrment_power.design import Design


WEEKS = 8
"""Weeks that --by-week shows: longer experiments are rare."""


class PowerCalculationError(InputError):
    """A plan whose parameters are invalid or contradict each other."""

    heading = "Power Calculation Error"


def power(
    *,
    mde: Annotated[
        str | None,
        Parameter(
            help="Minimum Detectable Effect: absolute, as 2.5, or with --baseline relative, as 2.5%.",
            allow_leading_hyphen=True,
            metavar="EFFECT",
        ),
    ] = None,
    std: Annotated[
        float | None, Parameter(help="Standard deviation of outcome metric; leave it out for a proportion.")
    ] = None,
    power: Annotated[float | None, Parameter(help="Target power level (0 to 1). Defaults to 0.80.")] = None,
    alpha: Annotated[float, Parameter(help="Significance alpha level (0 to 1).")] = 0.05,
    ratio: Annotated[float, Parameter(help="Treatment-to-Control allocation ratio.")] = 1.0,
    n: Annotated[
        int | None, Parameter(name="--n", help="Units in the control group; without it the size is solved for.")
    ] = None,
    test: Annotated[PlanTest, Parameter(help="z: normal approximation; t: exact, by the noncentral t.")] = "z",
    baseline: Annotated[
        float | None, Parameter(help="Mean in control; without --std the proportion in control (0 to 1).")
    ] = None,
    alternative: Annotated[
        Alternative, Parameter(help="Alternative hypothesis: the effect differs from 0, is greater, or is less.")
    ] = "two-sided",
    margin: Annotated[
        float, Parameter(help="Non-inferiority margin: plan to show that treatment is worse by less than this.")
    ] = 0.0,
    covariate_correlation: Annotated[
        float,
        Parameter(help="Correlation with a pre-period covariate (CUPED): saves its square of the variance."),
    ] = 0.0,
    arms: Annotated[int, Parameter(help="Treatment groups against one control; they share alpha (Bonferroni).")] = 1,
    daily_traffic: Annotated[
        float | None, Parameter(help="Units entering the experiment per day, all groups: gives the duration.")
    ] = None,
    by_week: Annotated[
        bool, Parameter(help="Print the minimum detectable effect after each week (8 without --weeks).", negative="")
    ] = False,
    weeks: Annotated[
        int | None,
        Parameter(help="Print the minimum detectable effect after each of so many weeks; needs --daily-traffic."),
    ] = None,
    icc: Annotated[
        float | None, Parameter(help="Intracluster correlation, where clusters are randomised; needs --cluster-size.")
    ] = None,
    cluster_size: Annotated[float | None, Parameter(help="Mean number of units in a cluster.")] = None,
    cluster_cv: Annotated[float, Parameter(help="Coefficient of variation of the cluster sizes.")] = 0.0,
    control: Annotated[
        int | None, Parameter(help="Fixed units in control: the smallest treatment groups are solved for.")
    ] = None,
    total: Annotated[
        int | None,
        Parameter(help="Fixed units in all groups: the allocation with the smallest treatment groups is solved for."),
    ] = None,
    curve: Annotated[bool, Parameter(help="Print power around the answer, too.", negative="")] = False,
    plot: Annotated[Path | None, Parameter(help="Save the power curve here: .png, .svg, .pdf or .html.")] = None,
) -> Report:
    """Sample size, power or minimum detectable effect of an experiment.

    Two of --mde, --n and --power are given (--power has a default), the third is solved for:
    --mde alone gives the sample size, --n alone the effect, both the power. --weeks gives the
    effect by week.
    """
    from xpyrment_power.answer import answer
    from xpyrment_power.design import Design
    from xpyrment_power.report import report_of

    try:
        design = Design(
            std=std,
            baseline=baseline,
            alpha=alpha,
            ratio=ratio,
            test=test,
            alternative=alternative,
            arms=arms,
            covariate_correlation=covariate_correlation,
            margin=margin,
            icc=icc,
            cluster_size=cluster_size,
            cluster_cv=cluster_cv,
        )
        if by_week and weeks is None:
            weeks = WEEKS
        if weeks is not None:
            others = {"--mde": mde, "--n": n, "--control": control, "--total": total, "--plot": plot}
            others["--curve"] = curve or None
            return _by_week(design, daily_traffic, weeks, power, others)
        check_outputs([("plot", plot)])
        # Before solving, so that a suffix that no backend serves is reported at once.
        output = None if plot is None else plot_output(default_host(), plot)
        solution = answer(design, mde=mde, n=n, power=power, daily_traffic=daily_traffic, control=control, total=total)
    # One heading for all errors of a plan, whether the design, the solver or the plot raised them.
    except InputError as error:
        raise PowerCalculationError(str(error)) from error
    # A plan that was calculated is printed, also if its plot cannot be saved.
    lines: list[str] = []
    problem = ""
    if output is not None:
        lines, problem = save_all([(output, lambda: _drawn(solution, output))])
    report = report_of(solution, with_curve=curve, saved=str(plot) if lines else None)
    return evolve(report, error=problem, exit_code=1) if problem else report


def _by_week(
    design: "Design", daily_traffic: float | None, weeks: int, power: float | None, others: "Mapping[str, object]"
) -> Report:
    from xpyrment_power.answer import DEFAULT_POWER
    from xpyrment_power.report import report_of_weeks
    from xpyrment_power.weeks import by_week

    given = [name for name, value in others.items() if value is not None]
    if given:
        raise InputError(f"--weeks gives the effect by week and excludes {', '.join(given)}. Leave one of them out.")
    if daily_traffic is None:
        raise InputError("a table by week needs the units per day: add --daily-traffic, such as --daily-traffic 5000.")
    return report_of_weeks(by_week(design, daily_traffic, weeks, DEFAULT_POWER if power is None else power))


def _drawn(solution: "Answer", output: Output) -> Any:
    from xpyrment_power.curve import power_plot

    return output.entry.load()(power_plot(solution))
