"""The programs behind docs/comparison.md: one function per library and question.

``python -m benchmarks.comparison`` prints a line for each library that is installed. All libraries get the
same experiments, generated from the same seed. The libraries require different versions of NumPy and pandas: run the
module in one environment per library, with the versions named in docs/comparison.md.
"""

import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pandas as pd

SEED = 3
COVERAGE_REPLICATES = 1000
AGREEMENT_REPLICATES = 300

Arms = tuple[np.ndarray, np.ndarray]
Answer = tuple[float, float, float]
"""p-value, and lower and upper end of the 95 % interval of the lift."""


def long_frame(control: np.ndarray, treatment: np.ndarray) -> pd.DataFrame:
    variant = ["control"] * len(control) + ["treatment"] * len(treatment)
    return pd.DataFrame({"variant": variant, "y": np.concatenate([control, treatment])})


def spotify_confidence(control: np.ndarray, treatment: np.ndarray) -> Answer:
    import spotify_confidence as confidence

    row = _spotify_test(confidence, control, treatment).difference("control", "treatment", absolute=False).iloc[0]
    return row["p-value"], row["ci_lower"], row["ci_upper"]


def _spotify_test(confidence, control, treatment):
    sums = pd.DataFrame({
        "variant": ["control", "treatment"],
        "sum": [control.sum(), treatment.sum()],
        "squares": [(control**2).sum(), (treatment**2).sum()],
        "n": [len(control), len(treatment)],
    })  # fmt: skip
    return confidence.ZTest(
        sums, numerator_column="sum", numerator_sum_squares_column="squares", denominator_column="n",
        categorical_group_columns="variant",
    )  # fmt: skip


def gbstats(control: np.ndarray, treatment: np.ndarray, difference_type: str = "relative") -> Answer:
    from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
    from gbstats.models.statistics import SampleMeanStatistic

    sums = [SampleMeanStatistic(n=len(y), sum=y.sum(), sum_squares=(y**2).sum()) for y in (control, treatment)]
    result = TwoSidedTTest(*sums, FrequentistConfig(difference_type=difference_type)).compute_result()
    return (result.p_value, *result.ci)


def tea_tasting(control: np.ndarray, treatment: np.ndarray) -> Answer:
    import tea_tasting as tt

    frame = long_frame(control, treatment)
    result = tt.Experiment({"y": tt.Mean("y")}, variant="variant").analyze(frame, control="control")["y"]
    return result.pvalue, result.rel_effect_size_ci_lower, result.rel_effect_size_ci_upper


def xpyrment(control: np.ndarray, treatment: np.ndarray, relative_interval: str = "fieller") -> Answer:
    import xpyrment as xp

    experiment = xp.setup(
        long_frame(control, treatment), "variant", weights={"control": len(control), "treatment": len(treatment)}
    )
    row = experiment.register_metric("y").run_analysis(relative_interval=relative_interval).raw_results[0]
    low, high = row["rel_ci_lower"], row["rel_ci_upper"]
    # None is an end that is not bounded.
    return row["p_value"], -np.inf if low is None else low, np.inf if high is None else high


RELATIVE: dict[str, Callable[..., Answer]] = {
    "spotify-confidence": spotify_confidence,
    "gbstats": gbstats,
    "tea-tasting": tea_tasting,
    "xpyrment fieller": xpyrment,
    "xpyrment delta": lambda control, treatment: xpyrment(control, treatment, "delta"),
    "xpyrment log": lambda control, treatment: xpyrment(control, treatment, "log"),
}


def few_control_units(replicates: int) -> Iterator[Arms]:
    """Yield experiments with a true lift of 200 %: 100 control units, 2,000 treatment units, exponential."""
    rng = np.random.default_rng(SEED)
    for _ in range(replicates):
        yield rng.exponential(1, 100), rng.exponential(3, 2000)


def coverage(answer: Callable[..., Answer], replicates: int = COVERAGE_REPLICATES) -> float:
    """Return the share of 95 % intervals of the lift that contain the true lift."""
    intervals = (answer(*arms)[1:] for arms in few_control_units(replicates))
    return sum(low <= 2 <= high for low, high in intervals) / replicates


