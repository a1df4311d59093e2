"""Options stand in one table: signatures, flags, file keys, metadata and checks agree with it."""

import inspect
import json

import numpy as np
import pytest

import xpyrment as xp
from xpyrment_analyze.analyze import analyze
from xpyrment_core.analysis.flow import ASKED
from xpyrment_core.cli.main import build_app
from xpyrment_core.errors import InputError
from xpyrment_core.experiment.experiment import Experiment
from xpyrment_core.experiment.file import EXPERIMENT_KEYS
from xpyrment_core.experiment.setup import run_analysis
from xpyrment_core.options import OPTIONS, Options
from xpyrment_simulation.cli import aa

EVERY = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)


@pytest.fixture
def experiment():
    return xp.setup(xp.datasets.shop(400), "variant", covariates=["pre_revenue"]).register_metric("revenue")


@pytest.mark.parametrize("function", [run_analysis, Experiment.run_analysis, Experiment.explain])
def test_signatures_have_the_names_order_and_defaults_of_the_table(function):
    parameters = inspect.signature(function).parameters
    found = {name: p.default for name, p in parameters.items() if name not in ("self", "experiment", "plugins")}
    assert list(found) == [option.python_name for option in OPTIONS]
    assert found == {option.python_name: option.default for option in OPTIONS}
    assert all(type(found[option.python_name]) is type(option.default) for option in OPTIONS)


@EVERY
def test_every_option_is_explained_in_the_docstring_of_run_analysis(option):
    assert option.python_name in run_analysis.__doc__.split("Parameters\n")[1].split("Returns\n")[0]


def shown(command):
    return {
        argument.name: argument for argument in build_app(xp.default_host())[command].assemble_argument_collection()
    }


@EVERY
def test_analyze_has_a_flag_for_every_option_with_its_help_and_default(option):
    argument = shown("analyze")[option.flag]
    assert argument.names == option.flags
    assert argument.parameter.help == option.help
    assert inspect.signature(analyze).parameters[argument.field_info.name].default is None
    default = argument.show_default(None) if callable(argument.show_default) else ""
    assert default == option.shown_default


@pytest.mark.parametrize("name", ["control", "treatment", "covariates", "alpha", "correction", "test", "adjuster"])
def test_aa_takes_the_same_flags(name):
    option = next(option for option in OPTIONS if option.name == name)
    argument = shown("aa")[option.flag]
    assert argument.names == option.flags
    assert inspect.signature(aa).parameters[argument.field_info.name].default is None


@EVERY
def test_file_keys_are_those_of_the_table(option):
    if option.file_key is not None:
        assert EXPERIMENT_KEYS[option.file_key] == option.kind


@EVERY
def test_metadata_and_history_say_what_was_asked(option, experiment):
    result = experiment.run_analysis(covariates="pre_revenue", multi_test_correction="holm")
    asked = {key for o in OPTIONS if (key := o.metadata_key)}
    assert asked <= set(ASKED) <= set(result.metadata)
    if option.metadata_key:
        assert experiment.history[-2].details[option.metadata_key] == result.metadata[option.metadata_key]


@EVERY
def test_every_default_passes_its_own_check(option):
    option.check(option.default)


GOOD = [
    ({"alpha": np.float64(0.05)}, "alpha", 0.05),
    ({"alpha": np.float32(0.5)}, "alpha", 0.5),
    ({"covariates": "pre_revenue"}, "covariates", ("pre_revenue",)),
    ({"covariates": ["a", "b"]}, "covariates", ("a", "b")),
    ({"covariates": None}, "covariates", None),
    ({"alternative": np.str_("less")}, "alternative", "less"),
    ({"test": {"revenue": "student"}}, "test", {"revenue": "student"}),
    ({"adjuster": {"revenue": None}}, "adjuster", {"revenue": None}),
    ({}, "test", None),
    ({"test": "welch"}, "test", "welch"),
]


@pytest.mark.parametrize(("given", "name", "value"), GOOD, ids=str)
def test_usable_values_become_plain_python_values(given, name, value):
    found = getattr(Options.of(given), name)
    assert found == value
    assert type(found) is type(value)


BAD = [
    ({"alpha": "0.05"}, r"alpha must be a number between 0 and 1, got the text '0\.05'\. Did you mean 0\.05"),
    ({"alpha": "five"}, r"alpha must be a number between 0 and 1, got the text 'five'\.$"),
    ({"alpha": 95}, r"alpha must lie between 0 and 1, got 95\. Did you mean 0\.05"),
    ({"alpha": float("nan")}, "alpha must lie between 0 and 1, got nan"),
    ({"alpha": True}, "alpha must lie between 0 and 1, got True"),
    ({"alpha": None}, "alpha must lie between 0 and 1, got None"),
    ({"alpha": np.array([0.05])}, "alpha must lie between 0 and 1, got array"),
    ({"alternative": "larger"}, "alternative 'larger' is not one of: 'greater', 'less', 'two-sided'"),
    ({"alternative": np.array(["less"])}, "alternative array.* is not one of"),
    ({"relative_interval": "feiller"}, "relative_interval 'feiller' is not one of.*Did you mean 'fieller'"),
    ({"relative_interval": None}, "relative_interval None is not one of"),
    ({"covariates": 5}, "a covariate is named by its column, got 5"),
    ({"covariates": ["a", 5]}, "a covariate is named by its column, got 5"),
    ({"control": ["a"]}, r"control must be one label of the treatment column, got \['a'\]"),
    ({"treatment": np.array([["b", "c"]])}, "treatment must be a label, a list of labels, or None.*got array"),
    ({"treatment": [["b"]]}, r"treatment must be a label.*got \['b'\]"),
    ({"multi_test_correction": 5}, "correction must be a name or a callable, got 5"),
    ({"test": 5}, "test must be a name or a callable, or a mapping of metric names to these, got 5"),
    ({"adjuster": {"revenue": 5}}, "adjuster must be a name or a callable, or a mapping.*got 5"),
    ({"alhpa": 0.05}, "option 'alhpa' is not one of.*Did you mean 'alpha'"),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=str)
def test_unusable_values_are_refused_with_what_was_given_and_what_is_wanted(given, message):
    with pytest.raises(InputError, match=message):
        Options.of(given)


@pytest.mark.parametrize("call", [Experiment.run_analysis, Experiment.explain])
@pytest.mark.parametrize("given", [given for given, _ in BAD if "alhpa" not in given], ids=str)
def test_analysis_and_explanation_refuse_alike_and_before_anything_is_read(call, given, experiment):
    with pytest.raises(InputError):
        call(experiment, **given)
    assert experiment.state.name == "DESIGNED"


def test_one_covariate_may_be_named_by_its_name_alone(experiment):
    assert "pre_revenue" in experiment.explain(covariates="pre_revenue")
    row = experiment.run_analysis(covariates="pre_revenue").raw_results[0]
    assert row["covariates"] == ["pre_revenue"]


@pytest.mark.parametrize("form", ["html", "markdown", "json", "csv"])
def test_a_numpy_alpha_is_written_like_any_number(form, experiment):
    text = experiment.run_analysis(alpha=np.float64(0.05)).export(form)
    text = text.decode() if isinstance(text, bytes) else text
    assert "np.float64" not in text
    if form == "json":
        assert json.loads(text)["analysis"]["alpha"] == 0.05
