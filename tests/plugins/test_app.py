"""The command app offers the seed's options, and starts the hub where there is one."""

from processes import program


def test_help_offers_every_option_of_the_seed():
    text = program("app", "--help").stdout
    for option in ("--port", "--host", "--no-browser", "--log-usage", "7000", "127.0.0.1"):
        assert option in text


def test_without_the_hub_it_says_what_would_install_it():
    done = program("app")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the hub is not installed")
    assert 'pip install "xpyrment[hub]"' in done.stderr
    assert done.stderr.count("\n") == 1


def test_with_a_hub_every_option_reaches_it(tmp_path):
    (tmp_path / "xpyrment_hub.py").write_text(
        "def serve(host, port, browser, log_usage):\n    print(host, port, browser, log_usage)\n"
    )
    done = program("app", "--port", "7777", "--host", "::1", "--no-browser", "--log-usage", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "::1 7777 False True\n")
    assert program("app", PYTHONPATH=str(tmp_path)).stdout == "127.0.0.1 7000 True False\n"


def test_invalid_port_is_a_usage_error():
    assert program("app", "--port", "70000").returncode == 2
