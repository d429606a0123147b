"""The site: `sphinx-build -W docs docs/_build/html`, without a network. Warnings are errors.

The pages are MyST Markdown. Those in tutorials/ are notebooks that run at build, and so do the scripts of the gallery.
`_extensions` writes the pages of the statements and of the interface, reads the docstrings and sets the formulas.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

# Nearly all the time goes into the compiler, and nothing here is timed. The kernels of notebooks inherit this.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

RUN_ALL = os.environ.get("DOCS_RUN") != "quick"
"""`DOCS_RUN=quick` shows the scripts of the other galleries without running them: they train and search."""

from anil_theory import __version__  # noqa: E402

project = "anil_theory"
author = "the anil_theory authors"
project_copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx_gallery.gen_gallery",
    "docstring_blocks",
    "mathematics",
    "claim_formula",
    "statement_pages",
    "interface_pages",
]
GALLERIES = [folder.name for folder in sorted(HERE.glob("gallery*")) if (folder / "GALLERY_HEADER.rst").exists()]
exclude_patterns = ["_build", "records", *GALLERIES, "auto_gallery/**/*.ipynb", "auto_gallery/**/*.py"]

suppress_warnings = ["config.cache"]

myst_enable_extensions = ["dollarmath", "deflist", "attrs_inline", "colon_fence", "substitution"]
myst_substitutions = {"version": version}
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"
python_use_unqualified_type_names = True

html_math_renderer = "mathml"

sphinx_gallery_conf = {
    "examples_dirs": GALLERIES,
    "gallery_dirs": [f"auto_gallery/{name}" for name in GALLERIES],
    "filename_pattern": r"\.py$" if RUN_ALL else r"/gallery_bounds/",
    "ignore_pattern": r"__init__\.py",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1_000,
    "abort_on_example_error": True,
    "matplotlib_animations": False,
    "plot_gallery": "True",
}

html_theme = "pydata_sphinx_theme"
html_title = "anil_theory"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 6,
}
html_sidebars = {"index": [], "start": []}

OPTIONAL = ("own_losses", "testing", "reports", "precision", "theorem_bounds")
"""Pages that are listed where they exist."""


def _leave_out_missing(app, page: str, source: list[str]) -> None:
    if page in ("guides", "background"):
        missing = [name for name in OPTIONAL if not (HERE / f"{name}.md").exists()]
        source[0] = "\n".join(line for line in source[0].splitlines() if line not in missing)


def setup(app) -> None:
    """Take the pages out of the tables of contents that are not there."""
    app.connect("source-read", _leave_out_missing)
