"""Trained networks that go to other programs, and come from them.

state_dict.py       weights under PyTorch's names and in its layout, for PyTorch and safetensors
foreign_arrays.py   arrays of other libraries as NumPy arrays
"""

from nnscratch.interchange.state_dict import load_state_dict, state_dict

__all__ = ["load_state_dict", "state_dict"]
