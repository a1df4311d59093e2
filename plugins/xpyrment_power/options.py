"""The words a plan can be asked with."""

from typing import Literal, get_args

PlanTest = Literal["z", "t"]
PLAN_TESTS: tuple[str, ...] = get_args(PlanTest)
