"""Every slip of the catalogue as loops over units would have it: key -> the statements that are other than right."""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from planted_array_slips import BCE, CCE, MAE, MSE, TRIED, Edit, halves
from planted_units import Units


def unit_slips(s: Units) -> dict[str, dict[str, str]]:
    """All slips that can be written as other statements."""
    groups = (_forward, _losses, _output, _slopes, _paths, _deltas, _weight_gradients, _bias_gradients)
    return {key: edit for group in (*groups, _scales, _penalties, _updates, _assigned) for key, edit in group(s)}


def _forward(s: Units) -> Iterator[Edit]:
    for n in s.task.layers:
        yield f"bias-left-out:{n}", {f"z{n}": s.z(n, bias="0.0")}
        for other in s.task.layers:
            if other != n and s.n(other) == s.n(n):
                yield f"bias-of-layer-{other}:{n}", {f"z{n}": s.z(n, bias=f"b{other}[j]")}
        if s.n(n) == s.n(n - 1) > 1:
            yield f"forward-transposed:{n}", {f"z{n}": s.z(n, f"W{n}[i][j] * {s.a(n - 1)}[i]")}
        for name in TRIED:
            if name != s.task.functions[n - 1]:
                yield f"forward-{name}:{n}", {f"a{n}": s.activation(n, name)}


def _losses(s: Units) -> Iterator[Edit]:
    loss, a = s.task.loss, s.a(s.task.last)
    for other in {MSE: (MAE,), BCE: (MSE, MAE), CCE: (MSE, BCE)}[loss]:
        yield f"loss-{other}", {"loss": s.judged(other)}
    right = s.judged(loss)
    if loss == MSE:
        squared = f"({a}[j] - y[j]) ** 2"
        yield "loss-not-squared", {"loss": right.replace(squared, f"y[j] - {a}[j]")}
        yield "loss-only-prediction-squared", {"loss": right.replace(squared, f"y[j] - {a}[j] ** 2")}
        yield "loss-difference-of-squares", {"loss": right.replace(squared, f"y[j] ** 2 - {a}[j] ** 2")}
        return
    if loss == BCE:
        first = f"sum(-y[j] * math.log({a}[j]) for j in range(len(y))){s.share(loss)}"
        yield "loss-second-term", {"loss": first}
    yield "loss-sign", {"loss": right.replace("sum(-", "sum(", 1)}


def _output(s: Units) -> Iterator[Edit]:
    loss, n, a = s.task.loss, s.n(-1), f"a{s.task.last}[j]"
    place = f"d{s.task.last}"
    for other in {MSE: (MAE,), BCE: (MSE,), CCE: (MSE, BCE)}[loss]:
        yield f"derivative-of-{other}", {place: s.output_delta(s.error(other))}
    right = s.output_delta()
    yield "sign", {place: right.replace(f"{a} - y[j]", f"y[j] - {a}")}
    half = right.replace("2 * (", "(", 1) if loss == MSE else s.output_delta(times="0.5 * ")
    yield "factor-half", {place: half}
    yield "factor-double", {place: s.output_delta(times="2 * ")}
    if n > 1:
        unshared = s.output_delta(s.error(loss).removesuffix(f" / {n}"))
        yield "factor-outputs", {place: unshared if s.share(loss) else s.output_delta(times=f"{n} * ")}
        yield "factor-per-outputs", {place: s.output_delta(times=f"1 / {n} * ")}
    if s.batches:
        for key, share in (("rows", ""), ("per-rows", " / m / m"), ("per-table", " / len(X)")):
            yield f"factor-{key}", {p: s.update(p, g=s.gradient(p, share)) for p in s.parameters()}
        yield "factor-table", {place: s.output_delta(times="len(X) * ")}
        if loss == MSE:
            shared = {p: s.update(p, g=s.gradient(p, " / len(X)")) for p in s.parameters()}
            yield "factor-half-per-table", {place: half, **shared}


