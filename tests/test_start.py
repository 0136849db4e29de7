"""What a process loads when it starts: `import whygrad` NumPy alone, a built-in example no table reader."""

import subprocess
import sys

HEAVY = (
    "polars",
    "narwhals",
    "torch",
    "jax",
    "keras",
    "sklearn",
    "numba",
    "llvmlite",
    "pandas",
    "scipy",
    "rich",
    "cyclopts",
    "msgspec",
)


def loaded(program: str) -> set[str]:
    names = "' '.join(sorted({m.split('.')[0] for m in sys.modules}))"
    code = f"import sys\n{program}\nprint({names}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_import_loads_numpy_alone() -> None:
    assert not loaded("import whygrad") & {*HEAVY, "numpy", "safetensors", "cyclopts"}
    assert not loaded("import whygrad; whygrad.ENGINES, whygrad.engine('compiled')") & set(HEAVY)
    assert not loaded("import whygrad; whygrad.fit; whygrad.example; whygrad.Adam") & set(HEAVY)


def test_a_built_in_example_loads_no_table_reader() -> None:
    lazy = {"polars", "narwhals", "torch", "jax", "keras", "sklearn", "numba", "pandas", "scipy"}
    assert not loaded("from whygrad.cli import main; main(['train', 'students'])") & lazy
