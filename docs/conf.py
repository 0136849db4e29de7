"""How the guide is built: `sphinx-build -W -b html docs OUT`. Nothing is fetched, neither now nor by a reader."""

import sys
from importlib import import_module
from pathlib import Path

import whygrad

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for the three modules beside this one

import_module("generated").write(HERE / "_generated")

project = "whygrad"
author = "The whygrad founders"
release = version = whygrad.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "mathml", "docstrings"]
exclude_patterns = ["_build", "_generated", "pictures/*.py"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"whygrad {release}"
html_static_path = ["_static"]
html_css_files = ["guide.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
autodoc_typehints = "none"
autodoc_preserve_defaults = True
pygments_style = "tango"
