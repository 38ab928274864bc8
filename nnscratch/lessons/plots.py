"""Small pictures for lessons: one size, one set of colours, and arrays with their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnscratch.pictures import GREY, ORANGE, PALETTE, SKY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI = 80
_MOST_NUMBERS = 400  # in one picture: more cannot be read


def small_axes(columns: int = 1, *, rows: int = 1, width: float = 3.2, height: float = 2.6) -> Any:
    """A figure of pyplot with rows x columns axes; show it with `plt.show()`.

    It sets pyplot's style for what is drawn from then on.

    width, height : of each axes, in inches (default 3.2, 2.6)

    Returns one Axes, or an array of them: (columns,) for one row, otherwise (rows, columns).

    >>> from matplotlib import pyplot
    >>> with pyplot.rc_context():  # so that the style ends here
    ...     left, right = small_axes(2)
    >>> _ = left.set_xlabel("x")
    >>> pyplot.close(left.figure)
    """
    from cycler import cycler
    from matplotlib import pyplot

    lines = cycler(color=PALETTE, linestyle=["-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1))])
    pyplot.rc("axes", prop_cycle=lines, titlesize=9)
    pyplot.rc("axes.spines", top=False, right=False)
    pyplot.rc("font", size=9)
    pyplot.rc("legend", fontsize=8)
    _, axes = pyplot.subplots(
        rows, columns, figsize=(width * columns, height * rows), dpi=_DPI, layout="constrained", squeeze=False
    )
    if rows == columns == 1:
        return axes[0, 0]
    return axes[0] if rows == 1 else axes


def show_numbers(axes: Axes, array: np.ndarray, title: str, *, largest: float | None = None, digits: int = 3) -> None:
    """Draws an (H, W) array as coloured squares with their numbers: orange below 0, blue above.

    largest : the number that gets full colour; None takes the largest of the array, so give one
        value to pictures that are compared
    digits  : significant digits (default 3)

    Raises
        ValueError : not two axes, or too many numbers to be read
    """
    from matplotlib.colors import LinearSegmentedColormap

    array = np.asarray(array)
    if array.ndim != 2 or array.size > _MOST_NUMBERS:
        raise ValueError(
            f"show_numbers: got shape {array.shape}, expected (H, W) of at most {_MOST_NUMBERS} numbers; choose one "
            "image and one channel"
        )
    colours = LinearSegmentedColormap.from_list("signs", [ORANGE, "white", SKY])
    bound = float(np.abs(array).max(initial=0.0)) if largest is None else largest
    axes.imshow(array, cmap=colours, vmin=-(bound or 1), vmax=bound or 1)
    for row, column in np.ndindex(*array.shape):
        axes.text(column, row, f"{array[row, column]:.{digits}g}", ha="center", va="center", fontsize=8)
    axes.set_title(title)
    axes.set_xticks(range(array.shape[1]))
    axes.set_yticks(range(array.shape[0]))
    axes.set_xlabel("column")
    axes.set_ylabel("row")
    axes.spines[:].set(visible=True, color=GREY)
    axes.tick_params(length=0)
