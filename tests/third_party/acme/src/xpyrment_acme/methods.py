"""The numbers behind Acme's plugin."""

from attrs import evolve, frozen

from xpyrment_core.stats.wald import wald


@frozen
class Margin:
    """Share of revenue that is left after cost: three lines, and the delta method does the rest."""

    name: str
    cost_col: str
    revenue_col: str

    @property
    def columns(self):
        return (self.cost_col, self.revenue_col)

    def value(self, means):
        return 1 - means[self.cost_col] / means[self.revenue_col]


@frozen
class DoubledMean:
    """Twice the mean of a column."""

    name: str
    value_col: str

    @property
    def columns(self):
        return (self.value_col,)

    def value(self, means):
        return 2 * means[self.value_col]


def cautious(control, treatment, alpha, alternative):
    """Compare with twice the variance."""
    wide = [evolve(arm, unit_variance=2 * arm.unit_variance) for arm in (control, treatment)]
    return wald(*wide, alpha=alpha, alternative=alternative, df=None, method="cautious")


def tripled(p_values):
    """Multiply p-values by three."""
    return (3 * p_values).clip(max=1.0)
