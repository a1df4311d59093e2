"""The result of a regression."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import asdict, field, frozen
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


@frozen(kw_only=True)
class Coefficient:
    """One parameter.

    Attributes
    ----------
    parameter : str
        ``"Intercept"``, a column, or ``"column[T.level]"`` for a level against the reference.
    coefficient, std_error : float
    t, p_value : float or None
        Of the hypothesis that the coefficient is 0; None where its standard error is 0.
    ci_lower, ci_upper : float
        Confidence interval at the result's level.
    df : float
        Degrees of freedom of t.
    """

    parameter: str
    coefficient: float
    std_error: float
    t: float | None
    p_value: float | None
    ci_lower: float
    ci_upper: float
    df: float


@frozen(kw_only=True, eq=False)
class RegressionResult:
    """An ordinary least squares fit.

    Attributes
    ----------
    outcome : str
    coefficients : tuple of Coefficient
    covariance : ndarray of shape (k, k)
        Of the coefficients, in their order.
    errors : str
        How standard errors were made: ``"classical"``, ``"HC3"``, ``"cluster"`` …
    alpha : float
        The intervals have level ``1 - alpha``.
    n : int
        Rows used.
    dropped : int
        Rows left out for a missing value.
    df_resid : int
        ``n`` less the number of parameters.
    df_inference : int
        Degrees of freedom of t: `df_resid`, or clusters less one (with CR2 each coefficient has its own).
    clusters : int or None
    r_squared, adj_r_squared : float or None
        About the mean, or about 0 if `constant` is False. None if the outcome is constant.
    constant : bool
        Whether the model has an intercept, or dummies of all levels instead.
    residual_std_error : float
    rss : float
        Residual sum of squares.
    references : dict of str to str
        Reference level of each categorical predictor.
    notes : tuple of str
        Caveats of the standard errors: few clusters, a perfect fit.
    """

    outcome: str
    coefficients: tuple[Coefficient, ...]
    covariance: NDArray[np.float64] = field(repr=False)
    errors: str
    alpha: float
    n: int
    dropped: int
    df_resid: int
    df_inference: int
    clusters: int | None
    r_squared: float | None
    adj_r_squared: float | None
    constant: bool
    residual_std_error: float
    rss: float
    references: dict[str, str] = field(factory=dict)
    notes: tuple[str, ...] = ()

    def __getitem__(self, parameter: str) -> Coefficient:
        """Return a parameter by name.

        Raises
        ------
        InputError
            There is no parameter of that name.
        """
        from xpyrment_core import unknown

        for row in self.coefficients:
            if row.parameter == parameter:
                return row
        raise unknown("parameter", parameter, [row.parameter for row in self.coefficients])

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas table with columns parameter, coefficient, std_error, t, p_value, ci_lower, ci_upper.

        With ``errors="CR2"`` also df, where each coefficient has its own.
        """
        import pandas as pd

        frame = pd.DataFrame([asdict(row) for row in self.coefficients])
        return frame if self.errors == "CR2" else frame.drop(columns="df")

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the covariance, ready for JSON."""
        # Without the covariance matrix: k² numbers that programs can take from the object.
        numbers = ("n", "dropped", "df_resid", "df_inference", "clusters", "r_squared", "adj_r_squared", "constant")
        return {
            "outcome": self.outcome,
            "errors": self.errors,
            "alpha": self.alpha,
            **{name: getattr(self, name) for name in numbers},
            "residual_std_error": self.residual_std_error,
            "rss": self.rss,
            "references": dict(self.references),
            "notes": list(self.notes),
            "coefficients": [
                {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in asdict(row).items()}
                for row in self.coefficients
            ],
        }
