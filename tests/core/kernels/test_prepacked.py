"""A prepacked network gives what the network gives, and PyTorch's convolutions serve where loops may not."""

from __future__ import annotations

import copy
from threading import Lock
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.kernels import recorded, use
from genwright.kernels.prepacked import Convolution, Linear, prepacked
from genwright.kernels.spec import distance

X = torch.randn(2, 16, 9, 8, generator=torch.Generator().manual_seed(1))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    shared = nn.Conv2d(32, 32, 3, padding=1)
    return nn.Sequential(
        nn.Conv2d(16, 32, 3, padding=1),
        nn.SiLU(),
        nn.Sequential(shared, nn.Conv2d(32, 32, 3, padding="same", bias=False)),
        shared,
        nn.Conv2d(32, 16, 3, padding=1, stride=2),
    )


def replaced(made: nn.Module) -> list[str]:
    return [name for name, layer in made.named_modules(remove_duplicate=False) if isinstance(layer, Convolution)]


@pytest.fixture
def packed() -> nn.Sequential:
    pytest.importorskip("numba", reason="numba compiles its loops")
    return prepacked(network())


def test_it_gives_what_the_network_gives_in_inference(packed: nn.Sequential) -> None:
    with torch.inference_mode(), recorded() as chosen:
        found = packed(X)
        assert distance(found, network()(X)) < 1e-5
    assert replaced(packed) == ["0", "2.0", "2.1", "3"]
    assert packed[3] is packed[2][0]
    assert chosen == {"convolution": ["numba"]}


def test_the_network_itself_stays_as_it_was(packed: nn.Sequential) -> None:
    given = network()
    made = prepacked(given)
    assert replaced(given) == []
    with torch.no_grad():
        given[0].weight.zero_()
    assert made[0].weight.abs().sum() > 0


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(16, 16, 3),
        nn.Conv2d(16, 16, 1),
        nn.Conv2d(16, 16, 3, padding=1, stride=2),
        nn.Conv2d(16, 16, 3, padding=2, dilation=2),
        nn.Conv2d(16, 16, 3, padding=1, groups=2),
        nn.Conv2d(16, 16, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.Conv2d(16, 8, 3, padding=1),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(16, 16, 3, padding=1)),
        nn.Conv1d(16, 16, 3, padding=1),
    ],
    ids=str,
)
def test_other_layers_stay(layer: nn.Module) -> None:
    given = nn.Sequential(layer)
    assert prepacked(given) is given


def test_a_layer_that_is_watched_stays() -> None:
    watched = nn.Conv2d(16, 16, 3, padding=1)
    watched.register_forward_hook(lambda *given: None)
    assert replaced(prepacked(nn.Sequential(watched))) == []


class Recorder:
    """Sees what passes by; nothing that holds a lock is copied."""

    def __init__(self) -> None:
        self.lock, self.seen = Lock(), 0

    def see(self, *given: Any) -> None:
        self.seen += 1

    def activate(self, x: Tensor) -> Tensor:
        self.see()
        return x.relu()


def test_who_watches_a_network_sees_what_its_copy_does() -> None:
    """Hooks that are methods once became those of a copy of their object, which nobody looked at."""
    root, block, before, outer = (Recorder() for _ in range(4))
    given = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.SiLU()))
    given.register_forward_hook(root.see)
    given[1].register_forward_hook(block.see, with_kwargs=True)
    given[1].register_forward_pre_hook(before.see)
    given[1][1].forward = outer.activate
    made = prepacked(given)
    assert replaced(made) == ["0", "1.0"]
    with torch.inference_mode():
        made(X)
    assert [watching.seen for watching in (root, block, before, outer)] == [1] * 4


