"""Shared by the Python programs of this folder: the JSON layout the R programs use."""

import json
import math
import sys
from importlib.metadata import version


def clean(x):
    """Plain Python values; NaN and infinities become strings."""
    if isinstance(x, dict):
        return {k: clean(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [clean(v) for v in x]
    if hasattr(x, "tolist"):
        return clean(x.tolist())
    if isinstance(x, float):
        if math.isnan(x):
            return "NaN"
        if math.isinf(x):
            return "Inf" if x > 0 else "-Inf"
    return x


def case(name, input, expected):
    return {"name": name, "input": input, "expected": expected}


def emit(program, cases, packages=(), notes=None):
    versions = {"python": sys.version.split()[0]}
    versions.update({p: version(p) for p in packages})
    doc = {"program": program, "versions": versions}
    if notes:
        doc["notes"] = list(notes)
    head = json.dumps(doc, indent=2)[:-2]
    body = ",\n".join("    " + json.dumps(clean(c), allow_nan=False) for c in cases)
    sys.stdout.write(f'{head},\n  "cases": [\n{body}\n  ]\n}}\n')
