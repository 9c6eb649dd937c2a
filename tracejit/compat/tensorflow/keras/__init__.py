"""``tf.keras``: its optimizers. Layers and training loops are not here: a model is a class with variables, a step a function."""

from tracejit.compat.tensorflow.keras import optimizers

__all__ = ["optimizers"]


def __getattr__(name: str) -> object:
    raise AttributeError(
        f"tracejit has no tf.keras.{name}; it has tf.keras.optimizers\n"
        "  cure: write the model as a class with tf.Variables and __call__, and the step with tf.GradientTape and @tf.function"
    )
