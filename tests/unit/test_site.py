"""The documentation site: mkdocs builds it without a warning, and nothing in it is loaded from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md"))
LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//[^\s\"'>]*")
TEXT = re.compile(r"<p>(.*?)</p>", re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; strict: a link to nowhere, a page that is in no menu and the like end the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there(site):
    assert len(PAGES) > 30
    for page in PAGES:
        assert (site / page).with_suffix(".html").is_file(), page


def test_nothing_is_loaded_from_elsewhere(site):
    found = {page: LOADED.findall((site / page).with_suffix(".html").read_text()) for page in PAGES}
    assert {page: links for page, links in found.items() if links} == {}
    assert [path for path in site.rglob("*.css") if re.search(r"url\(['\"]?(?:https?:)?//", path.read_text())] == []


@pytest.mark.parametrize("page", PAGES)
def test_lists_and_tables_are_such(site, page):
    """Python-Markdown wants an empty line before them, where GitHub does without."""
    texts = TEXT.findall((site / page).with_suffix(".html").read_text())
    assert [text for text in texts if re.search(r"^(?:[-*|] ?|\d+\. |```)", text, re.MULTILINE)] == []
    assert texts


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#:]+)", (ROOT / "README.md").read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert len(links) > 20
