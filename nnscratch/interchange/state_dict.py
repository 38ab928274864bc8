"""The weights of a network as PyTorch keeps them: a dict from names to arrays, in its layout.

What differs between the two:

    Conv2D, weight    (k_h, k_w, c_in, c_out) here,  (c_out, c_in, k_h, k_w) there
    Dense, weight     (n_in, n_out) here,            (n_out, n_in) there
    Dense behind a Flatten: its rows also change their order, because pictures are (N, H, W, C)
    here and (N, C, H, W) there. Number (h*W + w)*C + c of a flattened picture here is number
    c*H*W + h*W + w there. To reorder, C is all that one must know.

Names are those of a torch.nn.Sequential with the same layers: "0.weight" is layer 0's weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnscratch.checks import check_finite, flag
from nnscratch.interchange.foreign_arrays import as_array
from nnscratch.layers import BY_NAME, Conv2D, Dense, Flatten, Layer
from nnscratch.layers.parameters import checked_parameters
from nnscratch.messages import shown
from nnscratch.model import Sequential


def state_dict(model: Sequential, *, input_shape: tuple[int, ...] | None = None) -> dict[str, np.ndarray]:
    """The network's weights under PyTorch's names and in PyTorch's layout, as copies.

    Returns name -> array, contiguous, in the order of the layers and in the network's dtype. A
    torch.nn.Sequential of the same layers takes it by `load_state_dict`, each array through
    torch.from_numpy; `safetensors.numpy.save_file` writes it to a file. Layers without parameters,
    such as `ContrastNormalization`, add nothing and count for the names. What a layer of your own
    keeps in `params` stays in its layout.

    input_shape : of one x without N, such as (96, 96, 1). It is needed if a Flatten comes before
        any convolution, or behind a layer of your own: what it flattens cannot be told then. None
        stands for the shape of the last forward pass

    Raises
        ValueError : no Sequential; the layers do not fit each other or input_shape; input_shape is
            needed, and neither given nor known from a forward pass

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Conv2D(1, 8, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Dense(128, 5))
    >>> {name: array.shape for name, array in state_dict(model).items()}
    {'0.weight': (8, 1, 3, 3), '0.bias': (8,), '3.weight': (5, 128), '3.bias': (5,)}
    """
    entries = _entries("state_dict", model, input_shape)
    return {entry.name: np.array(entry.to_torch(), order="C") for entry in entries}


def load_state_dict(
    model: Sequential,
    tensors: Mapping[str, Any],
    *,
    input_shape: tuple[int, ...] | None = None,
    in_order: bool = False,
) -> None:
    """Puts weights in PyTorch's layout into the network: all of them, or none.

    They are written into the network's own arrays, so that optimizers stay theirs; frozen layers
    get theirs, too. An error leaves the network as it was.

    tensors     : name -> NumPy array or torch tensor, of the network's dtype: `state_dict()` of a
        torch module, what `safetensors.numpy.load_file` gives, or what `nnscratch.state_dict` gave
    input_shape : as for `state_dict`
    in_order    : take the tensors in their order, whatever their names: the first is layer 0's
        weight. For a torch module with names of its own. A safetensors file sorts its tensors:
        rename those instead

    Raises
        ValueError : names the first tensor that is missing, is too much, or is of another shape or
            dtype, with the expected one; two tensors differ whose arrays are one in the network;
            as `state_dict`
        NotFiniteError : a tensor holds NaN or infinity

    >>> import nnscratch as nn
    >>> model = nn.Sequential(nn.Dense(3, 2, rng=0))
    >>> weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    >>> load_state_dict(model, {"0.weight": weight, "0.bias": np.ones(2, np.float32)})
    >>> model.forward(np.array([[1, 0, 0]], np.float32))
    array([[1., 4.]], dtype=float32)
    >>> load_state_dict(model, {"0.weight": weight.T, "0.bias": np.ones(2, np.float32)})
    Traceback (most recent call last):
    ValueError: load_state_dict: got '0.weight' of shape (3, 2), expected (2, 3), PyTorch's for
    Dense(3, 2); this is nnscratch's layout: transpose it
    """
    where = "load_state_dict"
    entries = list(_entries(where, model, input_shape))
    chosen = _chosen(entries, tensors, flag(where, "in_order", in_order))
    arrays = [
        entry.from_torch(_checked(entry, name, tensors[name])) for entry, name in zip(entries, chosen, strict=True)
    ]
    _put(model, entries, arrays)


@dataclass(frozen=True)
class _Entry:
    """One parameter of a network.

    name     : "0.weight"
    layer    : whose parameter it is
    array    : the layer's own
    channels : C, if the layer is a Dense and its rows are the numbers of a flattened picture; or 1
    """

    name: str
    layer: Layer
    array: np.ndarray
    channels: int

    @property
    def shape(self) -> tuple[int, ...]:
        """In PyTorch's layout."""
        return self.to_torch().shape

    def to_torch(self) -> np.ndarray:
        if self._is_weight_of(Conv2D):
            return self.array.transpose(3, 2, 0, 1)  # kh kw in out -> out in kh kw
        if self._is_weight_of(Dense):
            n_in, n_out = self.array.shape
            return self.array.reshape(-1, self.channels, n_out).transpose(2, 1, 0).reshape(n_out, n_in)
        return self.array

    def from_torch(self, tensor: np.ndarray) -> np.ndarray:
        if self._is_weight_of(Conv2D):
            return tensor.transpose(2, 3, 1, 0)  # out in kh kw -> kh kw in out
        if self._is_weight_of(Dense):
            n_in, n_out = self.array.shape
            return tensor.reshape(n_out, self.channels, -1).transpose(2, 1, 0).reshape(n_in, n_out)
        return tensor

    def _is_weight_of(self, kind: type[Layer]) -> bool:
        return isinstance(self.layer, kind) and self.name.endswith(".weight")


