"""The site: ``sphinx-build -W -b html docs outputs/site``."""

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

sys.path.insert(0, str(Path(__file__).resolve().parent))

import reference_pages

from panna_exp import __version__

reference_pages.write()

project = "panna_exp"
version = release = __version__
author = copyright = "The panna_exp developers"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"panna_exp {__version__}"
html_copy_source = False
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # tests execute them
html_math_renderer = "mathml"
autodoc_member_order = "bysource"
autodoc_typehints = "description"


def setup(app: Any) -> None:
    """Formulas are MathML, which browsers draw themselves: pages need no network."""
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))


def inline_formula(writer: Any, node: Any) -> None:
    """Called by Sphinx for each formula in a line."""
    writer.body.append(str(tex2mathml(node.astext())))
    raise nodes.SkipNode


def displayed_formula(writer: Any, node: Any) -> None:
    """Called by Sphinx for each formula in a line of its own."""
    formula = str(tex2mathml(node.astext(), as_block=True))
    writer.body.append(f'<div class="math" style="overflow-x: auto">{formula}</div>\n')
    raise nodes.SkipNode
