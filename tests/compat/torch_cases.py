"""Calls of PyTorch's functions, for tests that compare with what PyTorch itself gives.

``torch_reference.npz`` holds results and gradients of PyTorch 2.13. To read them off another one:

    python tests/compat/torch_cases.py
"""

from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).parent / "torch_reference.npz"
rng = np.random.default_rng(0)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


A, B, M, S, S2, V, C = normal(3, 4), normal(3, 4), normal(4, 5), normal(2, 3, 4), normal(2, 4, 3), normal(4), normal(3, 5)
W, BIAS = normal(5, 4), normal(5)
P, U, Z = np.abs(A) + np.float32(0.3), np.clip(A, -0.9, 0.9), np.float32([-1, 0, 2])
TIES = np.float32([2, 1, 2])
LABELS = [0, 3, 1]

CASES = {}
"""By name: a function of the module and of tensors, and their arrays."""


def case(name, function, *arrays):
    assert name not in CASES
    CASES[name] = function, arrays


def method(name, *arrays, label="", **options):
    case(f"{name}{label}", lambda torch, x, *rest: getattr(x, name)(*rest, **options), *arrays)


for name in [
    "add",
    "sub",
    "mul",
    "div",
    "atan2",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "fmod",
    "remainder",
    "hypot",
    "logaddexp",
    "copysign",
]:
    method(name, A, B)
    method(name, P, V, label=" broadcast")
for name in [
    "abs",
    "neg",
    "sign",
    "floor",
    "ceil",
    "trunc",
    "round",
    "frac",
    "exp",
    "exp2",
    "expm1",
    "sin",
    "cos",
    "tan",
    "tanh",
    "sinh",
    "cosh",
    "asinh",
    "atan",
    "sigmoid",
    "relu",
    "erf",
    "erfc",
]:
    method(name, A)
for name in ["square", "reciprocal", "isnan", "isfinite", "isinf"]:
    method(name, A)
for name in ["log", "log2", "log10", "log1p", "sqrt", "rsqrt", "lgamma", "digamma"]:
    method(name, P)
for name in ["asin", "acos", "atanh"]:
    method(name, U)
for name in ["eq", "ne", "lt", "le", "gt", "ge"]:
    method(name, A, B)
for name in ["sum", "mean", "amax", "amin", "var", "std", "norm"]:
    method(name, A)
    method(name, A, label=" along one", dim=1, keepdim=True)
    method(name, S, label=" along two", dim=(0, -1))
for exponent in (0, 1, 2, 3, 4, 0.5, 1.7, -0.5, -1, -2):
    case(f"pow {exponent}", lambda torch, x, exponent=exponent: x**exponent, P)

method("pow", P, B)
method("acosh", P + 1)
method("prod", A)
method("prod", A, label=" along one", dim=1)
method("logsumexp", A, dim=1)
method("cumsum", A, dim=1)
method("cumprod", A, dim=1)
method("softmax", A, dim=1)
method("log_softmax", A, dim=-1)
method("max", A)
method("max", TIES, label=" ties")
method("amax", TIES, label=" ties")
method("argmax", A)
method("argmin", A, label=" along one", dim=1, keepdim=True)
method("argsort", A, dim=1)
method("lerp", A, B, weight=0.3)
method("addcmul", A, B, B, value=0.5)
method("addcdiv", A, B, P, value=0.5)
method("mm", A, M)
method("matmul", A, M)
method("matmul", A, V, label=" vector")
method("matmul", V, M, label=" from vector")
method("matmul", S, M, label=" stack")
method("bmm", S, S2)
method("mv", A, V)
method("dot", V, 2 * V)
method("outer", V, V[:3])
method("addmm", C, A, M, beta=0.5, alpha=2)
method("clamp", Z, label=" at a bound", min=0)
method("clamp", Z, label=" at both bounds", min=-1, max=2)
method("clamp", A, label=" above", max=0.2)
method("relu", Z, label=" at 0")
method("abs", Z, label=" at 0")
method("std", np.ones(3, np.float32), label=" of equal values")

