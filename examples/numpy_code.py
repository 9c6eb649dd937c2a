"""Plain NumPy code, compiled and differentiated as it stands, and minimised by SciPy with the gradient.

python examples/numpy_code.py

`energy` and `pairs` know nothing of tracejit: they may live in a module of yours, and still run as ordinary NumPy.
"""

import numpy as np
from scipy.optimize import minimize

import tracejit as tj


def pairs(points):
    """The squared distances between all points of an (n, 3) array, the diagonal set to 1."""
    apart = points[:, np.newaxis, :] - points[np.newaxis, :, :]
    return np.sum(apart**2, axis=-1) + np.eye(len(points))


def energy(points):
    """The Lennard-Jones energy of a cluster of atoms."""
    inverse = (1 - np.eye(len(points))) / pairs(points) ** 3
    return 2 * np.sum(inverse**2 - inverse)


def main(atoms=4):
    start = np.random.default_rng(3).normal(size=(atoms, 3))
    print(f"energy as NumPy runs it  {energy(start):.9g}")
    print(f"energy, compiled         {tj.function(energy)(start):.9g}")

    energy_and_slope = tj.function(tj.value_and_grad(energy))

    def objective(flat):
        value, slope = energy_and_slope(flat.reshape(-1, 3))
        return value, slope.ravel()

    found = minimize(objective, start.ravel(), jac=True, method="BFGS")
    print(f"energy at its minimum    {found.fun:.6f} after {found.nfev} evaluations of the energy and its gradient")
    print(f"largest force left       {np.abs(found.jac).max():.1e}")
    print(f"the program              {energy_and_slope.source().path}")
    return found.fun


if __name__ == "__main__":
    main()
