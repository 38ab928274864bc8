"""The same weights, the same answers, in PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnscratch as nn

torch = pytest.importorskip("torch")


def twins() -> tuple[nn.Sequential, torch.nn.Sequential]:
    """(N, 13, 15, 3) here, (N, 3, 13, 15) there -> (N, 6)."""
    ours = nn.Sequential(
        nn.Conv2D(3, 8, (3, 5), stride=(1, 2), padding=(2, 1), rng=0),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Conv2D(8, 4, 2, padding=1, bias=False, rng=1),
        nn.Sigmoid(),
        nn.AveragePool2D(2),
        nn.Flatten(),
        nn.Dropout(0.5, rng=0),
        nn.Dense(4 * 2 * 4, 10, rng=2),
        nn.Tanh(),
        nn.Dense(10, 6, rng=3),
    )
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, (3, 5), stride=(1, 2), padding=(2, 1)),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 4, 2, padding=1, bias=False),
        torch.nn.Sigmoid(),
        torch.nn.AvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(32, 10),
        torch.nn.Tanh(),
        torch.nn.Linear(10, 6),
    )
    return ours, theirs.eval()


def same_answers(ours: nn.Sequential, theirs: torch.nn.Module) -> None:
    x = np.random.default_rng(0).standard_normal((7, 13, 15, 3)).astype(ours.parameters()[0].dtype)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))).numpy()
    np.testing.assert_allclose(ours.predict(x), expected, rtol=1e-5, atol=1e-6)


def test_from_pytorch() -> None:
    ours, theirs = twins()
    nn.load_state_dict(ours, theirs.state_dict())
    same_answers(ours, theirs)
    nn.load_state_dict(ours, dict(theirs.named_parameters()))  # these require gradients
    same_answers(ours, theirs)


def test_to_pytorch() -> None:
    ours, theirs = twins()
    ours = ours.astype(np.float64)
    theirs.double().load_state_dict({name: torch.from_numpy(value) for name, value in nn.state_dict(ours).items()})
    same_answers(ours, theirs)


def test_a_module_with_names_of_its_own() -> None:
    ours, theirs = twins()

    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features, self.head = theirs[:6], theirs[6:]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.features(x))

    named = Named()
    with pytest.raises(ValueError, match=r"got no tensor '0.weight' among 7, .*in_order=True"):
        nn.load_state_dict(ours, named.state_dict())
    nn.load_state_dict(ours, named.state_dict(), in_order=True)
    same_answers(ours, named)


def test_through_a_safetensors_file(tmp_path: Path) -> None:
    of_torch, of_numpy = (pytest.importorskip(f"safetensors.{name}") for name in ("torch", "numpy"))
    ours, theirs = twins()
    of_torch.save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    nn.load_state_dict(ours, of_numpy.load_file(tmp_path / "theirs.safetensors"))
    same_answers(ours, theirs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensor: tensor.bfloat16(), r"got '10.bias', torch.bfloat16 cpu, which NumPy cannot read .*float"),
        (lambda tensor: tensor.half(), r"got '10.bias' of dtype float16, shape \(6,\), expected float32"),
        (lambda tensor: tensor.to("meta"), r"got '10.bias', torch.float32 meta, which NumPy cannot read"),
        (lambda tensor: tensor[:, None], r"got '10.bias' of shape \(6, 1\), expected \(6,\)"),
    ],
)
def test_tensors_that_do_not_fit(change: object, message: str) -> None:
    ours, theirs = twins()
    before = ours.copy_parameters()
    tensors = dict(theirs.state_dict())
    tensors["10.bias"] = change(tensors["10.bias"])  # type: ignore[operator]
    with pytest.raises(ValueError, match=f"^load_state_dict: {message}") as error:
        nn.load_state_dict(ours, tensors)
    assert "\n" not in str(error.value)
    for kept, now in zip(before, ours.parameters(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_a_module_in_place_of_its_tensors() -> None:
    ours, theirs = twins()
    with pytest.raises(ValueError, match=r"got tensors of type Sequential, expected a dict .*state_dict\(\)"):
        nn.load_state_dict(ours, theirs)
