"""Trained networks that go to other programs, and come from them.

state_dict.py           weights under PyTorch's names and in its layout, for PyTorch and safetensors
foreign_arrays.py       arrays of other libraries as NumPy arrays
onnx_export.py          a network as an ONNX file
onnx_layers.py          a chain of layers as operators of a graph
onnx_graph.py           an ONNX graph while it is being written
onnx_import.py          an ONNX file as a network
onnx_network.py         a network that is built from operators: how the numbers of pictures lie
onnx_operators.py       operators as layers, one by one
onnx_normalization.py   a ContrastNormalization as operators, there and back
onnx_chain.py           a graph as a chain of operators
onnx_sizes.py           sizes of a graph's values, and those that it computes itself
onnx_file.py            an ONNX file, parsed and checked
onnx_external_data.py   weights that lie in a file beside it
extras.py               packages that only some users need
"""

from nnscratch.interchange.onnx_export import export_onnx
from nnscratch.interchange.onnx_import import import_onnx
from nnscratch.interchange.state_dict import load_state_dict, state_dict

__all__ = ["export_onnx", "import_onnx", "load_state_dict", "state_dict"]
