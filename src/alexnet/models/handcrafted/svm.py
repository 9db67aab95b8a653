"""The machines on top of hand-crafted features, as tensors: they predict, and can be saved and restored. Independent of solvers."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from alexnet.errors import BadModel
from alexnet.models.handcrafted.kernel_maps import Chi2Map, NystroemMap
from alexnet.models.handcrafted.kernels import KERNELS, kernel_matrix

Spec = dict[str, str | int | float]

LARGEST = 1 << 40  # numbers in one tensor of a machine
AHEAD = 1e-3  # votes by which the answer leads at least where votes are graded
UNSEEN = -1.0  # the score of a class without training images, below all others, which are at least -1/3


class LinearMachine(nn.Module):
    """scores = map(features) @ weights + bias; weights: (D, classes), bias: (classes,); D is the length of the mapped features."""

    weights: Tensor
    bias: Tensor

    def __init__(self, weights: Tensor, bias: Tensor, feature_map: Chi2Map | NystroemMap | None = None) -> None:
        super().__init__()
        self.feature_map = feature_map
        self.register_buffer("weights", weights)
        self.register_buffer("bias", bias)

    def forward(self, features: Tensor) -> Tensor:
        mapped = features if self.feature_map is None else self.feature_map(features)
        return torch.addmm(self.bias, mapped, self.weights)

    def spec(self) -> Spec:
        """What `machine_from` needs besides the tensors."""
        dimensions, classes = self.weights.shape
        found: Spec = {"kind": "linear", "dimensions": dimensions, "classes": classes, "map": "none"}
        if isinstance(self.feature_map, Chi2Map):
            found["map"] = "chi2"
        elif isinstance(self.feature_map, NystroemMap):
            inputs, kernel, gamma = self.feature_map.components.shape[1], self.feature_map.kernel, self.feature_map.gamma
            found |= {"map": "nystroem", "inputs": inputs, "kernel": kernel, "gamma": gamma}
        return found

    @property
    def macs(self) -> int:
        """Multiply-accumulates per image; a Nystroem map adds those of its kernel (one per value) and of its matrix."""
        within = 0
        if isinstance(self.feature_map, NystroemMap):
            within = self.feature_map.components.numel() + self.feature_map.normalisation.numel()
        return self.weights.numel() + within


class KernelMachine(nn.Module):
    """libsvm's one-against-one machine: each pair of classes votes for one of them, and the sums of the margins break ties.

    support: (S, D); coefficients: (S, pairs); intercepts: (pairs,); pairs in the order (0, 1), (0, 2), ... of the classes in `seen`, those
    with training images. scale multiplies the scores. With a sharpness of 0, votes are whole, and scores are those of scikit-learn's
    SVC(decision_function_shape="ovr"), with two columns for two classes; above 0, a vote is divided between the two classes of its pair by
    the logistic function of sharpness x margin, which changes no answer.
    """

    support: Tensor
    coefficients: Tensor
    intercepts: Tensor
    seen: Tensor
    scale: Tensor

    def __init__(
        self,
        support: Tensor,
        coefficients: Tensor,
        intercepts: Tensor,
        seen: Tensor,
        scale: Tensor,
        *,
        kernel: str,
        gamma: float,
        classes: int,
    ) -> None:
        super().__init__()
        self.kernel, self.gamma, self.classes = kernel, gamma, classes
        self.sharpness = 0.0
        tensors = {"support": support, "coefficients": coefficients, "intercepts": intercepts, "seen": seen, "scale": scale}
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)
        first, second = torch.triu_indices(len(seen), len(seen), 1)
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)

    first: Tensor
    second: Tensor

    def forward(self, features: Tensor) -> Tensor:
        margins = self.margins(features)
        votes = self.graded_votes(margins, self.sharpness) if self.sharpness else self.votes(margins)
        return votes * self.scale

    def margins(self, features: Tensor) -> Tensor:
        """(N, D) -> (N, pairs), positive for the first class of a pair."""
        return kernel_matrix(self.kernel, features, self.support, self.gamma) @ self.coefficients + self.intercepts

    def votes(self, margins: Tensor) -> Tensor:
        """Margins (N, pairs), positive for the first class of a pair -> (N, classes): votes, plus a confidence below a third of a vote."""
        wins = (margins >= 0).to(margins.dtype)
        votes, sums = margins.new_zeros(len(margins), len(self.seen)), margins.new_zeros(len(margins), len(self.seen))
        votes.index_add_(1, self.first, wins).index_add_(1, self.second, 1 - wins)
        sums.index_add_(1, self.first, margins).index_add_(1, self.second, -margins)
        scores = margins.new_full((len(margins), self.classes), UNSEEN)
        return scores.index_copy_(1, self.seen, votes + sums / (3 * (sums.abs() + 1)))

    def graded_votes(self, margins: Tensor, sharpness: float) -> Tensor:
        """Margins (N, pairs) -> (N, classes): each pair's vote, divided between its classes; the answer stays that of the whole votes."""
        share = torch.sigmoid(sharpness * margins)
        votes = margins.new_zeros(len(margins), len(self.seen))
        votes.index_add_(1, self.first, share).index_add_(1, self.second, 1 - share)
        scores = margins.new_full((len(margins), self.classes), UNSEEN).index_copy_(1, self.seen, votes)
        answer = self.votes(margins).argmax(1, keepdim=True)
        others = scores.scatter(1, answer, UNSEEN).amax(1, keepdim=True)
        return scores.scatter(1, answer, torch.maximum(scores.gather(1, answer), others + AHEAD))

    def spec(self) -> Spec:
        """What `machine_from` needs besides the tensors."""
        support, inputs = self.support.shape
        counts: Spec = {"kind": "kernel", "support": support, "inputs": inputs, "seen": len(self.seen), "classes": self.classes}
        return counts | {"kernel": self.kernel, "gamma": self.gamma, "sharpness": self.sharpness}

    @property
    def macs(self) -> int:
        """Multiply-accumulates per image: the kernel's (one per value of a support vector) and the coefficients'."""
        return self.support.numel() + self.coefficients.numel()


