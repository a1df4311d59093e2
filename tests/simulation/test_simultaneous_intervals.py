"""Simultaneous intervals hold together as often as they say, under stepwise corrections too."""

import numpy as np
import pytest
from scipy import stats

from xpyrment_core.stats.distributions import quantile
from xpyrment_core.values.estimates import FamilyDecision
from xpyrment_corrections import xpyrment_corrections
from xpyrment_corrections.dunnett import simultaneous_level

pytestmark = pytest.mark.simulation

CORRECTIONS = {d.name: d for d in xpyrment_corrections() if d.needs == "p_values"}
FAMILYWISE = [name for name in CORRECTIONS if not name.startswith("fdr")]
ALPHA = 0.05

# True effects in standard errors; the mixed ones are where intervals at alpha / (m - r) fall short.
SCENES = {
    "nothing": (0.0, 0.0, 0.0),
    "one": (3.0, 0.0),
    "some": (3.0, 3.0, 0.0, 0.0, 0.0),
    "most": (3.0,) * 9 + (0.0,),
    "all": (2.8,) * 6,
    "both signs": (2.5, 2.5, -2.5, -2.5, 0.0),
    "tiny": (0.05, -0.05, 3.0, 3.0),
}


def statistics(rng, effects, correlation, replicates):
    shared = rng.normal(size=(replicates, 1))
    own = rng.normal(size=(replicates, len(effects)))
    return np.asarray(effects) + np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own


def intervals_of(name, z, one_sided=False):
    """Return the bounds of every row, and which rows are significant."""
    definition = CORRECTIONS[name]
    p = stats.norm.sf(z) if one_sided else 2 * stats.norm.sf(np.abs(z))
    answer = definition.load_intervals()(p, ALPHA, np.full(len(p), one_sided))
    if not isinstance(answer, FamilyDecision):
        answer = FamilyDecision(p_values=p, alphas=answer)
    near = answer.alphas
    far = near if answer.far_alphas is None else answer.far_alphas
    at_null = np.zeros(len(p), bool) if answer.at_null is None else answer.at_null
    sides = 1 if one_sided else 2
    below, above = (stats.norm.isf(np.where(z > 0, *ends) / sides) for ends in ((near, far), (far, near)))
    low, high = z - below, np.full(len(p), np.inf) if one_sided else z + above
    tiny = 1e-12  # the open end of an interval that is cut at the null
    low = np.where(at_null & (z > 0), np.maximum(low, tiny), low)
    high = np.where(at_null & (z < 0), np.minimum(high, -tiny), high)
    return low, high, definition.load()(p) < ALPHA


def missed(name, scene, correlation, replicates, seed, one_sided=False):
    rng = np.random.default_rng(seed)
    effects = np.array(SCENES[scene])
    wrong = 0
    for z in statistics(rng, effects, correlation, replicates):
        low, high, significant = intervals_of(name, z, one_sided)
        assert (((low > 0) | (high < 0)) == significant).all()
        wrong += bool(((effects < low) | (effects > high)).any())
    return wrong / replicates


def bound(replicates):
    """Alpha and three standard errors of the count."""
    return ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / replicates)


@pytest.mark.parametrize("name", ["bonferroni", "holm", "hochberg"])
def test_all_intervals_hold_together(name):
    for scene in ("one", "most"):
        assert missed(name, scene, 0.0, 1500, seed=3) <= bound(1500)


def test_one_sided_holm_intervals_hold_together():
    assert missed("holm", "some", 0.3, 1500, seed=4, one_sided=True) <= bound(1500)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("name", FAMILYWISE)
def test_all_intervals_hold_together_in_every_scene(name, scene, correlation):
    for one_sided in (False, True):
        assert missed(name, scene, correlation, 2000, seed=5, one_sided=one_sided) <= bound(2000)


@pytest.mark.parametrize("name", ["fdr_bh", "fdr_by"])
def test_of_the_selected_intervals_the_expected_share_that_misses_is_at_most_alpha(name):
    rng, replicates = np.random.default_rng(6), 2000
    effects = np.concatenate([np.zeros(10), np.linspace(0.5, 5, 10)])
    shares = []
    for z in statistics(rng, effects, 0.0, replicates):
        low, high, selected = intervals_of(name, z)
        wrong = ((effects < low) | (effects > high)) & selected
        shares.append(wrong.sum() / max(selected.sum(), 1))
    assert np.mean(shares) <= ALPHA + 3 * np.std(shares) / np.sqrt(replicates)


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("sizes", [(40, 40, 40, 40), (200, 30, 60, 20)])
def test_dunnetts_level_is_exact_for_normal_data(sizes, two_sided):
    rng, replicates = np.random.default_rng(8), 40_000
    df = sum(sizes) - len(sizes)
    means = rng.normal(size=(replicates, len(sizes))) / np.sqrt(sizes)
    spread = np.sqrt(rng.chisquare(df, size=replicates) / df)
    control, treatments = sizes[0], np.array(sizes[1:])
    t = (means[:, 1:] - means[:, :1]) / np.sqrt(1 / control + 1 / treatments) / spread[:, None]
    loadings = np.sqrt((1 / control) / (1 / control + 1 / treatments))
    level = simultaneous_level(ALPHA, loadings, df, two_sided=two_sided)
    cut = -quantile(level / 2 if two_sided else level, df)
    beyond = (np.abs(t) if two_sided else t).max(axis=1) > cut
    # 40,000 replicates: a standard error of 0.11 %, and four of them.
    assert beyond.mean() == pytest.approx(ALPHA, abs=4 * np.sqrt(ALPHA * (1 - ALPHA) / replicates))
