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
    from xpyrment_power.answer import Answer


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
    curve: Annotated[bool, Parameter(help="Print power around the answer, too.", negative="")] = False,
    plot: Annotated[Path | None, Parameter(help="Save the power curve here: .png, .svg, .pdf or .html.")] = None,
) -> Report:
    """Sample size, power or minimum detectable effect of an experiment.

    Two of --mde, --n and --power are given (--power has a default), the third is solved for:
    --mde alone gives the sample size, --n alone the effect, both the power.
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
        )
        check_outputs([("plot", plot)])
        # Before solving, so that a suffix that no backend serves is reported at once.
        output = None if plot is None else plot_output(default_host(), plot)
        solution = answer(design, mde=mde, n=n, power=power, daily_traffic=daily_traffic)
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


def _drawn(solution: "Answer", output: Output) -> Any:
    from xpyrment_power.curve import power_plot

    return output.entry.load()(power_plot(solution))