case("max along one", lambda torch, x: x.max(1).values, A)
case("min along one", lambda torch, x: x.min(0)[0], A)
case("maximum tie", lambda torch, x: torch.maximum(x, torch.zeros(3)), Z)
case("pow 0 at 0", lambda torch, x: x**0, Z)
case("2 ** x", lambda torch, x: 2.0**x, A)
case("2 - x", lambda torch, x: 2 - x, A)
case("2 / x", lambda torch, x: 2 / x, A)
case("clamp by tensors", lambda torch, x, y: x.clamp(y, y + 0.5), A, B)
case("clamp by a tensor", lambda torch, x, y: x.clamp(min=y), A, B)
case("einsum", lambda torch, x, y: torch.einsum("bij,bjk->bik", x, y), S, S2)
case("view", lambda torch, x: x.view(2, -1), A)
case("t", lambda torch, x: x.t() * 2, A)
case("T", lambda torch, x: x.T + 1, A)
case("permute", lambda torch, x: x.permute(2, 0, 1).contiguous(), S)
case("squeeze", lambda torch, x: x.unsqueeze(1).squeeze(), A)
case("flatten", lambda torch, x: x.flatten(1), S)
case("expand", lambda torch, x: x.expand(3, 4), V)
case("repeat", lambda torch, x: x.repeat(2, 3), A)
case("x[1:, ::2]", lambda torch, x: x[1:, ::2], A)
case("x[1]", lambda torch, x: x[1], A)
case("x[None, ..., 1]", lambda torch, x: x[None, ..., 1], A)
case("x[tensor]", lambda torch, x: x[torch.tensor([2, 0, 2])], A)
case("x[tensors]", lambda torch, x: x[torch.tensor([2, 0, -1]), torch.tensor([1, 1, 3])], A)
case("x[:, tensor]", lambda torch, x: x[:, torch.tensor([2, 0, -2])], A)
case("x[mask]", lambda torch, x: x[x > 0], A)
case("masked_select", lambda torch, x: torch.masked_select(x, x > 0), A)
case("where", lambda torch, x, y: torch.where(x > 0, x, y), A, B)
case("where number", lambda torch, x: torch.where(x > 0, x, 0.0), A)
case("masked_fill", lambda torch, x: x.masked_fill(x > 0, -5.0), A)
case("cat", lambda torch, x, y: torch.cat([x, y], 1), A, B)
case("stack", lambda torch, x, y: torch.stack([x, y], -1), A, B)
case("chunk", lambda torch, x: torch.chunk(x, 2, 1)[1], A)
case("split", lambda torch, x: torch.split(x, [1, 2])[1], A)
case("narrow", lambda torch, x: x.narrow(1, 1, 2), A)
case("unbind", lambda torch, x: x.unbind(1)[2], A)
case("flip", lambda torch, x: torch.flip(x, [0, 1]), A)
case("roll", lambda torch, x: torch.roll(x, 1, 1), A)
case("tril", lambda torch, x: torch.tril(x), A)
case("triu", lambda torch, x: torch.triu(x, 1), A)
case("diag", lambda torch, x: torch.diag(x), V)
case("diagonal", lambda torch, x: torch.diagonal(x, 1), A)
case("gather", lambda torch, x: torch.gather(x, 1, torch.tensor([[0, 1], [2, 3], [1, 1]])), A)
case("index_select", lambda torch, x: torch.index_select(x, 1, torch.tensor([0, 0, 3])), A)
case("sort", lambda torch, x: torch.sort(x, 1)[0], A)
case("sort descending", lambda torch, x: torch.sort(x, 1, descending=True)[0], A)
case("any", lambda torch, x: (x > 0).any(1), A)
case("all", lambda torch, x: (x > -9).all(), A)
case("isclose", lambda torch, x, y: torch.isclose(x, y), A, A + np.float32(1e-7))
case("in place", lambda torch, x: (x * 2).add_(1).mul_(x), A)
case("clamp_", lambda torch, x: (x * 2).clamp_(min=0), A)


def assigned(torch, x, y):
    out = x * 1.0
    out[1] = y
    out[:, torch.tensor([0, 2])] = 7.0
    return out * out


case("x[i] = y", assigned, A, V)

# dtypes

