"""What is said of files when tests are shared out is said of files that are there."""

import pytest

from tests.support import sharing
from tests.support.servers import ROOT


@pytest.mark.parametrize("file", sorted({*sharing.LONGEST, *sharing.APART, *sharing.STOCK}))
def test_a_file_that_is_named_is_there(file):
    assert (ROOT / file).is_file()
