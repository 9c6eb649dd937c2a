"""Who is compared: each peer's library, and the environment that its experts would give it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Peer:
    """A library in one of its forms.

    Attributes:
        name: A question's builder for this peer is called ``with_`` and this.
        title: The name in print.
        module: What is imported; a peer whose module is not there is listed as not installed.
        distributions: Whose versions are printed.
        traces: It compiles what it sees a Python function do; where False, code is written for it, or only run.
        environment: Switches of its own, set before it starts; ``{threads}`` stands for the number of threads.
    """

    name: str
    title: str
    module: str
    distributions: tuple[str, ...]
    traces: bool = False
    environment: dict[str, str] = field(default_factory=dict)


TENSORFLOW = {"TF_NUM_INTRAOP_THREADS": "{threads}", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}

PEERS = (
    Peer("tracejit", "tracejit", "tracejit", ("numba", "llvmlite"), True, {"TRACEJIT_NUM_THREADS": "{threads}"}),
    Peer("numpy", "NumPy", "numpy", ("numpy", "scipy")),
    Peer("numexpr", "numexpr", "numexpr", ("numexpr",), False, {"NUMEXPR_NUM_THREADS": "{threads}"}),
    Peer("numba", "Numba by hand", "numba", ("numba",), False, {"NUMBA_NUM_THREADS": "{threads}"}),
    Peer("drjit", "Dr.Jit", "drjit", ("drjit",), True),
    Peer("jax", "JAX", "jax", ("jax", "jaxlib"), True, {"JAX_PLATFORMS": "cpu"}),
    Peer("jax_padded", "JAX, padded by hand", "jax", ("jax", "jaxlib"), True, {"JAX_PLATFORMS": "cpu"}),
    Peer("torch", "torch eager", "torch", ("torch",)),
    Peer("torch_compile", "torch.compile", "torch", ("torch",), True),
    Peer("tensorflow", "TensorFlow", "tensorflow", ("tensorflow",), True, TENSORFLOW),
    Peer("tensorflow_xla", "TensorFlow, jit_compile", "tensorflow", ("tensorflow",), True, TENSORFLOW),
    Peer("pytensor", "PyTensor", "pytensor", ("pytensor",), True),
)

POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Left to each library: how its threads wait, since only one works at a time, and for which processor its kernels are."""


def environment(peer: Peer | None, threads: int, caches: str) -> dict[str, str]:
    """What a contestant's process gets on top of the caller's environment; ``caches`` is the folder of all its caches."""
    switches = dict.fromkeys(POOLS, str(threads))
    switches |= {
        "TRACEJIT_CACHE_DIR": f"{caches}/tracejit",
        "JAX_COMPILATION_CACHE_DIR": f"{caches}/jax",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TORCHINDUCTOR_CACHE_DIR": f"{caches}/torch",
        "NUMBA_CACHE_DIR": f"{caches}/numba",
        "PYTENSOR_FLAGS": f"base_compiledir={caches}/pytensor,floatX=float32",
    }
    of_yardsticks = {"OMP_WAIT_POLICY": "passive"}  # they must hold where something else computes
    own = peer.environment if peer else of_yardsticks
    return switches | {name: value.format(threads=threads) for name, value in own.items()}
