"""What is asked of a communicator: the methods of mpi4py's that the library calls."""

from __future__ import annotations

from typing import Any, Protocol

_METHODS = ("Get_rank", "Get_size", "Allreduce", "allgather", "Abort")


class Communicator(Protocol):
    """The processes that work together, as mpi4py's `MPI.COMM_WORLD` or any `MPI.Comm`.

    Another class with these methods serves, too: that is how the tests run without MPI. If it has
    mpi4py's `Ibarrier`, ranks that wait for a long time sleep.
    """

    def Get_rank(self) -> int:
        """The number of this process, from 0."""
        ...

    def Get_size(self) -> int:
        """How many processes there are."""
        ...

    def Allreduce(self, sendbuf: Any, recvbuf: Any, /) -> None:
        """Writes into every process's recvbuf the sum of all sendbufs."""
        ...

    def allgather(self, sendobj: Any, /) -> list[Any]:
        """The objects of all processes, in their order, in every process."""
        ...

    def Abort(self, errorcode: int = 1, /) -> Any:
        """Ends all processes."""
        ...


def checked_communicator(value: Any) -> Communicator | None:
    """The communicator, or None.

    Raises
        ValueError : it has not the methods of one

    >>> checked_communicator("COMM_WORLD")
    Traceback (most recent call last):
    ValueError: Trainer: got communicator='COMM_WORLD', expected a communicator of mpi4py or None;
    pass MPI.COMM_WORLD
    """
    if value is None:
        return None
    if isinstance(value, type) or not all(callable(getattr(value, name, None)) for name in _METHODS):
        raise ValueError(
            f"Trainer: got communicator={' '.join(repr(value).split())[:60]}, expected a communicator of mpi4py or "
            "None; pass MPI.COMM_WORLD"
        )
    communicator: Communicator = value
    return communicator
