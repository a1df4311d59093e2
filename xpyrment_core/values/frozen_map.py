"""A read-only mapping that can be pickled."""

from collections.abc import Mapping
from copyreg import pickle
from types import MappingProxyType
from typing import Any


def frozen_map(values: Mapping[Any, Any]) -> MappingProxyType[Any, Any]:
    """Return a read-only copy of a mapping."""
    # A copy: MappingProxyType is a view, through which later changes of the original would be visible.
    return MappingProxyType(dict(values))


# Results are sent between processes and cached, and Python cannot pickle a MappingProxyType. The registration is
# global, and so also covers mappings that plugins make; it must run on import, before any result is pickled.
pickle(MappingProxyType, lambda values: (frozen_map, (dict(values),)))
