"""The public names of `xpyrment` and `xpyrment_core`: few, and loaded on first use."""

import importlib
import re
from pathlib import Path

import pytest

import xpyrment as xp
from processes import script

HEAVY = ("pandas", "scipy", "statsmodels", "matplotlib")


def test_the_public_names_are_few_sorted_and_all_there():
    assert list(xp.__all__) == sorted(xp.__all__)
    assert len(xp.__all__) <= 30
    for name in xp.__all__:
        assert getattr(xp, name) is not None
    assert set(xp.__all__) <= set(dir(xp))


def test_the_face_of_the_core_is_sorted_complete_and_typed():
    core = importlib.import_module("xpyrment_core")
    assert list(core.__all__) == sorted(core.__all__)
    assert set(core.__all__) <= set(dir(core))
    source = Path(core.__file__).read_text(encoding="utf-8")
    typed = source.split("if TYPE_CHECKING:")[1].split("_HOMES")[0]
    for name in core.__all__:
        assert getattr(core, name) is not None
        assert re.search(rf"\b{name}\b", typed), f"{name} is not visible to type checkers"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = core.nothing


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = xp.nothing


@pytest.mark.parametrize(
    "code",
    [
        "import xpyrment",
        "import xpyrment; xpyrment.default_host()",
        "from xpyrment.cli import main; code = main(['--help']); assert code == 0",
    ],
    ids=["import", "load plugins", "--help"],
)
def test_heavy_libraries_are_imported_on_first_use(code):
    check = f"{code}\nimport sys\nfound = [m for m in {HEAVY!r} if m in sys.modules]\nassert not found, found"
    script(check)


def test_the_version_is_that_of_the_distribution():
    from importlib.metadata import version

    from xpyrment_core.cli.main import VERSION

    assert xp.__version__ == version("xpyrment") == VERSION


def test_type_checkers_see_the_public_names():
    from pathlib import Path

    text = (Path(xp.__file__)).read_text(encoding="utf-8").split("if TYPE_CHECKING:")[1].split("\n\n")[0]
    for name in xp.__all__:
        assert name in text, name


def test_warnings_point_at_the_users_own_line():
    experiment = xp.setup(xp.datasets.nsw(), "treat").register_metric("re78")
    with pytest.warns(UserWarning, match="sample ratio") as caught:
        experiment.run_analysis(control=0, treatment=1)
    assert caught[0].filename == __file__
