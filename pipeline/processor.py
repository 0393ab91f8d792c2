"""Which BLAS kernels compute here: each is written for a kind of processor and sums in its order.

The same run on another kind of processor may differ in the last digits, and in what follows from
them.
"""

import platform


def blas_kernels() -> str:
    """As threadpoolctl names them: 'openblas 0.3.30 SkylakeX'; else the kind of processor."""
    import numpy  # noqa: F401, its BLAS is loaded with it
    import scipy.linalg  # noqa: F401, likewise
    import threadpoolctl

    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    keys = ("internal_api", "version", "architecture")
    found = {" ".join(str(pool[key]) for key in keys if pool.get(key)) for pool in pools}
    return ", ".join(sorted(found)) or f"none known; {platform.machine()}"