case("int / int", lambda torch: torch.tensor([3, 4]) / torch.tensor([2, 3]))
case("int * float", lambda torch: torch.tensor([3, 4]) * 1.5)
case("int + float tensor", lambda torch: torch.tensor([1, 2]) + torch.ones(2))
case("int64 + int32", lambda torch: torch.tensor([1, 2]) + torch.tensor([1, 2], dtype=torch.int32))
case("uint8 + int8", lambda torch: torch.tensor([1, 2], dtype=torch.uint8) + torch.tensor([1, 2], dtype=torch.int8))
case("bool + int", lambda torch: torch.tensor([True]) + 1)
case("float64 scalar * float32", lambda torch: torch.tensor(2.0, dtype=torch.float64) * torch.ones(2))
case("sum of bools", lambda torch: torch.tensor([True, False]).sum())
case("sqrt of int", lambda torch: torch.tensor([4, 9]).sqrt())
case("-7 // 2", lambda torch: torch.tensor([-7, 7]) // 2)
case("-7 % 3", lambda torch: torch.tensor([-7.0, 7.0]) % 3)
case("div trunc", lambda torch: torch.div(torch.tensor([-7, 7]), torch.tensor([2, 2]), rounding_mode="trunc"))
case("~", lambda torch: ~torch.tensor([True, False]))
case("&", lambda torch: torch.tensor([5]) & torch.tensor([4]))
case("arange", lambda torch: torch.arange(5))
case("arange of floats", lambda torch: torch.arange(0, 1, 0.25))
case("eye", lambda torch: torch.eye(2, 3))
case("linspace", lambda torch: torch.linspace(0, 1, 5))
case("full of ints", lambda torch: torch.full((2,), 3))

# torch.nn.functional


def functional(name, *arrays, label="", **options):
    case(f"F.{name}{label}", lambda torch, *xs: getattr(torch.nn.functional, name)(*xs, **options), *arrays)


for name in ["gelu", "silu", "softplus", "logsigmoid", "leaky_relu", "elu"]:
    functional(name, A)
functional("gelu", A, label=" tanh", approximate="tanh")
functional("linear", A, W, BIAS)
functional("linear", S, W, label=" of a stack")
functional("layer_norm", S, normalized_shape=(4,))
for reduction in ("mean", "sum", "none"):
    chosen = {"label": f" {reduction}", "reduction": reduction}
    functional("mse_loss", A, B, **chosen)
    functional("l1_loss", A, B, **chosen)

    def loss(name, options, x, torch, reduction=reduction, **more):
        return getattr(torch.nn.functional, name)(x, torch.tensor(LABELS), reduction=reduction, **options, **more)

    case(f"cross_entropy {reduction}", lambda torch, x, f=loss: f("cross_entropy", {}, x, torch), A)
    case(f"nll_loss {reduction}", lambda torch, x, f=loss: f("nll_loss", {}, x.log_softmax(1), torch), A)
    case(f"cross_entropy ignored {reduction}", lambda torch, x, f=loss: f("cross_entropy", {"ignore_index": 3}, x, torch), A)
    case(f"cross_entropy smooth {reduction}", lambda torch, x, f=loss: f("cross_entropy", {"label_smoothing": 0.1}, x, torch), A)
    case(
        f"cross_entropy weighted {reduction}",
        lambda torch, x, w, f=loss: f("cross_entropy", {}, x, torch, weight=w.abs().detach()),
        A,
        V,
    )
    case(
        f"cross_entropy of probabilities {reduction}",
        lambda torch, x, y, r=reduction: torch.nn.functional.cross_entropy(x, y.softmax(1), reduction=r),
        A,
        B,
    )
    case(
        f"binary_cross_entropy {reduction}",
        lambda torch, x, y, r=reduction: torch.nn.functional.binary_cross_entropy(x.sigmoid(), y.sigmoid().detach(), reduction=r),
        A,
        B,
    )
    case(
        f"binary_cross_entropy_with_logits {reduction}",
        lambda torch, x, y, r=reduction: torch.nn.functional.binary_cross_entropy_with_logits(x, y.sigmoid(), reduction=r),
        A,
        B,
    )
case(
    "cross_entropy of a stack",
    lambda torch, x: torch.nn.functional.cross_entropy(x, torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]])),
    S,
)
case("cross_entropy of a vector", lambda torch, x: torch.nn.functional.cross_entropy(x, torch.tensor(2)), V)
case("one_hot", lambda torch: torch.nn.functional.one_hot(torch.tensor([0, 2]), 3))


