"""How a run of layers executes fast: several layers in one pass, buffers that stay, the right kernel for the shape."""

from nnscratch.stages.base import Stage
from nnscratch.stages.plan import plan
from nnscratch.stages.single import Single

__all__ = ["Single", "Stage", "plan"]