def check_sequential(where: str, model: object) -> None:
    """Stops what is no `Sequential`; ValueError."""
    if not isinstance(model, Sequential):
        raise ValueError(
            f"{where}: got a model of type {type(model).__name__}, expected an nnscratch.Sequential; put a single "
            "layer into one"
        )


def _entries(where: str, model: Sequential, input_shape: tuple[int, ...] | None) -> Iterator[_Entry]:
    check_sequential(where, model)
    channels = _flattened_channels(where, model, input_shape)
    for i, layer in enumerate(model.layers):
        if isinstance(layer, Dense | Conv2D):
            _check_parameters(layer)
        for name, array in layer.params.items():
            yield _Entry(f"{i}.{name}", layer, array, channels.get(i, 1))


def _check_parameters(layer: Dense | Conv2D) -> None:
    """Anybody may have replaced them; ValueError if they do not fit the layer's sizes."""
    sizes = (layer.n_in, layer.n_out) if isinstance(layer, Dense) else (*layer.kernel_size, layer.c_in, layer.c_out)
    checked_parameters(layer, sizes, getattr(layer.params.get("weight"), "dtype", np.dtype(np.float32)))


def _flattened_channels(where: str, model: Sequential, input_shape: tuple[int, ...] | None) -> dict[int, int]:
    """C of the flattened picture that a Dense layer reads, by the layer's number."""
    found = {}
    flattened: int | None = 1  # C of the picture whose numbers the rows are in order of; None: not known
    for i, layer in enumerate(model.layers):
        if isinstance(layer, Flatten) and not _rows_come_before(model.layers[:i]):
            flattened = _channels_before(model, i, input_shape)
        elif isinstance(layer, Dense):
            if flattened is None:
                raise ValueError(
                    f"{where}: got {layer!r} behind a Flatten of pictures with an unknown number of channels, "
                    "expected to know what is flattened; pass input_shape=(H, W, C), or run the network once"
                )
            if layer.n_in % flattened:
                raise ValueError(
                    f"{where}: got {layer!r} behind a flattened picture of {flattened} channels, expected a multiple "
                    "of these as n_in; make the layers fit each other"
                )
            found[i], flattened = flattened, 1
    return found


def _rows_come_before(before: list[Layer]) -> bool:
    return any(isinstance(layer, Dense | Flatten) for layer in before)


