"""docs/ablation.md: the lines of code that it quotes are in the files that it names."""

import re

import pytest

from tests.project import ROOT

DOCUMENT = ROOT / "docs" / "ablation.md"
QUOTED = re.findall(r"`([^`]+)` in \[\w+\.py\]\((\S+?)\)", DOCUMENT.read_text())


def test_lines_are_quoted():
    assert len(QUOTED) > 5


@pytest.mark.parametrize(("line", "path"), QUOTED)
def test_a_quoted_line_is_in_its_file(line, path):
    assert line in (DOCUMENT.parent / path).read_text()