def weights(shape):
    """The cotangent of a result of this shape."""
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def evaluated(torch, name):
    """The result of a case and the gradients by its tensors, None where there is none."""
    function, arrays = CASES[name]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = function(torch, *tensors)
    if out.requires_grad:
        out.backward(torch.tensor(weights(tuple(out.shape))))
    return out.detach(), [t.grad for t in tensors]


def curvature(torch, name):
    """Derivatives of the sum of squares of the gradients, in float64; None where there is none."""
    function, arrays = CASES[name]
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
    out = function(torch, *tensors)
    if not out.requires_grad:
        return [None] * len(tensors)
    grads = torch.autograd.grad(
        (out * torch.tensor(weights(tuple(out.shape)))).sum(), tensors, create_graph=True, allow_unused=True
    )
    total = sum((g * g).sum() for g in grads if g is not None)
    if not total.requires_grad:
        return [None] * len(tensors)
    return torch.autograd.grad(total, tensors, allow_unused=True)


# optimizers: a small network, six steps

INPUTS, TARGETS = normal(20, 5), normal(20, 1)
START = {"w1": normal(5, 8), "b": np.zeros(8, np.float32), "w2": normal(8, 1)}
RATES = [0.1, 0.05, 0.02, 0.01, 0.01, 0.02]
OPTIMIZERS = {
    "SGD": lambda optim, p: optim.SGD(p, lr=0.1),
    "SGD with momentum": lambda optim, p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "SGD of Nesterov": lambda optim, p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda optim, p: optim.Adam(p, lr=0.05),
    "Adam with decay": lambda optim, p: optim.Adam(p, lr=0.05, weight_decay=0.1, betas=(0.8, 0.9), eps=1e-3),
    "AdamW": lambda optim, p: optim.AdamW(p, lr=0.05),
    "RMSprop": lambda optim, p: optim.RMSprop(p, lr=0.01),
    "RMSprop centered": lambda optim, p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "Adagrad": lambda optim, p: optim.Adagrad(p, lr=0.1),
    "Adagrad with decay": lambda optim, p: optim.Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.2),
    "groups": lambda optim, p: optim.Adam([{"params": p[:1], "lr": 0.01}, {"params": p[1:]}], lr=0.1),
}


def trained(torch, name, rates=(), compile=lambda function: function, set_to_none=True):
    """Losses, weights and the step after six steps with an optimizer; with ``rates``, another learning rate in each."""
    w1, b, w2 = (torch.tensor(a, requires_grad=True) for a in START.values())
    optimizer = OPTIMIZERS[name](torch.optim, [w1, b, w2])
    x, y = torch.tensor(INPUTS), torch.tensor(TARGETS)

    def step(x, y):
        loss = ((x.mm(w1) + b).relu().mm(w2) - y).pow(2).mean()
        optimizer.zero_grad(set_to_none=set_to_none)
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = compile(step)
    losses = []
    for rate in rates or [None] * 6:
        if rate is not None:
            optimizer.param_groups[0]["lr"] = rate
        losses.append(float(step(x, y)))
    return np.array(losses), [w.detach().numpy() for w in (w1, b, w2)], step


def reference():
    """What PyTorch gave, flat: results by name, gradients by ``name/i``, second derivatives by ``name//i``."""
    with np.load(REFERENCE) as file:
        parts = np.split(file["values"], np.cumsum(file["lengths"])[:-1])
        return dict(zip(file["names"].tolist(), parts, strict=True))


def main():
    import torch

    found = {}
    for name in CASES:
        out, grads = evaluated(torch, name)
        found[name] = out.numpy()
        found |= {f"{name}/{i}": g.numpy() for i, g in enumerate(grads) if g is not None}
        second = curvature(torch, name)
        found |= {f"{name}//{i}": g.numpy(force=True) for i, g in enumerate(second) if g is not None}
    for name in OPTIMIZERS:
        for label, rates in (("", ()), (" scheduled", RATES)):
            losses, ends, _ = trained(torch, name, rates)
            found[f"{name}{label}"] = losses
            found |= {f"{name}{label}/{i}": end for i, end in enumerate(ends)}
    lengths = [array.size for array in found.values()]
    values = np.concatenate([np.ravel(array).astype(np.float64) for array in found.values()])
    np.savez_compressed(REFERENCE, names=list(found), lengths=lengths, values=values)
    print(f"{len(CASES)} cases of PyTorch {torch.__version__}: {REFERENCE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
