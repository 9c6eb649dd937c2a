"""``tf.math``: functions of each element, reductions, running totals."""

from tracejit.compat.tensorflow.elementwise import *  # noqa: F403
from tracejit.compat.tensorflow.elementwise import __all__ as _of_elements
from tracejit.compat.tensorflow.nn import l2_normalize, zero_fraction
from tracejit.compat.tensorflow.reductions import *  # noqa: F403
from tracejit.compat.tensorflow.reductions import __all__ as _of_axes

__all__ = ["l2_normalize", "zero_fraction"]
__all__ += [name for name in (*_of_elements, *_of_axes) if name not in ("where", "clip_by_value", "norm")]
