"""The catalogue of slips: known mistakes, each one change of the reference's procedure.

Adding a slip is one `Slip` in the file of its place; the tests plant it and ask for it back by themselves.
"""

from __future__ import annotations

from whygrad.judgement.slips.deltas import hidden_slips, output_slips
from whygrad.judgement.slips.derivatives import derivative_slips
from whygrad.judgement.slips.every import everywhere_slips
from whygrad.judgement.slips.forward import forward_slips, loss_slips
from whygrad.judgement.slips.loops import loop_slips
from whygrad.judgement.slips.parts import bias_gradient_slips, mean_slips, weight_gradient_slips
from whygrad.judgement.slips.slip import Slip
from whygrad.judgement.slips.updates import parameter_slips, penalty_slips, rule_slips, updated_weights_slip
from whygrad.network import Network
from whygrad.training import Training

# in the order in which they are applied: what reads the finished stages comes last
_GROUPS = (
    forward_slips,
    loss_slips,
    derivative_slips,
    output_slips,
    hidden_slips,
    weight_gradient_slips,
    bias_gradient_slips,
    mean_slips,
    updated_weights_slip,
    penalty_slips,
    rule_slips,
    parameter_slips,
    everywhere_slips,
    loop_slips,
)


def catalogue(net: Network, training: Training) -> tuple[Slip, ...]:
    """Every slip that this network and training can have, one for each layer and variant."""
    return tuple(slip for group in _GROUPS for slip in group(net, training))


__all__ = ["Slip", "catalogue"]
