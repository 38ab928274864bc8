"""How each engine gets a network: one function an engine, from our layers or their ONNX file.

Every engine has the settings that its makers recommend for speed on a CPU, in float32, and all the
threads that it takes by itself. Its arrays are made before the clock runs. A training step is one
of SGD on the mean squared error, with momentum, and weight decay of the weights alone; that its
numbers are ours, engines.py checks.

PyTorch, JAX and TensorFlow pool before ReLU: the same numbers for a quarter of ReLU's work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import nnscratch as nn

# Imported inside the functions, nnscratch too: a process is to load its own engine alone.
SGD = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}


def random_batch(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x (size, 96, 96, 1) and y (size, 30), float32, the same numbers every time."""
    rng = np.random.default_rng(0)
    return rng.random((size, 96, 96, 1), dtype=np.float32), rng.random((size, 30), dtype=np.float32)


class Steps(NamedTuple):
    """One network in one engine, with one batch.

    train : a training step; None: the engine only infers
    infer : its result, which np.asarray takes
    """

    train: Callable[[], object] | None
    infer: Callable[[], Any]


@dataclass(frozen=True)
class Engine:
    """An engine that a user of a CPU could pick.

    title, head : its name in full, and in at most five characters for the head of a column
    packages : what must be installed; the first one's version is told
    build    : (network, x, y) -> Steps. The network is our own, or the path of its ONNX file
    from_onnx : whether it is the file
    networks : by name, those that the engine can compute; None: all
    environment : variables of its process
    """

    title: str
    head: str
    packages: tuple[str, ...]
    build: Callable[[Any, np.ndarray, np.ndarray], Steps]
    from_onnx: bool = False
    networks: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = ()


def nnscratch(model: nn.Sequential, x: np.ndarray, y: np.ndarray) -> Steps:
    import nnscratch as nn

    loss, optimizer = nn.MSELoss(), nn.SGD(model, **SGD)

    def train() -> None:
        loss.forward(model.forward(x, training=True), y)
        model.backward(loss.backward())
        optimizer.step()

    return Steps(train, lambda: model.forward(x))


def pytorch(model: nn.Sequential, x: np.ndarray, y: np.ndarray, layout: str, compiled: bool = False) -> Steps:
    """layout : "contiguous_format" or "channels_last";  compiled : by torch.compile."""
    import torch
    from torch_twin import pictures, twin

    torch.set_flush_denormal(True)
    memory_format = getattr(torch, layout)
    network = twin(model).to(memory_format=memory_format)
    images = pictures(x).contiguous(memory_format=memory_format)
    target = torch.from_numpy(y)
    biases = [w for name, w in network.named_parameters() if name.endswith("bias")]
    weights = [w for name, w in network.named_parameters() if not name.endswith("bias")]
    optimizer = torch.optim.SGD([{"params": weights}, {"params": biases, "weight_decay": 0.0}], fused=True, **SGD)
    call = torch.compile(network, dynamic=False) if compiled else network

    def train() -> None:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(call(images), target).backward()
        optimizer.step()

    def infer() -> torch.Tensor:
        with torch.inference_mode():
            return call(images)

    return Steps(train, infer)


def scikit_learn(model: nn.Sequential, x: np.ndarray, y: np.ndarray) -> Steps:
    """Its partial_fit makes one step on one batch.

    Its loss is half the sum over the outputs, so the rate is so much smaller, and its weight decay
    is divided by the rows.
    """
    from sklearn.neural_network import MLPRegressor

    import nnscratch as nn

    rows, larger = x.reshape(len(x), -1), y.shape[1] / 2
    dense = [layer for layer in model.layers if isinstance(layer, nn.Dense)]
    network = MLPRegressor(
        hidden_layer_sizes=[layer.n_out for layer in dense[:-1]], solver="sgd", batch_size=len(x),
        learning_rate_init=SGD["lr"] / larger, momentum=SGD["momentum"], nesterovs_momentum=False,
        alpha=SGD["weight_decay"] * larger * len(x),
    )  # fmt: skip
    network.partial_fit(rows, y)  # which makes its arrays
    for name, own in (("weight", network.coefs_), ("bias", network.intercepts_)):
        for array, layer in zip(own, dense, strict=True):
            array[:] = layer.params[name]
    for velocity in network._optimizer.velocities:
        velocity[:] = 0
    return Steps(lambda: network.partial_fit(rows, y), lambda: network.predict(rows))


def onnx_runtime(path: str, x: np.ndarray, y: np.ndarray) -> Steps:
    """As it sets itself up: all cores, all optimizations of the graph; but for one batch size."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_free_dimension_override_by_name("N", len(x))
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return Steps(None, lambda: session.run(None, {"x": x})[0])


def openvino(path: str, x: np.ndarray, y: np.ndarray) -> Steps:
    """For one batch size, for the least time of one call, and in float32."""
    import openvino

    core = openvino.Core()
    graph = core.read_model(path)
    graph.reshape(list(x.shape))
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(graph, "CPU", settings).create_infer_request()
    return Steps(None, lambda: request.infer({0: x}, share_inputs=True, share_outputs=True)[0])


def _graph(name: str, **settings: bool) -> Callable[[Any, np.ndarray, np.ndarray], Steps]:
    """The builder of that name in engine_graphs.py, which is imported when it is called."""

    def build(model: nn.Sequential, x: np.ndarray, y: np.ndarray) -> Steps:
        import engine_graphs

        steps: Steps = getattr(engine_graphs, name)(model, x, y, **settings)
        return steps

    return build


# Most engines ask for new memory for every result, and glibc gives large pieces back to the system
# at once. With these settings it keeps them: PyTorch's step of kfkd net2 at batch 100 takes 421 ms
# in place of 753. nnscratch keeps its buffers, and gets what a user has.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
_QUIET = (("TF_CPP_MIN_LOG_LEVEL", "3"),)
_CONTIGUOUS, _LAST = (partial(pytorch, layout=layout) for layout in ("contiguous_format", "channels_last"))
ENGINES = {
    "nnscratch": Engine("nnscratch", "ours", ("nnscratch",), nnscratch),
    "pytorch": Engine("PyTorch", "torch", ("torch",), _CONTIGUOUS),
    "pytorch-last": Engine("PyTorch, channels last", "last", ("torch",), _LAST),
    # In one process: a pool of compiling processes would start beside the first steps.
    "torch-compile": Engine(
        "torch.compile",
        "comp",
        ("torch",),
        partial(_LAST, compiled=True),
        environment=(("TORCHINDUCTOR_COMPILE_THREADS", "1"),),
    ),
    "tensorflow": Engine("TensorFlow", "tf", ("tensorflow",), _graph("tensorflow"), environment=_QUIET),
    "tensorflow-xla": Engine(
        "TensorFlow, XLA", "xla", ("tensorflow",), _graph("tensorflow", compiled=True), environment=_QUIET
    ),
    "jax": Engine("JAX", "jax", ("jax",), _graph("jax")),
    "onnxruntime": Engine("ONNX Runtime", "ort", ("onnxruntime", "onnx"), onnx_runtime, from_onnx=True),
    "openvino": Engine("OpenVINO", "ov", ("openvino", "onnx"), openvino, from_onnx=True),
    "scikit-learn": Engine("scikit-learn", "skl", ("sklearn",), scikit_learn, networks=("report MLP",)),
}
