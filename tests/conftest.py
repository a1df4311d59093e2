"""What holds for every test: how Hypothesis draws its examples."""

import os

from hypothesis import HealthCheck, settings

# A failure must be reproducible, so every run draws the same examples, and no test fails because the machine is busy.
# `pytest --hypothesis-profile=random`, or the variable, looks for new ones.
settings.register_profile(
    "ci", derandomize=True, print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("random", settings.get_profile("ci"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
