"""A model's parameters, copied and put back into its own arrays."""

from __future__ import annotations

import numpy as np
import pytest

import nnscratch as nn
from nnscratch.parameters import check_parameters, copy_parameters, parameters_of, put_back


def model_of(dtype: type = np.float32, outputs: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dense(4, outputs, bias=False, rng=1)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_copy_is_one_and_is_put_back_into_the_same_arrays(dtype: type) -> None:
    model = model_of(dtype)
    arrays = list(parameters_of(model))
    assert [w.shape for w in arrays] == [(3, 4), (4,), (4, 2)]
    kept = copy_parameters(model)
    expected = [w.tobytes() for w in arrays]
    for w in arrays:
        w += 1
    assert [w.tobytes() for w in kept] == expected
    put_back(model, kept)
    assert [w.tobytes() for w in arrays] == expected
    assert all(w is before for w, before in zip(parameters_of(model), arrays, strict=True))
    assert all(w.dtype == dtype for w in kept)


def test_parameters_of_another_model_are_refused_before_any_is_written() -> None:
    model, other = model_of(), model_of(outputs=1)  # the last weights would fit by broadcasting, wrongly
    before = [w.copy() for w in parameters_of(model)]
    with pytest.raises(ValueError, match=r"got parameters of shapes .*\(4, 1\)\], expected .*\(4, 2\)\]; take those"):
        put_back(model, copy_parameters(other))
    with pytest.raises(ValueError, match="got parameters of shapes"):
        put_back(model, before[:2])
    for w, kept in zip(parameters_of(model), before, strict=True):
        np.testing.assert_array_equal(w, kept)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_parameter_that_is_not_finite_is_found(value: float) -> None:
    model = model_of()
    check_parameters(model)
    model.layers[2].params["weight"][1, 1] = value
    with pytest.raises(nn.NotFiniteError, match=r"Dense\(4, 2.*got weight with 1 of 8 values"):
        check_parameters(model)
