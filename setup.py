"""The package: `pip install -e .`, `'.[test]'` with its tests, `'.[bench]'` with its benchmarks,
`'.[sklearn]'` with scikit-learn for its estimators, `'.[docs]'` with what builds its pages,
`'.[lessons]'` with Jupyter for its lessons, `'.[mpi]'` with what several machines train by,
`'.[browser]'` with what the tests of the page need besides Debian's chromium and chromium-driver.

`.ci/minimum` runs the suite with the oldest versions that are named here. MANIFEST.in says what the
sdist holds, and `.ci/package` compares both with the project.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = re.search(r'__version__ = "(.+)"', (here / "nnscratch" / "__init__.py").read_text(encoding="utf-8"))

setup(
    name="nnscratch",
    version=version[1],
    description="Neural networks in NumPy: every gradient derived and written by hand",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="MIT",
    license_files=["LICENSE"],
    keywords="neural-network numpy numba backpropagation deep-learning education facial-keypoints",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Education",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=find_packages(include=["nnscratch", "nnscratch.*"]),
    package_data={"nnscratch": ["py.typed", "kernels/README.md", "tracing/page/*", "pages/*.css"]},
    entry_points={"console_scripts": ["nnscratch = nnscratch.__main__:main"]},
    install_requires=[
        "numpy>=2.0",
        "numba>=0.61",
        "pandas>=2.2.2",
        "matplotlib>=3.10.7",
        "tqdm>=4.66",
        "threadpoolctl>=3.5",
    ],
    extras_require={
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.6.1",
            "coverage>=7.10",
            "ruff==0.17.6",
            "mypy==2.4.1",
            "pandas-stubs",
            "types-tqdm",
            "scikit-learn>=1.6",
            "dask>=2024.8",
            "distributed>=2024.8",
            "safetensors>=0.4.3",
            "onnx>=1.17",
            "onnxruntime>=1.20",
            "mpi4py>=4.1; sys_platform == 'linux'",
            "mpich>=4.3.1; sys_platform == 'linux'",
        ],
        "mpi": ["mpi4py>=4.1"],
        "docs": ["sphinx>=9.0", "furo>=2025.9", "myst-parser>=5.0", "scikit-learn>=1.6"],
        "bench": ["torch", "tensorflow", "jax", "openvino", "scikit-learn", "onnx>=1.17", "onnxruntime>=1.20"],
        "sklearn": ["scikit-learn>=1.6"],
        "browser": ["selenium>=4.11"],
        "safetensors": ["safetensors>=0.4.3"],
        "onnx": ["onnx>=1.17"],
        "lessons": ["jupyterlab>=4", "ipykernel>=6"],
    },
)
