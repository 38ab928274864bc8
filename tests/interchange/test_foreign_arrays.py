"""Arrays of other libraries, without these libraries: what they promise is imitated."""

from __future__ import annotations

import numpy as np
import pytest

from nnscratch.interchange.foreign_arrays import as_array


class Tensor:
    """As torch's: NumPy reads it after `detach` alone, and not from a GPU."""

    def __init__(self, values: list[float], device: str = "cpu", needs_gradient: bool = True) -> None:
        self.values, self.device, self.needs_gradient, self.dtype = values, device, needs_gradient, "torch.float32"

    def detach(self) -> Tensor:
        return Tensor(self.values, self.device, needs_gradient=False)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        if self.needs_gradient:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.device != "cpu":
            raise TypeError("can't convert cuda:0 device type tensor to numpy.\nUse Tensor.cpu().")
        return np.array(self.values, np.float32)


def test_arrays_and_tensors() -> None:
    x = np.arange(3.0)
    assert as_array("load", "x", x) is x
    np.testing.assert_array_equal(as_array("load", "x", Tensor([1.0, 2.0])), np.float32([1, 2]))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0], "load: got 'x' of type list, expected a NumPy array or a torch tensor; use np.asarray"),
        (None, "load: got 'x' of type NoneType, expected"),
        (
            Tensor([1.0], "cuda:0"),
            "load: got 'x', torch.float32 cuda:0, which NumPy cannot read .can't convert cuda:0 device type tensor to "
            "numpy.., expected a tensor of float32 or float64 on the CPU; use tensor.float...cpu",
        ),
    ],
)
def test_anything_else_is_said(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        as_array("load", "x", value)
    assert "\n" not in str(error.value)
