"""One training step with every number that it computed.

trace.py     Trace, and nn.trace, which makes the step
table.py     it in words and numbers, 80 columns wide
formulas.py  what each kind of layer computes, in a few characters
page.py      it as a page to click through; page/ holds the page's own sources
page_facts.py, packed.py, recomputed.py   what such a page must know, and in few bytes
"""

from nnscratch.tracing.trace import LayerTrace, LossTrace, ParameterTrace, Trace, trace

__all__ = ["LayerTrace", "LossTrace", "ParameterTrace", "Trace", "trace"]