def _slopes(s: Units) -> Iterator[Edit]:
    for n in s.task.layers:
        output, own = n == s.task.last, s.task.functions[n - 1]

        def by(slope: str, n: int = n, output: bool = output) -> dict[str, str]:
            return {f"d{n}": s.output_delta(slope=slope) if output else s.hidden_delta(n, slope)}

        if own != "linear":
            yield f"derivative-missing:{n}", by("")
        for other, source in (("sigmoid", "a"), ("sigmoid", "z"), ("tanh", "a"), ("tanh", "z"), ("relu", "z")):
            if other != own:
                yield f"derivative-{other}-{source}:{n}", by(s.slope(other, n, source))
        for key, slope in halves(own, f"a{n}[j]"):
            yield f"derivative-{key}:{n}", by(slope)
        again = f"\ndelta{n} = [delta{n}[j] * {{}} for j in range({s.n(n)})]"
        right = s.statements()[f"d{n}"]
        if own in ("sigmoid", "tanh"):
            yield f"z-for-a:{n}", by(s.slope(own, n, "a", at=f"z{n}[j]"))
            yield f"a-for-z:{n}", by(s.slope(own, n, "z", at=f"a{n}[j]"))
            yield f"derivative-twice:{n}", {f"d{n}": right + again.format(s.slope(own, n))}
        if own == "softmax":
            yield f"derivative-twice:{n}", {f"d{n}": f"{right}\n{s.softmax_back(f'delta{n}')}"}
            yield f"elementwise-twice:{n}", {f"d{n}": right + again.format(s.slope("sigmoid", n))}


def _paths(s: Units) -> Iterator[Edit]:
    for n in range(1, s.task.last):
        here, after, d = s.n(n), s.n(n + 1), f"delta{n + 1}[k]"
        if here == after > 1:
            yield f"path-transposed:{n}", {f"back{n}": s.back(n, f"W{n + 1}[j][k] * {d}")}
        for other in s.task.layers:
            shape = (s.n(other - 1), s.n(other))
            if other != n + 1 and (here, after) in (shape, shape[::-1]):
                at = "[k][j]" if shape == (here, after) else "[j][k]"
                yield f"path-W{other}:{n}", {f"back{n}": s.back(n, f"W{other}{at} * {d}")}
        yield f"path-without:{n}", {f"back{n}": s.back(n, d)}
        if here > 1:
            yield f"path-unit-1:{n}", {f"back{n}": s.back(n, f"W{n + 1}[k][0] * {d}")}
        if after > 1:
            yield f"path-to-1:{n}", {f"back{n}": s.back(n, over="range(1)")}


def _deltas(s: Units) -> Iterator[Edit]:
    for n in range(1, s.task.last):
        for key, times in (("sign", "-"), ("half", "0.5 * "), ("double", "2 * ")):
            yield f"delta-{key}:{n}", {f"d{n}": s.hidden_delta(n, times=times)}


def _weight_gradients(s: Units) -> Iterator[Edit]:
    for n in s.task.layers:
        n_in, n_out, key, place, before = s.n(n - 1), s.n(n), f"dW_{n}", f"dW{n}", s.a(n - 1)
        if n_in == n_out > 1:
            yield f"{key}-transposed", {place: s.dW(n, entry=f"delta{n}[i] * {before}[j]")}
        yield f"{key}-without-input", {place: s.dW(n, entry=f"delta{n}[j]")}
        for other in range(len(s.task.sizes)):
            if other != n - 1 and s.n(other) in (n_in, 1):
                at = "i" if s.n(other) == n_in else "0"
                name = f"a_{other}" if other else "x"
                yield f"{key}-of-{name}", {place: s.dW(n, f"{s.a(other)}[{at}]")}
        if n > 1 and s.task.functions[n - 2] != "linear":
            yield f"{key}-of-z_{n - 1}", {place: s.dW(n, f"z{n - 1}[i]")}
        if n_in > 1:
            yield f"{key}-of-first", {place: s.dW(n, f"{before}[0]")}


def _bias_gradients(s: Units) -> Iterator[Edit]:
    for n in s.task.layers:
        n_in, n_out, before, key = s.n(n - 1), s.n(n), s.a(n - 1), f"db_{n}"
        factors = {"times-first": f"{before}[0]"}
        if n_in > 1:
            factors |= {"times-sum": f"sum({before})", "times-last": f"{before}[-1]"}
        if n_in >= n_out > 1:
            factors["times-own"] = f"{before}[j]"
        for name, factor in factors.items():
            yield f"{key}-{name}", {f"db{n}": s.db(n, f"delta{n}[j] * {factor}")}
        if n_out > 1:
            yield f"{key}-over-units", {f"db{n}": s.db(n, f"sum(delta{n})")}


