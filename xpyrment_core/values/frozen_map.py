"""A read-only mapping that can be pickled."""

from collections.abc import Mapping
from copyreg import pickle
from types import MappingProxyType
from typing import Any


def frozen_map(values: Mapping[Any, Any]) -> MappingProxyType[Any, Any]:
    """Return a read-only copy of a mapping."""
    return MappingProxyType(dict(values))


# Results are sent between processes and cached; without this, Python cannot pickle a read-only mapping.
pickle(MappingProxyType, lambda values: (frozen_map, (dict(values),)))