def _channels_before(model: Sequential, number: int, input_shape: tuple[int, ...] | None) -> int | None:
    """C of what comes into a network's first Flatten, its layer `number`; None: it cannot be told.

    1 for what is no picture (H, W, C): there is nothing to reorder.
    """
    before = model.layers[:number]
    if input_shape is not None:
        return _channels_after(before, input_shape)
    for layer in reversed(before):
        if isinstance(layer, Conv2D):
            return layer.c_out
        if not isinstance(layer, tuple(BY_NAME.values())):
            break  # a layer of one's own may change the channels; all others leave them
    with suppress(ValueError):  # other layers may have come since that pass
        return None if model._seen_shape is None else _channels_after(before, model._seen_shape)
    return None


def _channels_after(before: list[Layer], input_shape: tuple[int, ...]) -> int:
    shape = tuple(input_shape)
    for layer in before:
        shape = layer.output_shape(shape)
    return shape[2] if len(shape) == 3 else 1


def _chosen(entries: list[_Entry], tensors: Mapping[str, Any], in_order: bool) -> list[str]:
    """The name of each entry's tensor; ValueError for one that is missing or too much."""
    where = "load_state_dict"
    if not isinstance(tensors, Mapping):
        raise ValueError(
            f"{where}: got tensors of type {type(tensors).__name__}, expected a dict from names to arrays; use "
            "state_dict() of the torch module, or safetensors.numpy.load_file(path)"
        )
    names = list(tensors)
    wanted = names[: len(entries)] if in_order else [entry.name for entry in entries]
    own = sorted(set(map(str, names)) - set(wanted))
    fix = "rename the tensors; in_order=True takes them in their order" if own and not in_order else "add it"
    for i, entry in enumerate(entries):
        if i >= len(wanted) or wanted[i] not in tensors:
            raise ValueError(
                f"{where}: got no tensor {shown(entry.name)} among {len(names)}, expected one of shape {entry.shape} "
                f"for {entry.layer!r}; {fix}"
            )
    surplus = [name for name in names if name not in set(wanted)]
    if surplus:
        shape = getattr(tensors[surplus[0]], "shape", "()")
        raise ValueError(
            f"{where}: got {shown(str(surplus[0]))} of shape {tuple(shape)}, expected no more than the network's "
            f"{len(entries)} tensors; leave it out, or give the network the layer that it belongs to"
        )
    return wanted


def _checked(entry: _Entry, name: str, tensor: Any) -> np.ndarray:
    """The tensor as an array of the shape and dtype that the entry needs, finite; or ValueError."""
    where = "load_state_dict"
    array, label = as_array(where, name, tensor), shown(str(name))
    if name != entry.name:
        label = f"{label}, for {entry.name},"
    if array.shape != entry.shape:
        fix = "change the tensor or the network so that the two agree"
        if array.shape == entry.array.shape:
            fix = "this is nnscratch's layout: transpose it"
        raise ValueError(
            f"{where}: got {label} of shape {array.shape}, expected {entry.shape}, PyTorch's for {entry.layer!r}; {fix}"
        )
    if array.dtype != entry.array.dtype:
        raise ValueError(
            f"{where}: got {label} of dtype {array.dtype}, shape {array.shape}, expected {entry.array.dtype}, as the "
            f"network has it; convert it, or the network by model.astype"
        )
    check_finite(where, label, array)
    return array


def _put(model: Sequential, entries: list[_Entry], arrays: list[np.ndarray]) -> None:
    """Writes the arrays into the network's own; puts the old ones back if two of these are one."""
    for entry in entries:
        if not entry.array.flags.writeable:
            raise ValueError(
                f"load_state_dict: got a network whose {entry.name} is read-only, expected one to write into; replace "
                "it by a copy"
            )
    before = model.copy_parameters()
    model.put_back(arrays)
    for entry, array in zip(entries, arrays, strict=True):
        if not np.array_equal(entry.array, array):
            model.put_back(before)
            raise ValueError(
                f"load_state_dict: got {shown(entry.name)} of shape {entry.shape} that differs from another tensor, "
                "expected them equal, because the network keeps both in one array; give each an array of its own"
            )
