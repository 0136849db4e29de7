"""The direction of imports: only from cells to the left; names in one cell do not import each other."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "whygrad"

FLOW = (
    ("errors",),
    ("files",),
    ("maths",),
    ("printing",),
    ("formulas",),
    ("activations",),
    ("losses", "updates", "schedules"),
    ("targets",),
    ("network",),
    ("names",),
    ("weights",),
    ("delimited",),
    ("scratch", "told"),
    ("table",),
    ("encoding",),
    ("remarks",),
    ("dialect",),
    ("splitting",),
    ("casting",),
    ("sources",),
    ("tasks", "streaming"),
    ("gathering",),
    ("columns",),
    ("reading",),
    ("training",),
    ("examples", "defaults"),
    ("propagation",),
    ("metrics",),
    ("state",),
    ("engines",),
    ("model",),
    ("history",),
    ("divergence", "evaluation"),
    ("rivals",),
    ("modelfile",),
    ("job", "window"),
    ("loop",),
    ("resuming",),
    ("fitting",),
    ("explanation",),
    ("judgement",),
    ("exercises",),
    ("standstill",),
    ("agreement", "installation"),
    ("cli",),
)
# packages that cost start-up time: imported at the top of no file but those that are loaded only when used
HEAVY = {
    "polars",
    "narwhals",
    "torch",
    "jax",
    "keras",
    "sklearn",
    "numba",
    "matplotlib",
    "pandas",
    "scipy",
    "xlsxwriter",
}


def cell(module: str) -> int:
    return next(k for k, names in enumerate(FLOW) if module in names)


def home(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """The modules of whygrad, by their name under it, that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[1] for name in names if name.startswith("whygrad.")}
    return found


FILES = [
    path
    for path in sorted(SOURCE.rglob("*.py"))
    if path.parent != SOURCE or path.name not in ("__init__.py", "__main__.py")
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_come_from_the_left(path: Path) -> None:
    here = home(path)
    for other in imported(path) - {here}:
        assert cell(other) < cell(here), f"{path.name} imports {other}, which stands beside it or to its right"


def test_every_module_has_a_cell() -> None:
    there = {home(path) for path in FILES}
    assert there == {name for names in FLOW for name in names}


KERNELS = SOURCE / "engines" / "compiled"  # whose files but these are imported with the first work; see test_start
LIGHT = (
    "__init__.py", "blocks.py", "engine.py", "layout.py", "place.py", "row_text.py", "sized.py", "small.py",
    "together.py", "traced.py", "waiting.py", "written.py",
)  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_heavy_packages_are_imported_lazily(path: Path) -> None:
    top = ast.parse(path.read_text(encoding="utf-8")).body
    names = {alias.name.split(".")[0] for node in top if isinstance(node, ast.Import) for alias in node.names}
    names |= {(node.module or "").split(".")[0] for node in top if isinstance(node, ast.ImportFrom)}
    assert not names & (HEAVY - {"numba"} if path.parent == KERNELS and path.name not in LIGHT else HEAVY)
