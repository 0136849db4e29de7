"""The links of one row: what each step of its way from the parameters to the loss multiplies a nudge by.

The way is a graph. A parameter of unit j enters z_j; z_j makes a_j (softmax: every a_i of the layer); a_j enters
every z of the next layer, through a weight; the outputs make the loss. Each arrow has a local derivative. A
product of them along one way is a path; the sum over all ways is the derivative (3Blue1Brown, "Backpropagation
calculus"; Baur & Strassen 1983). Here the local derivatives are taken one by one, from the same formulas as
backpropagation uses; what is independent of them are the nudge and other libraries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from whygrad.activations import Activation
from whygrad.explanation.moment import Moment
from whygrad.maths import NUMPY, Array, Mask
from whygrad.network import Network
from whygrad.propagation import Trace, forward_propagation, output_delta, row_losses
from whygrad.weights import LayerWeights, views

# where dL/da times da/dz differs from the pair's own dL/dz by more, the two have lost their digits
SEPARABLE = 1e-13


@dataclass(frozen=True, eq=False)
class Links:
    """The local derivatives of one row. Layers count from 0 here, as in a trace."""

    net: Network
    layers: tuple[LayerWeights, ...]  # W (n_in, n_out): dz_j/da_k
    trace: Trace  # of one row: each z and a is (1, n)
    y: Array  # (1, outputs)
    weight: float  # what the row's loss is multiplied by
    loss: float  # the row's, its weight counted
    slopes: tuple[Array, ...]  # each (n,), or (n, n) where every z reaches every a: [z, a]
    blame: Array  # (outputs,), dL/da
    reaches: Mask  # (outputs,), False where the loss does not depend on that output at all
    output_delta: Array  # (outputs,), dL/dz of the last layer
    joined: bool  # whether the last layer's z goes to the loss in one link, as its two cannot be told apart

    @cached_property
    @np.errstate(all="ignore")
    def pulls(self) -> tuple[Array, ...]:
        """dL/da (n,) of every layer's units."""
        found = [self.blame]
        for layer in range(len(self.layers) - 1, 0, -1):
            found.append(self.layers[layer].W @ self._through(layer, found[-1]))  # a sum over the next units
        return tuple(reversed(found))

    @cached_property
    @np.errstate(all="ignore")
    def deltas(self) -> tuple[Array, ...]:
        """dL/dz (n,) of every layer's units."""
        return tuple(self._through(layer, pull) for layer, pull in enumerate(self.pulls))

    @cached_property
    @np.errstate(all="ignore")
    def gradient(self) -> Array:
        """(P,): the sum over all paths from each parameter, in the order of the flat vector."""
        parts = []
        for layer, delta in enumerate(self.deltas):
            parts += [np.outer(self.trace.a[layer][0], delta).reshape(-1), delta]
        return np.concatenate(parts)

    @property
    @np.errstate(all="ignore")
    def inputs(self) -> Array:
        """dL/dx (inputs,)."""
        return np.asarray(self.layers[0].W @ self.deltas[0])

    def _through(self, layer: int, pull: Array) -> Array:
        """dL/dz (n,) of a layer from its dL/da (n,)."""
        if layer == len(self.layers) - 1 and self.joined:
            return self.output_delta
        slope = self.slopes[layer]
        return np.asarray(slope * pull if slope.ndim == 1 else slope @ pull)


@np.errstate(all="ignore")
def links_of(moment: Moment) -> Links:
    """The local derivatives at that moment."""
    net, loss, x, y = moment.net, moment.loss, moment.row.x, moment.row.y
    trace = forward_propagation(net, moment.w, x)
    slopes = tuple(
        _slopes(layer.activation, z, a) for layer, z, a in zip(net.layers, trace.z, trace.a[1:], strict=True)
    )
    blame = moment.weight * loss.pull(trace.output, y)[0]
    fused = moment.weight * output_delta(loss, net.output, trace.z[-1], trace.output, y, NUMPY)[0]
    parted = slopes[-1] * blame if slopes[-1].ndim == 1 else slopes[-1] @ blame
    scale = max(1e-300, float(np.abs(fused).max()))
    lost = bool(
        (slopes[-1] == 0).all(axis=-1).any()
    )  # a sigmoid at its limit: 0/0 is what its loss's derivative is
    lost |= not bool(np.abs(parted - fused).max() <= SEPARABLE * scale)
    joined = loss.fuses(net.output) is not None and lost
    row_loss = moment.weight * float(row_losses(net, loss, trace, y)[0])
    reaches = _reaches(moment, trace)
    return Links(
        net, views(net, moment.w), trace, y, moment.weight, row_loss, slopes, blame, reaches, fused, joined
    )


def _slopes(g: Activation, z: Array, a: Array) -> Array:
    """da/dz of one row: (n,), or (n, n) with [z, a] where each a depends on every z."""
    n = z.shape[1]
    if g.elementwise:
        return np.asarray(g.pull(np.ones((1, n)), z, a)[0])
    return np.asarray(g.pull(np.eye(n), np.repeat(z, n, axis=0), np.repeat(a, n, axis=0)).T)


def _reaches(moment: Moment, trace: Trace) -> Mask:
    """(outputs,) False where dL/da is 0 whatever the outputs are, as for the classes a row is not of.

    It is asked at the row's own outputs and at others between the bounds of the output activation.
    """
    loss, y, a = moment.loss, moment.row.y, trace.output
    others = [np.full_like(a, share) for share in (0.3, 0.6)]
    return np.asarray(np.any([loss.pull(outputs, y)[0] != 0 for outputs in (a, *others)], axis=0))
