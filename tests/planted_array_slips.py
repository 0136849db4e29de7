"""Every slip of the catalogue as somebody's NumPy would have it: key -> the statements that are other than right."""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from planted_arrays import Arrays

Edit = tuple[str, dict[str, str]]  # a slip's key, and the statements that change

TRIED = ("sigmoid", "tanh", "relu", "linear")
MSE, MAE = "mean_squared_error", "mean_absolute_error"
BCE, CCE = "binary_crossentropy", "categorical_crossentropy"


def array_slips(s: Arrays) -> dict[str, dict[str, str]]:
    """All slips that can be written as other statements."""
    groups = (_forward, _losses, _output, _slopes, _paths, _deltas, _weight_gradients, _bias_gradients, _means)
    return {key: edit for group in (*groups, _penalties, _updates, _assigned) for key, edit in group(s)}


# ---- forward ----


def _forward(s: Arrays) -> Iterator[Edit]:
    sizes = s.task.sizes
    for n in s.task.layers:
        z, own = f"{s.Z(n)} = {s.weighted(n)}", s.task.functions[n - 1]
        yield f"bias-left-out:{n}", {f"z{n}": z}
        for other in s.task.layers:
            if other != n and sizes[other] == sizes[n]:
                yield f"bias-of-layer-{other}:{n}", {f"z{n}": f"{z} + b{other}"}
        if sizes[n] == sizes[n - 1] > 1:
            yield f"forward-transposed:{n}", {f"z{n}": f"{s.Z(n)} = {s.weighted(n, turned=True)} + b{n}"}
        for name in TRIED:
            if name != own:
                yield f"forward-{name}:{n}", {f"a{n}": f"{s.A(n)} = {s.value(name, s.Z(n))}"}
        if own == "softmax":
            e = f"np.exp({s.Z(n)})"
            down = f"{s.A(n)} = {e} / np.sum({e}, axis={1 if s.hand.columns else 0}, keepdims=True)"
            yield f"softmax-over-rows:{n}", {f"a{n}": down}


def _losses(s: Arrays) -> Iterator[Edit]:
    loss, a, y = s.task.loss, s.y_hat, s.hand.y
    others = {MSE: (MAE,), BCE: (MSE, MAE), CCE: (MSE, BCE)}
    for other in others[loss]:
        yield f"loss-{other}", {"loss": s.judged(other)}
    if loss == MSE:
        yield "loss-not-squared", {"loss": f"np.mean({y} - {a})"}
        yield "loss-only-prediction-squared", {"loss": f"np.mean({y} - {a} ** 2)"}
        yield "loss-difference-of-squares", {"loss": f"np.mean({y} ** 2 - {a} ** 2)"}
        return
    if loss == BCE:
        yield "loss-second-term", {"loss": f"-np.mean({y} * np.log({a}))"}
    yield "loss-sign", {"loss": s.judged(loss).removeprefix("-")}


# ---- deltas ----


def _output(s: Arrays) -> Iterator[Edit]:
    loss, last, n, a, y = s.task.loss, s.task.last, s.task.sizes[-1], s.y_hat, s.hand.y
    place = f"d{last}"
    for other in {MSE: (MAE,), BCE: (MSE,), CCE: (MSE, BCE)}[loss]:
        yield f"derivative-of-{other}", {place: s.output_delta(s.error(other))}
    right = s.output_delta()
    turned = right.replace(f"({a} - {y})", f"({y} - {a})").replace(f"= {a} - {y}", f"= {y} - {a}")
    yield "sign", {place: turned if turned != right else s.output_delta(times="-")}
    yield "factor-half", {place: right.replace("2 * (", "(", 1) if loss == MSE else s.output_delta(times="0.5 * ")}
    yield "factor-double", {place: s.output_delta(times="2 * ")}
    yield from _factors(s, right) if not s.hand.one else ()
    if n > 1:
        yield (
            "factor-outputs",
            {place: s.output_delta(s.error(loss).removesuffix(f" / {n}"))}
            if s.share(loss)
            else {place: s.output_delta(times=f"{n} * ")},
        )
        yield "factor-per-outputs", {place: s.output_delta(times=f"1 / {n} * ")}


