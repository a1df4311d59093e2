"""The command ``xpyrment srm``: check the sample ratio."""

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from xpyrment_core import CheckResult, InputError, Report, Table
from xpyrment_core.cli.experiments import one_or_several
from xpyrment_core.cli.parameters import CommaList, DataPath
from xpyrment_core.cli.reading import ReadFlags
from xpyrment_core.plots.numbers import P_FORMAT


def srm(
    *values: Annotated[DataPath, Parameter(help="Units per variant (5021 4979), or data files, or -.")],
    csv: Annotated[
        str | None,
        Parameter(help="The file as an option; - reads standard input.", allow_leading_hyphen=True),
    ] = None,
    counts: Annotated[
        CommaList, Parameter(help="Units per variant by name: control=5021,treatment=4979.", show_default=False)
    ] = [],  # noqa: B006 - cyclopts only reads it
    weights: Annotated[
        CommaList,
        Parameter(help="Planned weights: 9,1 or control=0.9,treatment=0.1; equal by default.", show_default=False),
    ] = [],  # noqa: B006
    treatment_col: Annotated[str | None, Parameter(help="Column with the variant of each row of the file.")] = None,
    id_col: Annotated[
        str | None, Parameter(help="Column of the unit of randomisation, where units have several rows.")
    ] = None,
    fail_on_mismatch: Annotated[bool, Parameter(help="Exit with 2 on a mismatch.", negative="")] = False,
    read: ReadFlags | None = None,
) -> Report:
    """Check the sample ratio: units per variant against planned weights."""
    result = _checked(values, csv, counts, treatment_col, id_col, weights, read)
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
        parts=["SAMPLE RATIO CHECK", *_left_out(details), "", table, "", *_verdict(result)],
        data={**outcome, "message": result.message, **details},
        # 2, because 1 is the exit code of errors: a script can tell a mismatch from a file that does not exist.
        exit_code=2 if fail_on_mismatch and result.passed is False else 0,
    )


def _checked(
    values: tuple[str, ...],
    csv: str | None,
    counts: list[str],
    treatment_col: str | None,
    id_col: str | None,
    weights: list[str],
    read: ReadFlags | None,
) -> CheckResult:
    """Return the check of the units per variant, in whichever of the three forms they were given."""
    from xpyrment_srm.check import check_srm

    if sum(map(bool, (values, csv, counts))) != 1:
        raise InputError(
            "give the units per variant once: as numbers (xpyrment srm 5021 4979), as --counts control=5021,"
            "treatment=4979, or as a file with --treatment-col."
        )
    # One number alone is a count too: the check then explains that two variants are needed.
    files = [csv] if csv else [] if counts or any(map(_is_count, values)) else list(values)
    if files:
        return _check_files(files, treatment_col, id_col, weights, read)
    if treatment_col or id_col or read:
        raise InputError("--treatment-col, --id-col and the options of reading are for data files; got counts.")
    if counts:
        observed = {name: _integer(text) for name, text in _pairs(counts, "--counts")}
    else:
        observed = {f"arm {i}": _integer(text) for i, text in enumerate(values, start=1)}
    return check_srm(observed, _weights(weights, observed))


def _is_count(text: str) -> bool:
    # A negative or fractional number is a wrong count rather than the name of a file.
    try:
        float(text.replace("_", ""))
    except ValueError:
        return False
    return True


def _check_files(
    files: list[str], treatment_col: str | None, id_col: str | None, weights: list[str], read: ReadFlags | None
) -> CheckResult:
    from xpyrment_core.data.engines import open_source
    from xpyrment_core.data.frames import check_named
    from xpyrment_srm.check import check_source

    data = one_or_several(files)
    if treatment_col is None:
        raise InputError(f"which column of '{files[0]}' holds the variants? Name it with --treatment-col.")
    source = open_source(data, None if read is None else read.options())
    check_named("Treatment column", treatment_col, source.schema())
    labels = {label: rows for label, rows in source.labels(treatment_col).items() if label is not None}
    return check_source(source, _weights(weights, labels), treatment_col, id_col)


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


def _left_out(details: Mapping[str, Any]) -> list[str]:
    """Return the guards on units, then the rows that do not count."""
    rows = {
        "Rows without a variant, left out": details["rows_without_label"],
        "Rows without a unit, left out": details["rows_without_unit"],
        "Rows of units in more than one variant, left out": details["rows_in_two_arms"],
    }
    note = [f"NOTE: {details['note']}.", ""] if details["note"] else []
    return [*note, *(f"{what}: {count:,}" for what, count in rows.items() if count)]


def _verdict(result: Any) -> list[str]:
    from xpyrment_srm.check import NO_UNITS

    if result.details["rows_in_two_arms"] and result.details["note"]:
        return ["Verdict withheld: too many units are in more than one variant."]
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
