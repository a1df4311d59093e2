"""The diagnostic ``balance``: covariate balance from the moments of an analysis."""

from xpyrment_balance.covariate_balance import CovariateBalance
from xpyrment_balance.result import BalanceResult
from xpyrment_core import CheckContext, CheckResult
from xpyrment_core.stats.balance import IMBALANCE

SHOWN = 5


def balance(context: CheckContext) -> CheckResult | None:
    """Check covariate balance; None for an analysis without covariates.

    The result's ``statistic`` is the maximum absolute SMD, and its ``value`` the `BalanceResult`.
    """
    if not context.balance or not context.covariates:
        return None
    # Control and the treatments compared, in this order; there may be moments of further variants.
    moments = {label: context.balance[label] for label in (context.control, *context.treatments)}
    result = BalanceResult.from_moments(moments, context.control, context.shifts, context.covariates)
    sizes = [abs(smd) for row in result.comparisons for smd in (row.smd, row.missing_smd) if smd is not None]
    return CheckResult(
        name="balance",
        passed=result.passed,
        statistic=max(sizes, default=None),
        message=message(result),
        details={
            "control": str(result.control),
            "threshold": IMBALANCE,
            "imbalanced": list(result.imbalanced),
            "not_estimable": list(result.not_estimable),
            "covariates": result.to_dict(),
        },
        value=result,
    )


def message(result: BalanceResult) -> str:
    """Return the balance of the covariates in one sentence."""
    if result.passed:
        return f"all covariates are balanced (|SMD| < {IMBALANCE:g})"
    several = len(result.treatments) > 1
    flagged = [text for row in result.comparisons for text in _flagged(row, several)]
    unknown = [f"{row.covariate} ({row.reason})" for row in result.comparisons if row.smd is None]
    parts = []
    if flagged:
        parts.append(f"|SMD| >= {IMBALANCE:g} for {_some(flagged)}")
    if unknown:
        parts.append(f"the SMD cannot be estimated for {_some(unknown)}")
    return "; ".join(parts)


def _flagged(row: CovariateBalance, several: bool) -> list[str]:
    where = f" in {row.treatment}" if several else ""
    return [f"{name} ({smd:+.4f}{where})" for name, smd in row.flags]


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