def operations(machine: nn.Module) -> int:
    """The multiply-accumulates per image of a machine."""
    return int(getattr(machine, "macs", 0))


def machine_from(state: Mapping[str, Tensor], spec: Mapping[str, object]) -> LinearMachine | KernelMachine:
    """The machine with this spec and these tensors; raises BadModel, with the difference, if they do not fit."""
    machine = _linear(spec) if _choice(spec, "kind", ("linear", "kernel")) == "linear" else _kernel(spec)
    _check_fit(machine.state_dict(), state)
    machine.load_state_dict(dict(state), assign=True)
    if isinstance(machine, KernelMachine):
        _check_seen(machine)
        machine.first, machine.second = torch.triu_indices(len(machine.seen), len(machine.seen), 1, device=machine.seen.device)
    return machine


def _linear(spec: Mapping[str, object]) -> LinearMachine:
    dimensions, classes = _count(spec, "dimensions"), _count(spec, "classes")
    kind = _choice(spec, "map", ("none", "chi2", "nystroem"))
    feature_map: Chi2Map | NystroemMap | None = Chi2Map() if kind == "chi2" else None
    if kind == "nystroem":
        components, normalisation = _empty(dimensions, _count(spec, "inputs")), _empty(dimensions, dimensions)
        feature_map = NystroemMap(components, normalisation, kernel=_choice(spec, "kernel", KERNELS), gamma=_gamma(spec))
    return LinearMachine(_empty(dimensions, classes), _empty(classes), feature_map)


def _kernel(spec: Mapping[str, object]) -> KernelMachine:
    support, inputs, seen, classes = (_count(spec, name) for name in ("support", "inputs", "seen", "classes"))
    if seen < 2 or seen > min(classes, 10_000):
        raise BadModel(f"The machine's spec has {seen} of {classes} classes with training images; it must be 2 to {min(classes, 10_000)}.")
    pairs = seen * (seen - 1) // 2
    tensors = _empty(support, inputs), _empty(support, pairs), _empty(pairs), torch.empty(seen, dtype=torch.int64, device="meta"), _empty()
    chosen = _choice(spec, "kernel", KERNELS)
    machine = KernelMachine(*tensors, kernel=chosen, gamma=_gamma(spec), classes=classes)
    machine.sharpness = _sharpness(spec)
    return machine


def _empty(*shape: int) -> Tensor:
    if math.prod(shape) > LARGEST:
        raise BadModel(
            f"The machine's spec has a tensor of {' x '.join(map(str, shape))} numbers; a machine cannot be so large. Copy the run again."
        )
    return torch.empty(shape, device="meta")  # a shape without memory


def _choice(spec: Mapping[str, object], name: str, known: tuple[str, ...]) -> str:
    value = spec.get(name)
    if not isinstance(value, str) or value not in known:
        raise BadModel(f"The machine's spec has {name} {value!r}; it can be {', '.join(map(repr, known))}.")
    return value


def _count(spec: Mapping[str, object], name: str) -> int:
    value = spec.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST:
        raise BadModel(f"The machine's spec has {name} {value!r}; it must be a whole number of at least 1.")
    return value


def _gamma(spec: Mapping[str, object]) -> float:
    value = spec.get("gamma")
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise BadModel(f"The machine's spec has gamma {value!r}; it must be a number above 0.")
    return float(value)


def _sharpness(spec: Mapping[str, object]) -> float:
    value = spec.get("sharpness", 0.0)  # earlier versions had whole votes
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise BadModel(f"The machine's spec has sharpness {value!r}; it must be a number of 0 or more.")
    return float(value)


def _check_fit(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    missing, unknown = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    lines = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(unknown)}"] * bool(unknown)
    for name in sorted(expected.keys() & tensors.keys()):
        needed, tensor = expected[name], tensors[name]
        if needed.shape != tensor.shape:
            lines.append(f"{name} is {tuple(tensor.shape)}, needs {tuple(needed.shape)}")
        elif needed.is_floating_point() != tensor.is_floating_point():
            lines.append(f"{name} holds {tensor.dtype}, needs {needed.dtype}")
    if lines:
        raise BadModel("The tensors do not fit the machine's spec:\n  " + "\n  ".join(lines))


def _check_seen(machine: KernelMachine) -> None:
    seen = machine.seen
    if seen.dtype != torch.int64 or bool((seen < 0).any()) or bool((seen >= machine.classes).any()) or len(seen.unique()) != len(seen):
        raise BadModel(f"The machine's tensor 'seen' must hold different class numbers below {machine.classes}. Copy the run again.")