def forty_units(replicates: int) -> Iterator[Arms]:
    """Yield experiments of 40 normal units per arm: control mean 3, standard deviation 3, effect 1.4."""
    rng = np.random.default_rng(SEED)
    for _ in range(replicates):
        yield rng.normal(3, 3, 40), rng.normal(4.4, 3, 40)


def disagreements(answer: Callable[..., Answer], replicates: int = AGREEMENT_REPLICATES) -> int:
    """Count experiments in which ``p < 0.05`` and "the interval of the lift excludes 0" differ."""
    count = 0
    for arms in forty_units(replicates):
        p, low, high = answer(*arms)
        count += (p < 0.05) != (not low <= 0 <= high)
    return count


def gbstats_by_scale(replicates: int = AGREEMENT_REPLICATES) -> int:
    """Count experiments in which gbstats' absolute and relative tests reach different decisions."""
    return sum(
        (gbstats(*arms, difference_type="absolute")[0] < 0.05) != (gbstats(*arms)[0] < 0.05)
        for arms in forty_units(replicates)
    )


# Both variants are constant, so a variance of 0 meets the largest possible difference.
NONE, ALL = np.zeros(20), np.ones(20)


def tea_tasting_twenty() -> Iterator[str]:
    import tea_tasting as tt

    yield f"tea-tasting, Mean: p = {tea_tasting(NONE, ALL)[0]:.1e}"
    frame = long_frame(NONE.astype(int), ALL.astype(int))
    result = tt.Experiment({"y": tt.Proportion("y")}, variant="variant").analyze(frame, control="control")["y"]
    yield f"tea-tasting, Proportion: p = {result.pvalue:.1e}"


def spotify_confidence_twenty() -> Iterator[str]:
    import spotify_confidence as confidence

    row = _spotify_test(confidence, NONE, ALL).difference("control", "treatment", absolute=True).iloc[0]
    yield f"spotify-confidence, ZTest: p = {row['p-value']:.1e}, interval [{row['ci_lower']:g}, {row['ci_upper']:g}]"


def gbstats_twenty() -> Iterator[str]:
    p, low, high = gbstats(NONE, ALL, "absolute")
    yield f"gbstats, TwoSidedTTest: p = {p:g}, interval [{low:g}, {high:g}]"


def statsmodels_twenty() -> Iterator[str]:
    from statsmodels.stats.proportion import proportions_ztest, test_proportions_2indep

    yield f"statsmodels, proportions_ztest: p = {proportions_ztest([20, 0], [20, 20])[1]:.1e}"
    yield f"statsmodels, test_proportions_2indep: p = {test_proportions_2indep(20, 20, 0, 20).pvalue:.1e}"


TWENTY = (tea_tasting_twenty, spotify_confidence_twenty, gbstats_twenty, statsmodels_twenty)


def installed(name: str) -> bool:
    try:
        distribution(name.split()[0].removesuffix("_twenty").replace("_", "-"))
    except PackageNotFoundError:
        return False
    return True


def main() -> None:
    """Print every answer of the libraries that are installed."""
    warnings.simplefilter("ignore")
    methods = {name: answer for name, answer in RELATIVE.items() if installed(name)}
    print(f"Coverage of the 95 % interval of the lift, {COVERAGE_REPLICATES:,} experiments")
    for name, answer in methods.items():
        print(f"  {name}: {coverage(answer):.1%}", flush=True)
    print(f"p-value and interval of the lift disagree, of {AGREEMENT_REPLICATES} experiments")
    for name, answer in methods.items():
        print(f"  {name}: {disagreements(answer)}", flush=True)
    if installed("gbstats"):
        print(f"  gbstats, absolute against relative p-value: {gbstats_by_scale()}")
    print("0 of 20 against 20 of 20")
    for answers in TWENTY:
        if installed(answers.__name__):
            print("".join(f"  {line}\n" for line in answers()), end="", flush=True)


if __name__ == "__main__":
    main()
