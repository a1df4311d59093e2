"""The command ``xpyrment srm``: check the sample ratio."""

from typing import Annotated, Any

from cyclopts import Parameter

from xpyrment_core import InputError, Report, Table
from xpyrment_core.cli.parameters import CommaList
from xpyrment_core.plots.numbers import P_FORMAT


def srm(
    *values: Annotated[str, Parameter(help="Units per variant (5021 4979), or a CSV, TSV or Parquet file.")],
    csv: Annotated[
        str | None,
        Parameter(help="The file as an option; - reads CSV from standard input.", allow_leading_hyphen=True),
    ] = None,
    counts: Annotated[
        CommaList, Parameter(help="Units per variant by name: control=5021,treatment=4979.", show_default=False)
    ] = [],  # noqa: B006 - cyclopts only reads it
    weights: Annotated[
        CommaList,
        Parameter(help="Planned weights: 9,1 or control=0.9,treatment=0.1; equal by default.", show_default=False),
    ] = [],  # noqa: B006
    treatment_col: Annotated[str | None, Parameter(help="Column with the variant of each row of the file.")] = None,
    fail_on_mismatch: Annotated[bool, Parameter(help="Exit with 2 on a mismatch.", negative="")] = False,
) -> Report:
    """Check the sample ratio: units per variant against planned weights."""
    from xpyrment_srm.check import check_srm

    observed, missing = _observed(values, csv, counts, treatment_col)
    result = check_srm(observed, _weights(weights, observed))
    details = result.details
    rows = [
        (arm, n, details["expected"][arm], n / max(sum(details["observed"].values()), 1), details["weights"][arm])
        for arm, n in details["observed"].items()
    ]
    numbers = {"Units": ",", "Expected": ",.1f", "Share": ".3%", "Planned": ".3%"}
    table = Table(columns=("Variant", *numbers), rows=rows, right=numbers.keys(), keep=numbers.keys(), formats=numbers)
    outcome = {"passed": result.passed, "statistic": result.statistic, "p_value": result.p_value}
    return Report(
        kind="srm",
        title="Sample ratio",
        parts=["SAMPLE RATIO CHECK", *_left_out(missing), "", table, "", *_verdict(result)],
        data={**outcome, "message": result.message, **details, "rows_without_label": missing},
        # 2, because 1 is the exit code of errors: a script can tell a mismatch from a file that does not exist.
        exit_code=2 if fail_on_mismatch and result.passed is False else 0,
    )


def _observed(
    values: tuple[str, ...], csv: str | None, counts: list[str], treatment_col: str | None
) -> tuple[dict[Any, int], int]:
    """Return units per variant, and rows without one, from the form that was given."""
    if sum(map(bool, (values, csv, counts))) != 1:
        raise InputError(
            "give the units per variant once: as numbers (xpyrment srm 5021 4979), as --counts control=5021,"
            "treatment=4979, or as a file with --treatment-col."
        )
    if csv:
        return _from_file(csv, treatment_col)
    if counts:
        return {name: _integer(text) for name, text in _pairs(counts, "--counts")}, 0
    # One number alone falls through: the check then explains that two variants are needed.
    if len(values) == 1 and not values[0].isdigit():
        return _from_file(values[0], treatment_col)
    return {f"arm {i}": _integer(text) for i, text in enumerate(values, start=1)}, 0


def _from_file(path: str, treatment_col: str | None) -> tuple[dict[Any, int], int]:
    from xpyrment_core.data.files import read_frame
    from xpyrment_core.data.frames import label_counts, select

    if treatment_col is None:
        raise InputError(f"which column of '{path}' holds the variants? Name it with --treatment-col.")
    frame = read_frame(path)
    counts = label_counts(select(frame, [("Treatment column", treatment_col)]), treatment_col)
    missing = counts.pop(None, 0)
    return counts, missing


def _weights(weights: list[str], observed: dict[Any, int]) -> Any:
    """Return the weights under the data's own labels; one that is not there is a variant without units."""
    if not weights:
        return None
    if not any("=" in part for part in weights):
        return [_number(part) for part in weights]
    # A column of 0 and 1 with gaps is read as 0.0 and 1.0; "1" still means it.
    spelled = {f"{label:g}" if isinstance(label, float) else str(label): label for label in observed}
    return {spelled.get(name, name): _number(text) for name, text in _pairs(weights, "--weights")}


def _pairs(parts: list[str], option: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in parts]
    for name, equals, text in pairs:
        if not (name.strip() and equals and text.strip()):
            raise InputError(f"{option} must be name=number pairs such as control=5021,treatment=4979, got {name!r}.")
    names = [name.strip() for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise InputError(f"{option} names a variant twice: {', '.join(names)}.")
    return [(name.strip(), text.strip()) for name, _, text in pairs]


def _integer(text: str) -> int:
    if not text.replace("_", "").isdigit():
        raise InputError(f"units of a variant must be a whole number, 0 or more, got {text!r}.")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"a planned weight must be a number, 0 or more, got {text!r}.") from None


def _left_out(missing: int) -> list[str]:
    return [f"Rows without a variant, left out: {missing:,}"] if missing else []


def _verdict(result: Any) -> list[str]:
    from xpyrment_srm.check import NO_UNITS

    leak = []
    if leaked := result.details["units_of_weight_0"]:
        named = ", ".join(f"{variant}: {n:,}" for variant, n in leaked.items())
        leak = [f"UNITS IN A VARIANT OF PLANNED WEIGHT 0: {named}.", "Find out how they were assigned.", ""]
    if result.p_value is None:
        return [*leak, f"Not checked: {NO_UNITS}."]
    test = "Chi-square" if result.details["method"] == "chi-square" else result.details["method"].capitalize()
    lines = [
        *leak,
        f"Chi-square statistic: {result.statistic:.4f} (df = {result.details['df']})",
        f"p-value: {result.p_value:{P_FORMAT}} ({test} test)",
        "",
    ]
    threshold = result.details["threshold"]
    if result.p_value >= threshold:
        return [*lines, f"No sample ratio mismatch (p >= {threshold:g})."]
    return [
        *lines,
        f"SAMPLE RATIO MISMATCH (p < {threshold:g}).",
        "Find the cause in assignment or logging before reading any effect.",
    ]