def _scales(s: Units) -> Iterator[Edit]:
    for n in s.task.layers:
        for name, part in (("dW", s.dW), ("db", s.db)):
            for key, times in (("sign", "-"), ("half", "0.5 * "), ("double", "2 * ")):
                yield f"{name}_{n}-{key}", {f"{name}{n}": part(n, times=times)}
            p = f"{name[1]}{n}"
            if s.batches:
                yield f"{name}_{n}-rows", {p: s.update(p, g=s.gradient(p, ""))}
                yield f"{name}_{n}-per-rows", {p: s.update(p, g=s.gradient(p, " / m / m"))}


def _penalties(s: Units) -> Iterator[Edit]:
    if not s.task.training.l2:
        return
    whole = s.statements()
    places = [f"W{n}" if s.batches else f"dW{n}" for n in s.task.layers]
    for key, share in (("missing", "0 * "), ("double", "2 * "), ("half", "0.5 * "), ("sign", "-")):
        yield f"penalty-{key}", {p: whole[p].replace(" + l2 *", f" + {share}l2 *") for p in places}
    if s.batches:
        for key, n in (("per-rows", "m"), ("per-table", "len(X)")):
            yield f"penalty-{key}", {p: whole[p].replace("l2 *", f"l2 / {n} *") for p in places}
        on_biases = {f"b{n}": s.update(f"b{n}", g=f"(sum_b{n}[j] / m + l2 * b{n}[j])") for n in s.task.layers}
    else:
        on_biases = {f"db{n}": s.db(n, f"delta{n}[j] + l2 * b{n}[j]") for n in s.task.layers}
    yield "penalty-on-biases", on_biases


def _updates(s: Units) -> Iterator[Edit]:
    names, rate = s.parameters(), s.task.training.optimizer.learning_rate
    yield "update-sign", {p: s.update(p, sign="+") for p in names}
    yield "rate-squared", {p: s.update(p, rate="learning_rate ** 2 * ") for p in names}
    yield "rate-missing", {p: s.update(p, rate="") for p in names}
    for key in ("10", "100", "0.1", "0.01"):
        yield f"rate-{key}", {"rate": f"learning_rate = {float(key) * rate:.10g}"}
    for n in s.task.layers:
        yield f"W_{n}-never", {f"W{n}": ""}
        yield f"b_{n}-never", {f"b{n}": ""}
        if s.n(n - 1) > 1 and not s.task.training.optimizer.memories:
            inner = s.update(f"b{n}").replace("\n    ", f"\n    for i in range({s.n(n - 1)}):\n        ")
            yield f"b_{n}-once-per-weight", {f"b{n}": inner}
    plain = {p: s.update(p) for p in names}
    if s.task.training.optimizer.memories == ("v",):
        yield "momentum-sign", {p: text.replace("= momentum", "= -momentum") for p, text in plain.items()}
        yield "momentum-on-gradient", {p: _on_gradient(text) for p, text in plain.items()}
        yield "momentum-forgotten", {p: text.replace("momentum * v", "0 * v") for p, text in plain.items()}
    if s.task.training.optimizer.memories == ("m", "v"):
        bare = {p: text.replace("(1 - beta1 ** t)", "1") for p, text in plain.items()}
        yield "adam-uncorrected", {p: text.replace("(1 - beta2 ** t)", "1") for p, text in bare.items()}
        yield "adam-first-step", {p: text.replace("** t", "** 1") for p, text in plain.items()}


def _on_gradient(text: str) -> str:
    """v = momentum * v + g becomes v = v + momentum * g."""
    return text.replace("= momentum * ", "= ").replace(" + sum_", " + momentum * sum_")


def _assigned(s: Units) -> Iterator[Edit]:
    for n in s.task.layers:
        n_in, n_out, W, b = s.n(n - 1), s.n(n), f"W{n}", f"b{n}"
        sources = [("from", k, f"{W}[j][{k}]") for k in sorted({0, 1, n_in - 1} & set(range(n_in)))]
        if n_in == n_out > 1:
            sources += [("to", k, f"{W}[{k}][j]") for k in sorted({0, 1, n_out - 1})]
        for word, k, source in sources:
            wrong = s.update(b, source=source)
            yield f"b_{n}-assigned-{word}-{k + 1}-new", {b: wrong}
            yield f"b_{n}-assigned-{word}-{k + 1}-old", {W: wrong, b: s.update(W)}
