"""The command ``xpyrment balance``: covariate balance of a file."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from xpyrment_core import Report, Table
from xpyrment_core.cli.parameters import CommaList, CsvPath
from xpyrment_core.cli.reading import ReadFlags
from xpyrment_core.plots.numbers import P_FORMAT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xpyrment_balance.covariate_balance import CovariateBalance
    from xpyrment_balance.result import BalanceResult

TITLE = "COVARIATE BALANCE REPORT (SMD)"


def balance(
    *,
    csv: CsvPath,
    group_col: Annotated[str, Parameter(help="Column with the variant of each row.")],
    covariates: Annotated[CommaList, Parameter(help="Covariate columns, comma-separated.")],
    control: Annotated[
        str | None, Parameter(help="Label of the control; 'control' in any case, or else the first, by default.")
    ] = None,
    id_col: Annotated[
        str | None, Parameter(help="Column of the unit of randomisation, where units have several rows.")
    ] = None,
    levels: Annotated[bool, Parameter(help="Show every level of categorical covariates.", negative="")] = False,
    fail_on_imbalance: Annotated[
        bool, Parameter(help="Exit with 2 unless all covariates are balanced.", negative="")
    ] = False,
    read: ReadFlags | None = None,
) -> Report:
    """Evaluate baseline covariate balance: standardized mean differences (SMD) against control."""
    from xpyrment_balance.from_frame import check_balance
    from xpyrment_core.data.engines import open_source
    from xpyrment_core.data.frames import check_named
    from xpyrment_core.data.labels import find_label
    from xpyrment_core.data.units import repeated_ids

    options = None if read is None else read.options()
    source = open_source(csv, options)
    check_named("Group column", group_col, source.schema())
    groups = dict(source.labels(group_col))
    chosen = None if control is None else find_label(control, groups, by_text=True, what="control label")
    result = check_balance(csv, group_col, covariates, chosen, id_col=id_col, read=options)
    note = result.withheld or ("" if id_col else repeated_ids(source, group_col))
    return Report(
        kind="balance",
        title="Covariate balance",
        parts=[
            TITLE,
            *([f"NOTE: {note}.", ""] if note else []),
            _setting(result, groups, group_col),
            _smd_table(result),
            *_detail_table(result),
            *(_level_table(result) if levels else []),
            "",
            _verdict(result),
        ],
        csv=_csv_table(result),
        data=_data(result) | {"note": note},
        exit_code=2 if fail_on_imbalance and not result.passed else 0,
    )


def _setting(result: "BalanceResult", groups: dict[Any, int], group_col: str) -> str:
    others = ", ".join(f"{label} ({groups[label]:,})" for label in result.treatments)
    lines = [f"Group column: {group_col}", f"Control: {result.control} ({groups[result.control]:,})  against: {others}"]
    if result.rows_without_label:
        lines.append(f"Rows without a group, left out: {result.rows_without_label:,}")
    return "\n".join([*lines, ""])


def _smd_table(result: "BalanceResult") -> Table:
    rows = result.comparisons
    missing = any(row.missing_control or row.missing_treatment for row in rows)
    cells = [(row.kind, row.smd, row.p_value, *([_missing(row)] if missing else [])) for row in rows]
    columns = ["Type", "SMD", "p-value", *(["Missing C / T"] if missing else [])]
    return _per_covariate(result, rows, columns, cells, {"SMD": "+.4f", "p-value": P_FORMAT, "Missing C / T": ""})


def _missing(row: "CovariateBalance") -> str:
    return f"{row.missing_control:,} / {row.missing_treatment:,}"


def _detail_table(result: "BalanceResult") -> list[Table | str]:
    """Return the table of numeric covariates after an empty line; empty if all are categorical."""
    rows = [row for row in result.comparisons if row.kind != "categorical"]
    cells = [(row.mean_control, row.mean_treatment, row.variance_ratio, row.ks) for row in rows]
    columns = {"Mean C": ".4g", "Mean T": ".4g", "Var. ratio": ".3f", "KS": ".4f"}
    return ["", _per_covariate(result, rows, list(columns), cells, columns)] if rows else []


def _level_table(result: "BalanceResult") -> list[Table | str]:
    """Return the table of levels of categorical covariates, after an empty line."""
    rows = [
        (row.covariate, str(row.treatment), level.level, level.share_control, level.share_treatment, level.smd)
        for row in result.comparisons
        for level in row.levels
    ]
    numbers = {"Control": ".2%", "Treatment": ".2%", "SMD": "+.4f"}
    columns = ("Covariate", "Group", "Level", *numbers)
    table = Table(columns=columns, rows=rows, right=numbers.keys(), keep=numbers.keys(), formats=numbers)
    return ["", table] if rows else []


def _per_covariate(
    result: "BalanceResult",
    rows: "Sequence[CovariateBalance]",
    columns: list[str],
    cells: list[tuple[Any, ...]],
    formats: dict[str, str],
) -> Table:
    """Return a table whose first columns are the covariate and, if there are several, the group."""
    several = len(result.treatments) > 1
    names = [(row.covariate, *([str(row.treatment)] if several else [])) for row in rows]
    return Table(
        columns=["Covariate", *(["Group"] if several else []), *columns],
        rows=[name + row for name, row in zip(names, cells, strict=True)],
        right=formats.keys(),
        keep=columns,
        formats=formats,
    )


def _csv_table(result: "BalanceResult") -> Table:
    # As objects: None, an empty cell, cannot be in a column of floats, where it becomes NaN again.
    frame = result.to_frame().astype(object)
    frame = frame.where(frame.notna(), None)
    return Table(columns=frame.columns.tolist(), rows=frame.to_numpy().tolist())


def _verdict(result: "BalanceResult") -> str:
    """Return the text that scripts search for; ``SMD >= 0.1`` and ``SMD <= -0.1`` mean "not balanced"."""
    if result.withheld:
        return "Verdict withheld: too many units are in more than one variant."
    if result.passed:
        return "All targeted covariates are well balanced (|SMD| < 0.1)."
    several = len(result.treatments) > 1
    lines = ["NOT BALANCED:"]
    for row in result.comparisons:
        lines += _findings(row, f" [{row.treatment}]" if several else "")
    return "\n".join(lines)


def _findings(row: "CovariateBalance", where: str) -> list[str]:
    lines = [f"  {name}{where}: SMD {'>= 0.1' if smd > 0 else '<= -0.1'} ({smd:+.4f})" for name, smd in row.flags]
    if row.smd is None:
        lines.append(f"  {row.covariate}{where}: not estimable ({row.reason}),")
        lines.append("    so SMD >= 0.1 and SMD <= -0.1 cannot be ruled out")
    elif row.reason:
        lines.append(f"    {row.reason}")
    return lines


def _data(result: "BalanceResult") -> dict[str, Any]:
    from xpyrment_core.stats.balance import IMBALANCE

    return {
        "control": str(result.control),
        "treatments": [str(label) for label in result.treatments],
        "threshold": IMBALANCE,
        "passed": result.passed,
        "imbalanced": list(result.imbalanced),
        "not_estimable": list(result.not_estimable),
        "rows_without_label": result.rows_without_label,
        "covariates": result.to_dict(),
    }