def _factors(s: Arrays, right: str) -> Iterator[Edit]:
    """Rows of the batch."""
    place, early = f"d{s.task.last}", s.hand.early
    every = [(f"dW{k}", s.dW) for k in s.task.layers] + [(f"db{k}", s.db) for k in s.task.layers]
    summed, twice = {}, {}
    for at, part in every:
        summed[at], twice[at] = part(int(at[2:]), share=""), part(int(at[2:]), share=" / m / m")
    yield "factor-rows", {place: right.replace(" / m", "")} if early else summed
    yield "factor-per-rows", {place: s.output_delta(share=" / m / m")} if early else twice


def halves(own: str, a: str) -> list[tuple[str, str]]:
    """Derivatives remembered in part."""
    known = {"sigmoid": [("one-minus", f"(1 - {a})"), ("only-a", a)], "tanh": [("not-squared", f"(1 - {a})")]}
    return known.get(own, [])


def _slopes(s: Arrays) -> Iterator[Edit]:
    for n in s.task.layers:
        output, own = n == s.task.last, s.task.functions[n - 1]

        def by(slope: str, n: int = n, output: bool = output) -> dict[str, str]:
            """d with another slope."""
            if output:
                return {f"d{n}": s.output_delta(slope=slope)}
            return {f"d{n}": f"{s.d(n)} = {s.back(n)}{f' * {slope}' if slope else ''}"}

        if own != "linear":
            yield f"derivative-missing:{n}", by("")
        for other, source in (("sigmoid", "a"), ("sigmoid", "z"), ("tanh", "a"), ("tanh", "z"), ("relu", "z")):
            if other != own:
                yield f"derivative-{other}-{source}:{n}", by(s.slope(other, n, source))
        for key, slope in halves(own, s.A(n)):
            yield f"derivative-{key}:{n}", by(slope)
        if own in ("sigmoid", "tanh"):
            yield f"z-for-a:{n}", by(s.slope(own, n, "a", at=s.Z(n)))
            yield f"a-for-z:{n}", by(s.slope(own, n, "z", at=s.A(n)))
            right = s.statements()[f"d{n}"]
            yield f"derivative-twice:{n}", {f"d{n}": f"{right}\n{s.d(n)} = {s.d(n)} * {s.slope(own, n)}"}
        if own == "softmax":
            again = f"{s.output_delta()}\n{s.d(n)} = "
            yield f"derivative-twice:{n}", {f"d{n}": f"{again}{s.pulled(n, s.d(n))}"}
            yield f"elementwise-twice:{n}", {f"d{n}": f"{again}{s.d(n)} * {s.slope('sigmoid', n, 'a')}"}


def _paths(s: Arrays) -> Iterator[Edit]:
    sizes = s.task.sizes
    for n in range(1, s.task.last):
        here, after, W, d = sizes[n], sizes[n + 1], f"W{n + 1}", s.d(n + 1)
        flat = f"np.zeros_like({s.A(n)})"

        def over(text: str, n: int = n) -> dict[str, str]:
            return {f"back{n}": f"{s.back(n)} = {text}"}

        if here == after > 1:
            yield f"path-transposed:{n}", over(s.through(W, d, turned=True))
        for other in s.task.layers:
            shape = (sizes[other - 1], sizes[other])
            if other != n + 1 and (here, after) in (shape, shape[::-1]):
                yield f"path-W{other}:{n}", over(s.through(f"W{other}", d, turned=shape != (here, after)))
        yield f"path-without:{n}", over(f"{s.over_units(d) if after > 1 else d} + {flat}")
        if here > 1:
            yield f"path-unit-1:{n}", over(f"{s.through(s.weights_from(W, ':1'), d)} + {flat}")
        if after > 1:
            yield f"path-to-1:{n}", over(s.through(s.weights_to(W, ":1"), s.unit(d, ":1")))


def _deltas(s: Arrays) -> Iterator[Edit]:
    for n in range(1, s.task.last):
        pulled = s.pulled(n, s.back(n))
        for key, times in (("sign", "-"), ("half", "0.5 * "), ("double", "2 * ")):
            yield f"delta-{key}:{n}", {f"d{n}": f"{s.d(n)} = {times}{pulled}"}


# ---- dW and db ----