class Keeping(nn.Module):
    """Adds what its first layer gave, which a hook of its own keeps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.SiLU())
        self.first.register_forward_hook(self.keep)
        self.kept: Tensor | None = None

    def keep(self, layer: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> None:
        self.kept = found

    def forward(self, x: Tensor) -> Tensor:
        self.first(x)
        return x + self.kept


def test_a_hook_of_a_network_itself_is_one_of_its_copy() -> None:
    given = Keeping()
    made = prepacked(given)
    assert replaced(made) == ["first.0"]
    with torch.inference_mode():
        assert distance(made(X), Keeping()(X)) < 1e-5
    assert given.kept is None


def test_methods_of_a_layer_are_those_of_its_copy() -> None:
    given = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1))
    given[0].again = given[0].extra_repr
    made = prepacked(given)
    assert made[0].again.__self__ is made[0]


def test_a_single_convolution_is_replaced_too() -> None:
    assert isinstance(prepacked(nn.Conv2d(16, 16, 3, padding=1)), Convolution)


@pytest.mark.parametrize("x", [X[0], X[:0], X.double()], ids=["a single image", "no image", "float64"])
def test_pytorch_serves_where_loops_may_not(packed: nn.Sequential, x: Tensor) -> None:
    made = packed.to(x.dtype)
    with torch.inference_mode(), recorded() as chosen:
        assert torch.equal(made(x), network().to(x.dtype)(x))
    assert chosen in ({}, {"convolution": ["reference"]})


def test_gradients_are_those_of_the_network(packed: nn.Sequential) -> None:
    for made in (packed, network()):
        made(X).sum().backward()
    assert packed[0].weight.grad is not None
    with recorded() as chosen:
        assert torch.equal(packed(X), network()(X))
    assert chosen == {"convolution": ["reference"]}


def test_what_is_asked_of_convolutions_is_done() -> None:
    made, given = prepacked(network()), network()
    with torch.inference_mode(), use(convolution="reference"), recorded() as chosen:
        assert torch.equal(made(X), given(X))
    assert chosen == {"convolution": ["reference"]}


def test_linear_layers_multiply_by_packed_weights() -> None:
    layer = nn.Linear(32, 48)
    made, x = prepacked(nn.Sequential(layer)), torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(2))
    assert isinstance(made[0], Linear)
    with torch.inference_mode(), recorded() as chosen:
        assert distance(made(x), layer(x)) < 1e-6
    assert list(chosen) == ["linear"]
    assert len(chosen["linear"]) == 1


LAYERS = {"linear": nn.Linear(16, 32), "convolution": nn.Conv2d(16, 32, 3, padding=1)}
GIVEN = {"linear": X.movedim(1, -1).reshape(-1, 16), "convolution": X}


@pytest.mark.parametrize("operation", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layers_go_by_weights_in_bfloat16_where_autocast_asks_for_it(operation: str, dtype: torch.dtype) -> None:
    layer, x = LAYERS[operation], GIVEN[operation].to(dtype)
    made = prepacked(layer)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        with recorded() as chosen:
            found = made(x)
        assert found.dtype == torch.bfloat16
        assert distance(found, layer(x)) < 1e-2
        assert list(chosen) == [operation]
        with use("reference"):
            assert torch.equal(made(x), layer(x))
    assert made.halved.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("operation", LAYERS)
def test_loops_take_what_autocast_gives(operation: str) -> None:
    pytest.importorskip("numba", reason="numba compiles its loops")
    with (
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16),
        use(**{operation: "numba"}),
    ):
        found = prepacked(LAYERS[operation])(GIVEN[operation])
        assert distance(found, LAYERS[operation](GIVEN[operation])) < 1e-2


@pytest.mark.parametrize("operation", LAYERS)
def test_autocast_to_what_is_not_packed_is_left_to_pytorch(operation: str) -> None:
    layer, x = LAYERS[operation], GIVEN[operation]
    made = prepacked(layer)
    with torch.autocast("cpu", torch.bfloat16):
        made(x).sum().backward()
    with torch.inference_mode(), torch.autocast("cpu", torch.float16):
        assert torch.equal(made(x), layer(x))
    assert made.weight.grad is not None
    assert "halved" not in vars(made)


@pytest.mark.parametrize("operation", LAYERS)
def test_autocast_leaves_float64_as_it_is(operation: str) -> None:
    layer, x = copy.deepcopy(LAYERS[operation]).double(), GIVEN[operation].double()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(prepacked(layer)(x), layer(x))


@pytest.mark.parametrize("shape", [(0, 32), (2, 0, 32), (32,)])
def test_any_number_of_rows_is_multiplied(shape: tuple[int, ...]) -> None:
    made, x = prepacked(nn.Linear(32, 48)), torch.ones(shape)
    with torch.inference_mode():
        assert made(x).shape == (*shape[:-1], 48)


def test_what_cannot_be_copied_draws_as_it_is() -> None:
    given = nn.Sequential(nn.Linear(16, 16))
    given[0].derived = given[0].weight * 2  # PyTorch copies no tensor that was computed from others.
    assert prepacked(given) is given


@pytest.mark.parametrize("layer", [nn.Linear(8, 16), nn.Linear(16, 8), nn.Bilinear(16, 16, 16)], ids=str)
def test_other_matrices_stay(layer: nn.Module) -> None:
    assert prepacked(layer) is layer


def test_a_layer_stays_what_it_was_to_all_who_look_at_it() -> None:
    given = nn.Sequential(nn.Linear(16, 16), nn.Conv2d(16, 16, 3, padding=1))
    made = prepacked(given)
    assert isinstance(made[0], nn.Linear)
    assert isinstance(made[1], nn.Conv2d)
    assert made.state_dict().keys() == given.state_dict().keys()
