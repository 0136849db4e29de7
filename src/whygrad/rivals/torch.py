"""PyTorch follows a training: torch.nn.functional, autograd and torch.optim on the CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whygrad.activations import Activation
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.rivals.protocol import Diary, Followed, flat, is_installed, labelled, matrices, pick, walk
from whygrad.table import Indices, Rows
from whygrad.training import Training
from whygrad.updates import name_of
from whygrad.weights import trainable

# beyond it softplus(z) is z to the last digit of float64; torch's own threshold of 20 is off by 2e-9
_SOFTPLUS_THRESHOLD = 40.0


@dataclass(frozen=True)
class PyTorch:
    """PyTorch as a rival."""

    name: str = "torch"
    tolerance: tuple[float, str] = (1e-10, "float64 in both, so only rounding differs")

    @property
    def label(self) -> str:
        """PyTorch and its version."""
        return labelled("PyTorch", "torch")

    def installed(self) -> bool:
        """Whether torch could be imported."""
        return is_installed("torch")

    def follow(
        self, net: Network, training: Training, start: Array, rows: Rows, orders: Sequence[Indices]
    ) -> Followed:
        """See `Rival.follow`."""
        import torch

        dtype = getattr(torch, training.dtype)
        parts = _tensors(torch, net, start, dtype)
        free = [
            torch.tensor(mask.T if mask.ndim == 2 else mask)
            for mask in matrices(net, trainable(net, training.freeze))
        ]
        first = [p.detach().clone() for p in parts]
        optimizer = _optimizer(torch, training, parts)
        x, y = torch.tensor(rows.x, dtype=dtype), torch.tensor(rows.y, dtype=dtype)
        weights = None if rows.weights is None else torch.tensor(rows.weights, dtype=dtype)
        diary = Diary(net, training, orders)
        for step in walk(training, orders):
            at = torch.tensor(step.rows, dtype=torch.int64)
            optimizer.zero_grad()
            each = _row_losses(torch, net, training, parts, x[at], y[at])
            loss = (each if weights is None else each * weights[at]).mean()
            (loss + _penalty(training, parts[::2])).backward()
            for p, mask in zip(parts, free, strict=True):
                p.grad *= mask
            _clip(torch, training, parts)
            for group in optimizer.param_groups:
                group["lr"] = step.rate
            optimizer.step()
            if training.freeze:  # weight decay moves a parameter without a gradient
                with torch.no_grad():
                    for p, mask, was in zip(parts, free, first, strict=True):
                        p.copy_(torch.where(mask, p, was))
            diary.note(loss.item(), lambda: flat([p.detach().numpy().T for p in parts]))
        return diary.close(_unequal(net, training))

    def gradient(self, net: Network, training: Training, w: Array, rows: Rows) -> Array:
        """See `Differentiating.gradient`."""
        import torch

        parts = _tensors(torch, net, w, torch.float64)
        x, y = (torch.tensor(v, dtype=torch.float64) for v in (rows.x, rows.y))
        losses = _row_losses(torch, net, training, parts, x, y)
        loss = (losses if rows.weights is None else losses * torch.tensor(rows.weights)).mean()
        return flat([p.numpy().T for p in torch.autograd.grad(loss, parts)])


def _tensors(torch: Any, net: Network, w: Array, dtype: Any) -> list[Any]:
    """Weight (n_out, n_in) and bias of each layer, as torch.nn.Linear keeps them, that gradients are taken of."""
    return [
        torch.tensor(p.T if p.ndim == 2 else p, dtype=dtype).contiguous().requires_grad_()
        for p in matrices(net, w)
    ]


def _activate(torch: Any, g: Activation, z: Any) -> Any:
    F = torch.nn.functional
    known = {
        "linear": lambda z: z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": F.relu,
        "leaky_relu": lambda z: F.leaky_relu(z, g.k),
        "elu": lambda z: F.elu(z, g.k),
        "selu": F.selu,
        "softplus": lambda z: F.softplus(z, threshold=_SOFTPLUS_THRESHOLD),
        "softsign": F.softsign,
        "gelu": F.gelu,
        "silu": F.silu,
        "softmax": lambda z: F.softmax(z, dim=1),
    }
    return pick(known, g.name, "PyTorch")(z)


def _row_losses(torch: Any, net: Network, training: Training, parts: list[Any], x: Any, y: Any) -> Any:
    """(rows,)"""
    F, loss, output = torch.nn.functional, training.loss, net.output.name
    a = x
    for number, layer in enumerate(net.layers):
        z = F.linear(a, parts[2 * number], parts[2 * number + 1])  # (rows, n_out)
        a = _activate(torch, layer.activation, z)
    if (loss.name, output) == ("binary_crossentropy", "sigmoid"):
        return F.binary_cross_entropy_with_logits(z, y, reduction="none").mean(dim=1)
    if (loss.name, output) == ("categorical_crossentropy", "softmax"):
        return F.cross_entropy(z, y, reduction="none")
    known = {
        "mean_squared_error": lambda: F.mse_loss(a, y, reduction="none").mean(dim=1),
        "mean_absolute_error": lambda: F.l1_loss(a, y, reduction="none").mean(dim=1),
        "huber": lambda: F.huber_loss(a, y, reduction="none", delta=loss.k).mean(dim=1),
        "log_cosh": lambda: _log_cosh(torch, (a - y).abs()).mean(dim=1),
        "binary_crossentropy": lambda: F.binary_cross_entropy(a, y, reduction="none").mean(dim=1),
        "categorical_crossentropy": lambda: -(y * torch.log(a).clamp(min=-100)).sum(dim=1),
        "hinge": lambda: F.relu(1 - y * a).mean(dim=1),
        "poisson": lambda: F.poisson_nll_loss(a, y, log_input=False, eps=loss.k, reduction="none").mean(dim=1),
    }
    return pick(known, loss.name, "PyTorch")()


def _log_cosh(torch: Any, e: Any) -> Any:
    softplus = torch.nn.functional.softplus(-2 * e, threshold=_SOFTPLUS_THRESHOLD)
    return e + softplus - math.log(2)


def _penalty(training: Training, weights: list[Any]) -> Any:
    l1 = training.l1 * sum(W.abs().sum() for W in weights) if training.l1 else 0
    return l1 + (training.l2 / 2 * sum((W * W).sum() for W in weights) if training.l2 else 0)


def _clip(torch: Any, training: Training, parts: list[Any]) -> None:
    if training.clip is None:
        return
    kind, limit = training.clip.kind, training.clip.limit
    if kind == "value":
        torch.nn.utils.clip_grad_value_(parts, limit)
        return
    if kind == "global_norm":
        torch.nn.utils.clip_grad_norm_(parts, limit)
        return
    for p in parts:
        norm = torch.linalg.vector_norm(p.grad)
        if norm > limit:  # clip_grad_norm_ would divide by norm + 1e-6
            p.grad *= limit / norm


def _optimizer(torch: Any, training: Training, parts: list[Any]) -> Any:
    rule: Any = training.optimizer
    optim, rate = torch.optim, rule.learning_rate
    known = {
        "sgd": lambda: optim.SGD(parts, rate),
        "momentum": lambda: optim.SGD(parts, rate, momentum=rule.momentum),
        "nesterov": lambda: optim.SGD(parts, rate, momentum=rule.momentum, nesterov=rule.momentum > 0),
        "rmsprop": lambda: optim.RMSprop(parts, rate, alpha=rule.decay, eps=rule.epsilon),
        "adagrad": lambda: optim.Adagrad(parts, rate, eps=rule.epsilon),
        "adam": lambda: optim.Adam(parts, rate, betas=(rule.beta1, rule.beta2), eps=rule.epsilon),
        "adamw": lambda: optim.AdamW(
            parts,
            rate,
            betas=(rule.beta1, rule.beta2),
            eps=rule.epsilon,
            weight_decay=rule.weight_decay,
        ),
    }
    return pick(known, name_of(rule), "PyTorch")()


def _unequal(net: Network, training: Training) -> list[str]:
    """What had to be translated for PyTorch."""
    said = []
    if any(layer.activation.name == "softplus" for layer in net.layers):
        said.append(
            "PyTorch's softplus returns z itself beyond z = 20 (2e-9 off); its threshold was set to "
            f"{_SOFTPLUS_THRESHOLD:g}, where the two are equal to rounding"
        )
    if training.clip is not None and training.clip.kind == "norm":
        said.append(
            "PyTorch's clip_grad_norm_ divides by norm + 1e-6; to clip each array alone, as Keras's clipnorm "
            "does, its gradients were divided by the norm"
        )
    name = training.loss.name
    unfused = name == "categorical_crossentropy" and net.output.name != "softmax"
    if name in ("log_cosh", "hinge") or unfused:
        said.append(f"PyTorch has no {name} of an output's value; it was written with PyTorch's functions")
    return said
