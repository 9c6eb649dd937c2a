"""What the tests of TensorFlow 1's dialect share."""

from pathlib import Path

import numpy as np

import tracejit.compat.tensorflow.v1 as tf

SEEDS = Path(__file__).parent / "seeds"


def seed_text(number):
    """The code of a tutorial, with the dialect in place of TensorFlow."""
    (path,) = SEEDS.glob(f"{number}_*.py.txt")
    return path.read_text(encoding="utf-8").replace("import tensorflow as tf", "import tracejit.compat.tensorflow.v1 as tf")


def blocks():
    """The code blocks of the notes on chapters 9 and 10, by number."""
    parts = seed_text("001").split("# %% ")[1:]
    return {part[:2]: part[2:].lstrip("\n") for part in parts}


def initialized(session):
    """``session``, with all Variables initialized."""
    session.run(tf.global_variables_initializer())
    return session


def run(fetches, feed_dict=None):
    """What a new session gives, all Variables initialized."""
    with tf.Session() as session:
        return initialized(session).run(fetches, feed_dict)


def same(got, expected, tolerance=1e-6):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=tolerance, atol=tolerance)
