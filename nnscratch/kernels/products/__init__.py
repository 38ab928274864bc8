"""Products of dense layers.

choice.py        which of them multiplies two matrices, and when threads share a product
matmul.py        a @ b of any shape: which kernel, and blocks for the threads
gemv.py          one row by a matrix, one column by a row
gemv_tiles.py    what it computes in registers
gemm.py          a matrix by a matrix, on one thread
gemm_unpacked.py the same with AVX-512, neither transposed
gemm_panels.py   the same for few rows, with AVX2
gemm_rows.py     the same for many rows, with AVX2
gemm_tiles.py    what all four compute in registers
deferred.py      a product that is not computed before somebody needs it
packing.py       the order in which their tiles read
"""
