"""TensorFlow 1: graphs that sessions run. ``import tracejit.compat.tensorflow.v1 as tf``."""

from numpy import newaxis

from tracejit.compat.tensorflow import errors
from tracejit.compat.tensorflow.dtypes import DType, as_dtype, bool, complex64, complex128, double, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64
from tracejit.compat.tensorflow.v1 import nn
from tracejit.compat.tensorflow.v1.arrays import *
from tracejit.compat.tensorflow.v1.construct import as_tensor as convert_to_tensor
from tracejit.compat.tensorflow.v1.gradients import gradients
from tracejit.compat.tensorflow.v1.graph import Graph, GraphKeys, Operation, Tensor, get_default_graph, reset_default_graph
from tracejit.compat.tensorflow.v1.initializers import *
from tracejit.compat.tensorflow.v1.linear import matmul, matrix_inverse
from tracejit.compat.tensorflow.v1.math import *
from tracejit.compat.tensorflow.v1.random import random_normal, random_uniform, set_random_seed, truncated_normal
from tracejit.compat.tensorflow.v1.reductions import *
from tracejit.compat.tensorflow.v1.scopes import *
from tracejit.compat.tensorflow.v1.session import InteractiveSession, Session
from tracejit.compat.tensorflow.v1.shape import Dimension, TensorShape
from tracejit.compat.tensorflow.v1.stacks import get_default_session
from tracejit.compat.tensorflow.v1.state import *
from tracejit.compat.tensorflow.v1.variables import *
