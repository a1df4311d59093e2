"""Data to try things on: a real experiment, and a generator whose truth is known."""

from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["donations", "donations_path", "nsw", "nsw_path", "shop"]


def donations_path() -> str:
    """Return the path of the Parquet file behind `donations`, for the command line."""
    return str(resources.files("xpyrment") / "data" / "donations.parquet")


def donations() -> "pd.DataFrame":
    """Return Karlan and List's experiment: 50,083 letters asking for a donation, two thirds with a matching gift.

    Donors of a charity were assigned at random, one third to a plain letter (control) and two
    thirds to one that promised to match every gift (treatment), at 1:1, 2:1 or 3:1.

    Returns
    -------
    DataFrame
        ``donor`` (row number), ``variant`` ("control", "treatment"), ``match`` ("none", "1:1", "2:1", "3:1"),
        ``gave`` (0/1), ``amount`` (dollars), and from before the letter ``pre_amount`` (highest earlier gift),
        ``pre_gifts`` (how many), ``years`` (since the first), ``female``, ``red_state`` (0/1); some are missing.

    Notes
    -----
    Karlan, D. and List, J. (2007), "Does price matter in charitable giving? Evidence from a
    large-scale natural field experiment", American Economic Review 97(5), 1774-1793; they report
    that 1.8 % of the control gave and 2.2 % of the treatment. Selected columns of the data as
    released by the authors, from the package experimentdatar (CC0); unknown values made missing.

    Examples
    --------
    >>> donations().groupby("variant", observed=True)["gave"].mean().round(3).to_dict()
    {'control': 0.018, 'treatment': 0.022}
    """
    import pandas as pd

    from xpyrment_core import needs_library

    with needs_library("reading a Parquet file"):
        import pyarrow  # noqa: F401 - pandas uses it, and without it says nothing of how to get it

    return pd.read_parquet(donations_path())


def nsw_path() -> str:
    """Return the path of the CSV file behind `nsw`, for the command line."""
    return str(resources.files("xpyrment") / "data" / "nsw.csv")


def nsw() -> "pd.DataFrame":
    """Return the National Supported Work experiment: 445 men, 185 of them offered training.

    Real earnings before (``re74``, ``re75``) and after (``re78``) a randomised training programme,
    in dollars of 1982.

    Returns
    -------
    DataFrame
        ``treat`` (0 control, 1 treatment), ``age``, ``educ`` (years), ``black``, ``hisp``, ``marr``,
        ``nodegree`` (0/1), ``re74``, ``re75``, ``re78``.

    Notes
    -----
    The Dehejia-Wahba subset of LaLonde's data, as distributed under the MIT license in the
    package causaldata. LaLonde, R. (1986), "Evaluating the econometric evaluations of training
    programs with experimental data", American Economic Review 76(4), 604-620; Dehejia, R. and
    Wahba, S. (1999), "Causal effects in nonexperimental studies", JASA 94(448), 1053-1062, who
    report the experimental difference in ``re78`` of 1,794 dollars.

    Examples
    --------
    >>> frame = nsw()
    >>> frame.shape, int(frame["treat"].sum())
    ((445, 10), 185)
    """
    import pandas as pd

    return pd.read_csv(nsw_path())


def shop(users: int = 10_000, lift: float = 0.05, seed: int = 2024) -> "pd.DataFrame":
    """Generate an online shop's experiment whose true effect is known.

    Parameters
    ----------
    users : int
        Units, split evenly at random.
    lift : float
        True relative lift of expected ``revenue``, ``converted`` and ``clicks``.
    seed : int
        Seed of the generator; the same seed gives the same rows.

    Returns
    -------
    DataFrame
        ``user_id``, ``variant`` ("control", "treatment"), ``country``, ``pre_revenue``, ``revenue``
        (correlated with it), ``converted`` (0/1), ``clicks``, ``impressions``.

    Examples
    --------
    >>> sorted(shop(100)["variant"].unique())
    ['control', 'treatment']
    """
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    treated = rng.permutation(users) % 2 == 1
    factor = np.where(treated, 1 + lift, 1.0)
    taste = rng.gamma(4.0, 1.0, users)
    impressions = 1 + rng.poisson(10 * taste / 4)
    return pd.DataFrame(
        {
            "user_id": np.arange(1, users + 1),
            "variant": np.where(treated, "treatment", "control"),
            "country": rng.choice(["DE", "FR", "US"], users, p=[0.3, 0.2, 0.5]),
            "pre_revenue": np.round(taste * rng.gamma(5.0, 1.0, users), 2),
            "revenue": np.round(taste * rng.gamma(5.0, 1.0, users) * factor, 2),
            "converted": (rng.random(users) < 0.1 * factor).astype(int),
            "clicks": rng.binomial(impressions, np.minimum(0.2 * factor, 1.0)),
            "impressions": impressions,
        }
    )
