"""ansible-test's sanity tests pass on the collection as it is built and installed."""

import pytest

from tools.sanity import pip_config, sanity


def test_the_users_settings_of_pip_are_found_for_another_home(tmp_path, monkeypatch):
    for name in ("PIP_CONFIG_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert pip_config() == {}
    for place in (".pip/pip.conf", ".config/pip/pip.conf"):  # the later one is looked at first
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
        assert pip_config() == {"PIP_CONFIG_FILE": str(tmp_path / place)}


@pytest.mark.timeout(600)
def test_the_modules_documentation_is_that_of_their_arguments():
    """It makes its environment at its first run, from PyPI."""
    assert sanity(["--test", "validate-modules"]) == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_the_others():
    assert sanity([]) == 0