def _scales(s: Arrays, name: str, layer: int) -> Iterator[Edit]:
    part, early = s.dW if name == "dW" else s.db, s.hand.early
    place = f"{name}{layer}"
    for key, times in (("sign", "-"), ("half", "0.5 * "), ("double", "2 * ")):
        yield f"{name}_{layer}-{key}", {place: part(layer, times=times)}
    if s.hand.one:
        return
    yield f"{name}_{layer}-rows", {place: part(layer, times="m * ") if early else part(layer, share="")}
    yield f"{name}_{layer}-per-rows", {place: part(layer, share=" / m" if early else " / m / m")}
    yield f"{name}_{layer}-last-row", {place: _last_row(s, name, layer)}


def _last_row(s: Arrays, name: str, layer: int) -> str:
    d = s.last_row(s.d(layer))
    if name == "db":
        return s.db(layer, s.over_rows(d))
    return s.dW(layer, product=s.outer(s.last_row(s.A(layer - 1)), d))


def _weight_gradients(s: Arrays) -> Iterator[Edit]:
    sizes = s.task.sizes
    for n in s.task.layers:
        n_in, n_out, place, key = sizes[n - 1], sizes[n], f"dW{n}", f"dW_{n}"
        before, d, W = s.A(n - 1), s.d(n), f"W{n}"
        if n_in > 1 and n_out > 1:
            turned = s.outer(before, d, turned=True)
            product = turned if n_in == n_out else f"({turned}).reshape({W}.shape)"
            stored = "-out-in" if s.hand.out_in and n_in != n_out else ""
            yield f"{key}-transposed{stored}", {place: s.dW(n, product=product)}
        yield f"{key}-without-input", {place: s.dW(n, before=f"np.ones_like({before})")}
        for other in range(len(sizes)):
            if other != n - 1 and sizes[other] in (n_in, 1):
                a = f"a_{other}" if other else "x"
                spread = s.A(other) if sizes[other] == n_in else f"({s.A(other)} + np.zeros_like({before}))"
                yield f"{key}-of-{a}", {place: s.dW(n, before=spread)}
        if n > 1 and s.task.functions[n - 2] != "linear":
            yield f"{key}-of-z_{n - 1}", {place: s.dW(n, before=s.Z(n - 1))}
        if n_in > 1:
            product = f"({s.outer(s.unit(before, ':1'), d)} + np.zeros_like({W}))"
            yield f"{key}-of-first", {place: s.dW(n, product=product)}
        yield from _scales(s, "dW", n)


def _means(s: Arrays) -> Iterator[Edit]:
    """The mean over the rows missing or taken twice in all dW, or in all db."""
    if s.hand.one:
        return
    both = [(name, n) for name in ("dW", "db") for n in s.task.layers]
    yield "all-last-row", {f"{name}{n}": _last_row(s, name, n) for name, n in both}
    if s.task.last == 1:
        return
    missing = {"times": "m * "} if s.hand.early else {"share": ""}
    twice = {"share": " / m" if s.hand.early else " / m / m"}
    for name, part in (("dW", s.dW), ("db", s.db)):
        yield f"all-{name}-rows", {f"{name}{n}": part(n, **missing) for n in s.task.layers}
        yield f"all-{name}-per-rows", {f"{name}{n}": part(n, **twice) for n in s.task.layers}


def _bias_gradients(s: Arrays) -> Iterator[Edit]:
    for n in s.task.layers:
        n_in, n_out, before, d = s.task.sizes[n - 1], s.task.sizes[n], s.A(n - 1), s.d(n)
        times = {"first": s.unit(before, ":1")}
        if n_in > 1:
            times |= {"sum": s.over_units(before), "last": s.unit(before, "-1:")}
        if n_in >= n_out > 1:
            times["own"] = s.unit(before, f":{n_out}")
        for key, factor in times.items():
            yield f"db_{n}-times-{key}", {f"db{n}": s.db(n, s.over_rows(f"{d} * {factor}"))}
        if n_out > 1:
            yield f"db_{n}-over-units", {f"db{n}": s.db(n, f"(np.sum({d}) + np.zeros_like(b{n}))")}
        yield from _scales(s, "db", n)


# ---- penalty and update ----


