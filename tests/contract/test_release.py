"""What a release takes: packages that hold what they should, pictures for an index, and a repository in every place."""

import ast
import json
import re
import shutil

import pytest

from minicrest.selection import METHODS
from tests import release
from tests.contract.test_architecture import MODULES, PACKAGE, ROOT

URL = "https://example.org/somebody/minicrest"
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A checkout with a repository's address."""
    root = tmp_path_factory.mktemp("checkout")
    (root / "tutorials").mkdir()
    for path in (ROOT / "pyproject.toml", *(ROOT / "tutorials").glob("*.ipynb")):
        shutil.copy(path, root / path.relative_to(ROOT))
    release.set_repository(root, URL)
    return root


def test_the_address_is_in_one_place_of_the_metadata(copy):
    text = (copy / "pyproject.toml").read_text("utf-8")
    assert release.repository(text) == URL and text.count(URL) == 1
    assert release.with_repository(text, "https://example.org/b").count("[project.urls]") == 1
    assert release.repository("[project]\n") is None


def test_every_notebook_installs_first_and_fetches_nothing_else(copy):
    """The cell is there once, however often the address is written, and it is the only one with a % or ! command."""
    release.set_repository(copy, URL)
    for path in sorted((copy / "tutorials").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        assert code[0] == release.INSTALL.format(repository=URL).rstrip()
        assert [f"git+{URL}" in text for text in code] == [True] + [False] * (len(code) - 1), path.name
        assert not re.search(r"^\s*[%!]|urllib|requests|download", "\n".join(code[1:]), re.MULTILINE), path.name


def test_the_notebooks_here_and_the_metadata_name_the_same_repository():
    """None yet, and then no notebook has the cell; or one."""
    named = {release.repository(PYPROJECT)}
    for path in (ROOT / "tutorials").glob("*.ipynb"):
        installs = re.findall(r"git\+(https?://[^\"\\]+)", path.read_text("utf-8"))
        assert set(installs or [None]) == named, path.name


def test_a_readme_for_an_index():
    rest = ", [here](#x) and [paper](https://a.b/1)"
    text = f"![A picture](a/b.png), [notes](a/c.md){rest}"
    assert release.for_an_index(text, None) == f"*A picture*, notes{rest}"
    picture, notes = f"![A picture]({URL}/raw/HEAD/a/b.png)", f"[notes]({URL}/blob/HEAD/a/c.md)"
    assert release.for_an_index(text, URL) == f"{picture}, {notes}{rest}"


def test_readme_for_an_index_has_no_relative_link():
    readme = (ROOT / "README.md").read_text("utf-8")
    for url in (None, URL):
        shown = release.for_an_index(readme, url)
        assert not re.search(r"\]\((?!https?:|#)", shown)
        assert ("![" in shown) == (f"{url}/raw/HEAD/tutorials/digits.png" in shown) == (url is not None)


def test_every_package_is_in_the_wheel():
    """setuptools takes those alone that pyproject.toml lists."""
    listed = ast.literal_eval(re.search(r"^packages = (\[.*?\])", PYPROJECT, re.DOTALL | re.MULTILINE)[1])
    there = {module.removesuffix(".__init__") for module in MODULES if module.endswith(".__init__")}
    assert set(listed) == there | {"minicrest.teaching.notebooks"}


def test_the_sdist_has_the_tests_and_the_usual_files():
    manifest = (ROOT / "MANIFEST.in").read_text("utf-8")
    named = manifest.split()
    assert {"graft", "tests", "tutorials"} <= set(named)
    for name in ("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md"):
        assert name in named and (ROOT / name).exists()


def test_every_paper_can_be_cited():
    """By its arXiv number, which the method names; and the version cited is this one."""
    cited = (ROOT / "CITATION.cff").read_text("utf-8")
    papers = {number for method in METHODS.values() for number in re.findall(r"arXiv (\d{4}\.\d{5})", method.paper)}
    assert len(papers) > 10 and all(f"https://arxiv.org/abs/{number}" in cited for number in papers)
    version = re.search(r'__version__ = "(.+)"', (PACKAGE / "__init__.py").read_text("utf-8"))[1]
    assert f"\nversion: {version}\n" in cited


def test_what_contributing_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = re.findall(r"`((?:minicrest|tests|tutorials|\.ci)/[\w./]*)`", text)
    assert len(paths) > 8 and all((ROOT / path).exists() for path in paths)
