"""The kernel that computes here is the one that OpenBLAS itself names."""

import subprocess
import sys

import pytest
import threadpoolctl

from pipeline.submission import blas_kernels


def test_every_blas_that_is_loaded_is_named_with_its_kernel():
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert all(pool["version"] in blas_kernels() for pool in pools if pool["version"])
    assert all(pool.get("architecture", "") in blas_kernels() for pool in pools)


@pytest.mark.skipif(
    "openblas" not in blas_kernels() or "x86_64" not in sys.implementation._multiarch,
    reason="sets OpenBLAS to a kernel of x86_64",
)
def test_another_kernel_is_distinguished():
    program = "from pipeline.submission import blas_kernels; print(blas_kernels())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"OPENBLAS_CORETYPE": "Nehalem"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Nehalem" in done.stdout