def _penalties(s: Arrays) -> Iterator[Edit]:
    if not s.task.training.l2:
        return
    for n in s.task.layers if s.task.last > 1 else ():
        yield f"penalty-missing:{n}", {f"dW{n}": s.dW(n).replace(s.penalty(f"W{n}"), "")}
    weights = {f"dW{n}": s.dW(n) for n in s.task.layers}

    def shared(share: str) -> dict[str, str]:
        return {k: v.replace(" + l2 * ", share) for k, v in weights.items()}

    yield "penalty-on-biases", {f"db{n}": f"{s.db(n)} + l2 * b{n}" for n in s.task.layers}
    yield "penalty-missing", {k: v.partition(" + l2")[0] for k, v in weights.items()}
    yield "penalty-double", shared(" + 2 * l2 * ")
    yield "penalty-half", shared(" + 0.5 * l2 * ")
    yield "penalty-sign", shared(" - l2 * ")
    if not s.hand.one:
        yield "penalty-per-rows", shared(" + l2 / m * ")


def _updates(s: Arrays) -> Iterator[Edit]:
    names, rate = list(s.parameters()), s.task.training.optimizer.learning_rate
    squared = f"{s.hand.rate} * {s.hand.rate} * "
    yield "update-sign", {p: s.update(p, sign="+") for p in names}
    yield "rate-squared", {p: s.update(p, rate=squared) for p in names}
    yield "rate-missing", {p: s.update(p, rate="") for p in names}
    for key in ("10", "100", "0.1", "0.01"):
        yield f"rate-{key}", {"rate": f"{s.hand.rate} = {float(key) * rate:.10g}"}
    for n in s.task.layers:
        for p in (f"W{n}", f"b{n}"):
            new, old, _ = s.names(p)
            yield f"{p[0]}_{n}-never", {p: "" if new == old else f"{new} = {old}"}
        n_in, (new, old, _) = s.task.sizes[n - 1], s.names(f"b{n}")
        if n_in > 1:
            first = "" if new == old else f"{new} = {old}\n"
            again = "\n".join("    " + line for line in s.update(f"b{n}", source=new).splitlines())
            yield f"b_{n}-once-per-weight", {f"b{n}": f"{first}for i in range({n_in}):\n{again}"}
    if s.task.training.optimizer.memories == ("v",):
        yield "momentum-sign", {p: s.update(p).replace("= momentum", "= -momentum") for p in names}
        yield "momentum-on-gradient", {p: _on_gradient(s, p) for p in names}
        yield "momentum-forgotten", {p: s.update(p).replace(f"momentum * v{p} + ", "") for p in names}
    if s.task.training.optimizer.memories == ("m", "v"):
        plain = {"(1 - beta1 ** t)": "1", "(1 - beta2 ** t)": "1"}
        yield "adam-uncorrected", {p: _replaced(s.update(p), plain) for p in names}
        yield "adam-first-step", {p: s.update(p).replace("** t", "** 1") for p in names}


def _on_gradient(s: Arrays, p: str) -> str:
    g = s.names(p)[2]
    return s.update(p).replace(f"momentum * v{p} + {g}", f"v{p} + momentum * {g}")


def _replaced(text: str, by: dict[str, str]) -> str:
    for was, now in by.items():
        text = text.replace(was, now)
    return text


def _assigned(s: Arrays) -> Iterator[Edit]:
    """The bias starts from some weights: as they are after their update, or before it."""
    for n in s.task.layers:
        n_in, n_out = s.task.sizes[n - 1], s.task.sizes[n]
        sources = [("from", k, True) for k in sorted({0, 1, n_in - 1} & set(range(n_in)))]
        if n_in == n_out > 1:
            sources += [("to", k, False) for k in sorted({0, 1, n_out - 1})]
        W, b = f"W{n}", f"b{n}"
        new, old, _ = s.names(W)
        for word, k, outgoing in sources:
            key = f"b_{n}-assigned-{word}-{k + 1}"
            yield f"{key}-new", {b: s.update(b, source=s.as_bias(new, k, outgoing))}
            before = s.update(b, source=s.as_bias(old, k, outgoing))
            yield f"{key}-old", {b: before} if new != old else {W: before, b: s.update(W)}
