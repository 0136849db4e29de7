"""The agreement line: who agrees to how many digits, who cannot decide, and what is said of a disagreement."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from truth import LEGAL, case

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.explanation.witnesses import Agreement, Witness, agreement, ask
from whygrad.losses import LOSSES, Loss
from whygrad.names import place_of
from whygrad.rivals import rival
from whygrad.table import Rows

HIDDEN = list(ACTIVATIONS)


def asked(why: wg.Explanation, name: str, against: Any = (), gradient: np.ndarray | None = None) -> Agreement:
    place = place_of(why.moment.net, why.position(name))
    found = why.gradient if gradient is None else gradient
    return agreement(why.moment, why.links, found, place, ask(why.moment, against), why.symbols)


def named(found: Agreement) -> dict[str, Witness]:
    return {w.name: w for w in found.witnesses}


def test_students_row_1() -> None:
    found = asked(wg.explain(*wg.example("students")), "W_111")
    assert found.agrees
    assert found.line().startswith("paths = backprop = nudge = complex step: -5.888 (paths 15.")
    assert named(found)["nudge"].digits > 11
    assert named(found)["complex step"].digits > 15
    assert found.pairs["backprop", "paths"] > 15
    assert found.pairs["paths", "nudge"] > 11
    assert len(found.pairs) == 6


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_a_library_that_is_named_is_asked(library: str) -> None:
    pytest.importorskip(library)
    found = asked(wg.explain(*wg.example("placement")), "W_111", library)
    assert found.agrees
    assert named(found)[library].digits > 14
    assert f"= {library}: -0.0512647786 (paths 15." in found.line()
    assert f", {library} 1" in found.line()


def test_installed_asks_all_that_are() -> None:
    pytest.importorskip("jax")
    pytest.importorskip("torch")
    found = asked(wg.explain(*wg.example("students")), "W_212", "installed")
    assert list(named(found)) == ["paths", "nudge", "complex step", "jax", "torch"]
    assert found.agrees


def test_any_asks_one_that_is_installed_and_imported_rather_than_another(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = wg.explain(*wg.example("students")).moment
    asked_for: list[str] = []
    there: tuple[str, ...] = ()
    for library, kind in (("jax", "Jax"), ("torch", "PyTorch")):
        monkeypatch.setattr(f"whygrad.rivals.{library}.is_installed", lambda package: package in there)
        monkeypatch.setattr(
            f"whygrad.rivals.{library}.{kind}.gradient",
            lambda self, net, *_: asked_for.append(self.name) or np.zeros(net.n_parameters),
        )
    for installed, imported, wanted in (
        (("jax", "torch"), (), ["jax"]),
        (("torch",), (), ["torch"]),
        (("jax", "torch"), ("torch",), ["torch"]),
        (("jax", "torch"), ("jax", "torch"), ["jax"]),
        ((), (), []),
    ):
        there = installed
        modules = {name: module for name, module in sys.modules.items() if name not in ("jax", "torch")}
        monkeypatch.setattr("sys.modules", modules | dict.fromkeys(imported))
        assert list(ask(moment, "any").gradients) == asked_for == wanted
        asked_for.clear()


def test_a_page_asks_a_library_once_whatever_the_number_of_derivatives(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from whygrad.rivals.torch import PyTorch

    found, gradient = [], PyTorch.gradient
    monkeypatch.setattr(PyTorch, "gradient", lambda *given: found.append(1) or gradient(*given))
    assert wg.explain(*wg.example("students")).agreement("torch").agrees
    assert found == [1]


def test_by_itself_no_library_is_imported() -> None:
    code = (
        "import sys, whygrad as wg\n"
        "found = wg.explain(*wg.example('students'))['W_111'].agreement()\n"
        "assert not {'jax', 'torch'} & set(sys.modules)\n"
        "assert [w.name for w in found.witnesses] == ['paths', 'nudge', 'complex step']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def gradients() -> list[Any]:
    """Each hidden activation, and each loss with its outputs; as JAX compiles each, most of its are proofs."""
    cases = [(h, "linear", LOSSES["mean_squared_error"]) for h in HIDDEN]
    cases += [("tanh", output.name, loss) for loss, output in LEGAL]
    return [
        pytest.param(
            library,
            *one,
            marks=pytest.mark.proof if library == "jax" and k % 9 else (),
            id=f"{library}-{one[0]}-{one[1]}-{one[2].name}",
        )
        for library in ("jax", "torch")
        for k, one in enumerate(cases)
    ]


@pytest.mark.parametrize(("library", "hidden", "output", "loss"), gradients())
def test_a_librarys_gradient_is_whygrads(library: str, hidden: str, output: str, loss: Loss) -> None:
    pytest.importorskip(library)
    net, w, x, y = case(hidden, output, loss, 2, rows=1)
    why = wg.explain_row(net, w, x[0], y[0], loss)
    one: Any = rival(library)
    found = one.gradient(net, why.moment.training, w, Rows(x, y, np.array([2.0])))
    np.testing.assert_allclose(found, 2 * why.gradient, rtol=1e-11, atol=1e-13)


def test_a_disagreement_is_loud() -> None:
    why = wg.explain(*wg.example("students"))
    slip = why.gradient.copy()
    slip[0] *= 1.001
    found = asked(why, "W_111", gradient=slip)
    assert not found.agrees
    assert [w.agrees for w in found.witnesses] == [False, False, False]
    assert found.line().startswith("DISAGREEMENT about dL/dW_111: backprop -5.893")
    assert found.line().endswith("this is a bug in whygrad; please report it")
    assert not json.loads(json.dumps(found.to_plain()))["agrees"]


def test_a_wrong_formula_of_ones_own_is_no_bug_of_whygrads() -> None:
    pytest.importorskip("torch")
    slip = replace(ACTIVATIONS["tanh"], name="mine", pull_rule=lambda xp, d, z, a, k: d * (xp.c(1.0) - a))
    net = wg.Network(1, (wg.Dense(2, slip), wg.Dense(1)))
    found = asked(wg.explain_row(net, "distinct", [1.0], [3.0]), "W_111", "torch")
    who = named(found)
    assert who["paths"].agrees  # it uses the same wrong slope
    assert not who["nudge"].agrees
    assert not who["complex step"].agrees
    assert found.absent == ("PyTorch has no mine, so it cannot follow this training",)
    assert "the derivative of an activation or loss of your own is wrong" in found.line()
    good = asked(
        wg.explain_row(wg.Network(1, (wg.Dense(2, "tanh"), wg.Dense(1))), "distinct", [1.0], [3.0]), "W_111"
    )
    assert good.agrees


def test_at_a_kink_the_nudge_is_said_to_be_inconclusive() -> None:
    net = wg.Network(2, (wg.Dense(2, "relu"), wg.Dense(1)))
    w = np.array([0, 0, 0, 0, 0, 0, 1, 1, 0.0])
    found = asked(wg.explain_row(net, w, [1, 2], [3]), "W_111")
    assert found.agrees
    assert named(found)["nudge"].agrees is None
    assert found.line() == (
        "paths = backprop: 0 (paths 15.9 digits); nudge inconclusive: this is the kink of relu at z_11 = 0: "
        "a nudge down has the slope 0, a nudge up -6"
    )


def test_a_library_may_take_the_other_side_of_a_kink() -> None:
    pytest.importorskip("jax")
    net = wg.Network(2, (wg.Dense(2, "leaky_relu"), wg.Dense(1)))
    w = np.array([0, 0, 0, 0, 0, 0, 1, 1, 0.0])
    found = asked(wg.explain_row(net, w, [1, 2], [3]), "W_111", "jax")
    assert found.agrees
    assert found.line().endswith("; jax finds -6 here")  # the slope 1 of the right side; whygrad takes the left


def test_what_is_too_small_to_see_is_said() -> None:
    net = wg.Network(1, (wg.Dense(1, "relu"), wg.Dense(1)))
    line = asked(wg.explain_row(net, np.array([-1.0, 0, 1, 0.5]), [1.0], [0.0]), "W_111").line()
    assert line.startswith(
        "paths = backprop = nudge = complex step: 0 (paths 15.9 digits, nudge sees nothing above "
    )


def test_of_a_witness_that_sees_a_trace_of_what_rounding_hides_the_trace_is_said() -> None:
    # sigmoid(50) is 1 to the last digit: backpropagation finds 0, the complex step 2 e^-50 = 4e-22
    why = wg.explain_row(wg.Network(1, (wg.Dense(1, "sigmoid"),)), np.array([50.0, 0.0]), [1.0], [0.0])
    assert asked(why, "W_111").line().endswith("complex step 4e-22)")
    assert why.agreement(()).line() == "paths = backprop = nudge = complex step: all 2 derivatives agree, " + (
        "to at least so many digits: paths 15.9"
    )


def test_where_a_z_is_0_no_complex_number_is_asked() -> None:
    found = asked(wg.explain(*wg.example("placement"), start=0.0), "W_111")
    assert list(named(found)) == ["paths", "nudge"]  # sigmoid's formula has two branches, which meet at 0


def test_a_loss_that_is_not_finite_is_no_disagreement() -> None:
    net = wg.Network(1, (wg.Dense(1), wg.Dense(1)))
    with np.errstate(all="ignore"):
        found = asked(wg.explain_row(net, np.array([1e200, 0, 1e200, 0]), [1.0], [0.0]), "W_111")
        assert found.agrees
        assert "nudge inconclusive: the loss is not a finite number" in found.line()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_rounding_is_no_disagreement(scale: float) -> None:
    torch = "torch" if "torch" in sys.modules else ()
    draw = np.random.default_rng(4)
    for hidden in HIDDEN:
        net = wg.Network(3, (wg.Dense(4, hidden), wg.Dense(3, "softmax")))
        w = draw.normal(0, 1, net.n_parameters) * scale
        why = wg.explain_row(net, w, draw.normal(0, 1, 3) / scale, [0, 1, 0], "cce")
        for position in (0, 14, 20, 30):
            name = wg.parameter_names(net)[position]
            assert asked(why, name, torch).agrees, (hidden, name)


@pytest.mark.parametrize("z", [20.0, 40.0, 60.0, 800.0])
def test_a_sure_output_is_no_disagreement(z: float) -> None:
    for layer, loss, y in ((wg.Dense(1, "sigmoid"), "bce", [1.0]), (wg.Dense(2, "softmax"), "cce", [1.0, 0.0])):
        net = wg.Network(1, (layer,))
        w = np.eye(net.n_parameters)[0] * z
        assert asked(wg.explain_row(net, w, [1.0], y, loss), "W_111").agrees


def test_a_fitted_row_is_no_disagreement() -> None:
    net = wg.Network(2, (wg.Dense(3, "tanh"), wg.Dense(1)))
    why = wg.explain_row(net, "glorot", [1, 2], [0])
    for error in (0, 1e-15, 1e-9):
        fitted = wg.explain_row(net, why.moment.w, [1, 2], why.outputs * (1 + error))
        assert all(asked(fitted, name).agrees for name in wg.parameter_names(net))


def test_libraries_that_cannot_be_asked_are_refused() -> None:
    why = wg.explain(*wg.example("students"))
    with pytest.raises(wg.InputError, match="against: keras gives no derivatives; it can be jax or torch"):
        asked(why, "W_111", "keras")
    with pytest.raises(wg.InputError, match="rival: 'tensorflow' is not known"):
        asked(why, "W_111", ["tensorflow"])


def test_a_library_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whygrad.rivals.jax.is_installed", lambda package: False)
    with pytest.raises(wg.InputError, match="against: jax is not installed; pip install jax"):
        asked(wg.explain(*wg.example("students")), "W_111", "jax")


def test_plain_is_json() -> None:
    plain = json.loads(json.dumps(asked(wg.explain(*wg.example("students")), "B_2").to_plain()))
    assert plain["name"] == "dL/dB_21"
    assert plain["agrees"]
    assert [w["name"] for w in plain["witnesses"]] == ["paths", "nudge", "complex step"]
    assert plain["nudge"]["kind"] == "right"
