"""ansible-test's sanity tests pass on the collection as it is built and installed."""

import pytest

from tools.sanity import sanity


@pytest.mark.timeout(600)
def test_the_modules_documentation_is_that_of_their_arguments():
    """It makes its environment at its first run, from PyPI."""
    assert sanity(["--test", "validate-modules"]) == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_the_others():
    assert sanity([]) == 0
