"""Seed 001, notes on "Hands-On Machine Learning", chapters 9 and 10: its code blocks, verbatim or with the fix that is named."""

import contextlib
import io
import re

import numpy as np
import pytest
from v1_tools import blocks, initialized, run, same

import tracejit.compat.tensorflow.v1 as tf
from tracejit.compat.tensorflow.v1 import errors

BLOCKS = blocks()


@pytest.fixture(autouse=True)
def _fresh_graph():
    tf.reset_default_graph()


def execute(*texts, **names):
    """What code prints, and the names it leaves behind."""
    names = {"tf": tf, "np": np, "__name__": "__main__", **names}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for text in texts:
            exec(compile(text, "block.py", "exec"), names)
    return printed.getvalue(), names


def fixed(number, *replacements):
    """A block with its mistakes put right."""
    text = BLOCKS[number]
    for wrong, right in replacements:
        assert wrong in text
        text = text.replace(wrong, right)
    return text


def test_block_00_builds_and_runs_nothing():
    _, names = execute(BLOCKS["00"])
    assert isinstance(names["f"], tf.Tensor)
    assert names["f"].dtype == tf.int32
    assert names["f"].graph.programs == {}


def test_block_01_prints_32_and_naming_close_without_calling_it_is_harmless():
    assert execute(BLOCKS["00"], BLOCKS["01"])[0] == "32\n"


def test_block_02_prints_32():
    assert execute(BLOCKS["02"])[0] == "32\n"


def test_block_03_needs_a_session_before_the_initializer_runs():
    with pytest.raises(ValueError, match="No default session is registered"):
        execute(BLOCKS["00"], BLOCKS["03"])
    lines = (
        ("init.run()\n", ""),
        ("sess = tf.InteractiveSession() # init 노드 준비", "sess = tf.InteractiveSession()\ninit.run()"),
    )
    assert execute(fixed("03", *lines), **execute(BLOCKS["00"])[1])[0] == "32\n"
    assert tf.get_default_session() is None


def test_block_04_a_variable_is_of_the_default_graph():
    assert execute(BLOCKS["04"].replace("x1.graph is", "print(x1.graph is").replace("()\n", "())\n", 1))[0] == "True\n"


def test_block_05_a_graph_within_with_is_the_default_there_and_only_there():
    _, names = execute(BLOCKS["05"])
    assert names["x2"].graph is names["graph"]
    assert names["x2"].graph is not tf.get_default_graph()


def test_block_06_and_07_give_10_and_15():
    assert execute(BLOCKS["06"])[0] == "10\n15\n"
    _, names = execute(BLOCKS["07"])
    assert (names["y_val"], names["z_val"]) == (10, 15)


def test_two_evals_compute_shared_parts_twice_and_one_run_once():
    count = tf.Variable(0)
    w = count.assign_add(1)
    y, z = w + 5, w * 3
    with tf.Session() as sess:
        initialized(sess)
        assert (y.eval(), z.eval()) == (6, 6)
        assert sess.run(count) == 2
        assert sess.run([y, z]) == [8, 9]
        assert sess.run(count) == 3


def housing():
    """A stand-in for California's districts, which are a download."""
    rng = np.random.default_rng(0)
    data = rng.normal([4, 28, 5, 1, 1400, 3, 35, -119], [2, 12, 2, 0.5, 1100, 1, 2, 2], (500, 8))
    return data, data @ np.array([0.4, 0.01, -0.1, 0.6, 0.0, 0.0, -0.4, -0.4]) + rng.normal(0, 0.1, 500)


def test_block_08_solves_the_normal_equation():
    data, target = housing()
    text = fixed("08", ("tf.matul", "tf.matmul"), ("from sklearn.datasets import fetch_california_housing\n", ""))
    bunch = type("Bunch", (), {"data": data, "target": target})
    _, names = execute(text, fetch_california_housing=lambda: bunch)
    theta = names["theta_value"]
    assert (theta.shape, theta.dtype) == ((9, 1), np.float32)
    x = np.c_[np.ones(len(data)), data]
    residual, best = (np.abs(x @ t - target).mean() for t in (theta[:, 0], np.linalg.lstsq(x, target)[0]))
    assert residual < 1.1 * best


def descent(number, *replacements, **names):
    data, target = housing()
    scaled = (data - data.mean(0)) / data.std(0)
    bunch = type("Bunch", (), {"data": data, "target": target})
    return execute(
        fixed(number, *replacements), housing=bunch, scaled_housing_data_plus_bias=np.c_[np.ones(len(data)), scaled], m=len(data),
        n=8, **names,
    )  # fmt: skip


def test_blocks_09_to_11_descend_by_hand_by_gradients_and_by_the_optimizer_alike():
    tf.set_random_seed(0)
    text, names = descent(
        "09", ("## mse", "mse"), ('"mse") ##', '"mse")'), ("## gradients", "gradients"), ("error) ##", "error)")
    )
    errors_ = [float(x) for x in re.findall(r"MSE = (\S+)", text)]
    assert len(errors_) == 10
    assert errors_[0] > errors_[1] > 100 * errors_[-1]
    assert names["best_theta"].shape == (9, 1)
    assert names["y_pred"].op.name == "predictions"
    by_hand = names["gradients"]
    execute(BLOCKS["10"], BLOCKS["11"].replace("trainig_op", "training_op"), **names)
    gradient = tf.gradients(names["mse"], [names["theta"]])[0]
    training_op = tf.train.GradientDescentOptimizer(learning_rate=0.01).minimize(names["mse"])
    with tf.Session() as sess:
        initialized(sess)
        same(*sess.run([by_hand, gradient]), 1e-4)
        before, slope = sess.run([names["theta"], gradient])
        assert sess.run(training_op) is None
        same(sess.run(names["theta"]), before - 0.01 * slope, 1e-5)


def test_block_12_feeds_one_row_and_then_two():
    assert execute(BLOCKS["12"])[0] == "[[6. 7. 8.]]\n[[ 9. 10. 11.]\n [12. 13. 14.]]\n"


def test_blocks_13_and_14_save_and_restore_without_the_initializer(tmp_path):
    data, target = housing()
    folder = f"{tmp_path}/"
    build = (
        "x = (data - data.mean(0)) / data.std(0)\n"
        "X = tf.constant(np.c_[np.ones(len(data)), x], tf.float32)\n"
        "y = tf.constant(target.reshape(-1, 1), tf.float32)\n"
    )
    train = "training_op = tf.train.GradientDescentOptimizer(0.01).minimize(tf.reduce_mean(tf.square(tf.matmul(X, theta) - y)))\n"
    save = fixed("13", ("theata", "theta"), ("n_epoches", "200"), ("/tmp/", folder))
    first, _, rest = save.split("[...]\n")
    names = execute(build, _, train, rest, data=data, target=target, n=8)[1]
    assert first == ""
    assert names["save_path"] == f"{folder}my_model_final.ckpt"
    assert names["theta"].op.name == "Variable"  # name="theta" is inside random_uniform(...)
    restore = fixed("14", ("[...]", "restored = theta.eval()"), ("/tmp/", folder))
    np.testing.assert_array_equal(execute(restore, **names)[1]["restored"], names["best_theta"])


def test_block_15_puts_operations_under_the_name_of_the_scope():
    y_pred, y = tf.constant([1.0]), tf.constant([2.0])
    _, names = execute(BLOCKS["15"], y_pred=y_pred, y=y)
    assert names["scope"] == "loss/"
    assert names["error"].op.name == "loss/sub"
    assert names["mse"].op.name == "loss/mse"


def test_block_16_names_what_is_named():
    _, names = execute(BLOCKS["16"])
    assert [names[n].op.name for n in ("z1", "z2", "relu1", "relu2", "ouput")] == ["z1", "z2", "relu1", "relu2", "output"]
    assert names["w1"].name == "weights1:0"
    with tf.Session() as sess:
        initialized(sess)
        w = sess.run(names["w1"])
        rows = np.array([[1.0, 2, 3], [-1, 0, 1]])
        same(sess.run(names["ouput"], {names["X"]: rows}), 2 * np.maximum(rows @ w, 0), 1e-5)


def test_block_17_numbers_what_has_the_same_name():
    _, names = execute(BLOCKS["17"])
    assert [v.op.name for v in tf.global_variables()[::2]] == ["weights", *(f"weights_{i}" for i in range(1, 5))]
    assert [v.op.name for v in tf.global_variables()[1::2]] == ["bias", *(f"bias_{i}" for i in range(1, 5))]
    assert [r.op.name for r in names["relus"]] == ["relu", *(f"relu_{i}" for i in range(1, 5))]
    assert names["output"].op.name == "output"
    assert names["output"].get_shape().as_list() == [None, 1]


def relu_body():
    return (
        "w = tf.Variable(tf.random_normal((int(X.get_shape()[1]), 1)), name='weights')\n        "
        "z = tf.add(tf.matmul(X, w), tf.Variable(0.0, name='bias'), name='z')"
    )


def shared_threshold(text):
    """Five ReLUs for three rows, at thresholds 0 and 3: the values of the one Variable that they share."""
    _, names = execute(text, n_features=3)
    rows = np.array([[1.0, 2, 3], [-1, 0, 1], [0, 0, 0]])
    with tf.Session() as sess:
        initialized(sess)
        (threshold,) = [v for v in tf.global_variables() if "threshold" in v.op.name]
        at_0 = sess.run(names["relus"], {names["X"]: rows})
        sess.run(threshold.assign(3.0))
        at_3 = sess.run(names["relus"], {names["X"]: rows})
    for low, high in zip(at_0, at_3, strict=True):
        same(high, np.maximum(low, 3))
    return threshold, names


def test_block_18_shares_a_threshold_that_is_passed():
    threshold, names = shared_threshold(fixed("18", ("[...]", relu_body())))
    assert threshold.op.name == "threshold"
    assert [r.op.name for r in names["relus"]] == ["relu/max", *(f"relu_{i}/max" for i in range(1, 5))]


def test_block_19_shares_a_threshold_that_is_an_attribute_of_the_function():
    text = fixed("19", ("\t\t    return", "        return"), ("            [...]", f"        {relu_body()}"))
    rest = 'X = tf.placeholder(tf.float32, shape=(None, n_features), name="X")\nrelus = [relu(X) for i in range(5)]\n'
    threshold, _ = shared_threshold(f"{text}\n{rest}")
    assert threshold.op.name == "relu/threshold"


def test_block_20_makes_a_variable_in_a_variable_scope():
    with pytest.raises(TypeError, match="initalizer"):
        execute(BLOCKS["20"])
    _, names = execute(fixed("20", ("initalizer", "initializer")))
    assert names["threshold"].name == "relu/threshold:0"
    assert names["threshold"].get_shape().as_list() == []
    assert run(names["threshold"]) == 0.0


def test_block_21_shares_a_variable_by_reuse():
    head = BLOCKS["21"].split("X = tf.placeholder", 1)[1].replace("initalizer", "initializer")
    function = (
        'def relu(X):\n    with tf.variable_scope("relu", reuse=True):\n        threshold = tf.get_variable("threshold")\n'
        f"        {relu_body()}\n        return tf.maximum(z, threshold, name='relu')\n"
    )
    threshold, names = shared_threshold(f"{function}\nX = tf.placeholder{head}")
    assert threshold.op.name == "relu/threshold"
    assert names["threshold"] is threshold


def test_block_22_sets_a_variable_by_an_assignment_that_a_placeholder_feeds():
    printed, _ = execute(fixed("22", ("initalizer", "initializer")))
    before, after = map(float, printed.split())
    assert 0 <= before < 1
    assert after == 5.0


# statements


@pytest.mark.parametrize(
    ("make", "dtype", "shape"),
    [
        (lambda: tf.Variable(3), tf.int32, []),
        (lambda: tf.Variable(0.0), tf.float32, []),
        (lambda: tf.constant(np.ones(2)), tf.float64, [2]),
        (lambda: tf.constant([1, 2]), tf.int32, [2]),
        (lambda: tf.constant([[1.0], [2.0]]), tf.float32, [2, 1]),
        (lambda: tf.constant(True), tf.bool, []),
        (lambda: tf.constant(np.int8(3)), tf.int8, []),
    ],
)
def test_tensors_have_dtypes_and_shapes_as_arrays_have(make, dtype, shape):
    tensor = make()
    assert tensor.dtype == dtype
    assert tensor.get_shape().as_list() == shape
    assert tensor.shape == tuple(shape)


def test_feeding_nothing_to_a_placeholder_names_it_and_its_line_but_what_does_not_need_it_is_fine():
    a = tf.placeholder(tf.float32, shape=(None, 3), name="A")
    b, c = a + 5, tf.constant(1.0) + 2.0
    with tf.Session() as sess:
        message = r"You must feed a value for placeholder tensor 'A' with dtype float and shape \[\?,3\]"
        with pytest.raises(errors.InvalidArgumentError, match=message) as caught:
            sess.run(b)
        assert type(caught.value) is errors.InvalidArgumentError
        assert "test_v1_seed_001.py" in str(caught.value)
        assert 'a = tf.placeholder(tf.float32, shape=(None, 3), name="A")' in str(caught.value)
        assert sess.run(c) == 3.0


def test_feeding_a_wrong_shape_says_both():
    a = tf.placeholder(tf.float32, shape=(None, 3), name="A")
    with (
        tf.Session() as sess,
        pytest.raises(ValueError, match=r"Cannot feed value of shape \(1, 2\) for Tensor 'A:0', which has shape \(None, 3\)"),
    ):
        sess.run(a + 5, {a: [[1, 2]]})


def test_feeding_a_tensor_is_an_error():
    a = tf.placeholder(tf.float32)
    with tf.Session() as sess, pytest.raises(TypeError, match=r"The value of a feed cannot be a tf\.Tensor object"):
        sess.run(a + 1, {a: tf.constant(1.0)})


def test_any_operation_can_be_fed():
    w = tf.constant(3)
    x = w + 2
    y = x + 5
    with tf.Session() as sess:
        assert sess.run(y, {x: 100}) == 105
        assert sess.run(y) == 10


def test_feeding_a_variable_overrides_it_for_that_run():
    v = tf.Variable(1.0)
    y = v * 2
    with tf.Session() as sess:
        assert sess.run(y, {v: 10.0}) == 20.0  # it needs no initializer then
        initialized(sess)
        assert sess.run([y, v], {v: 10.0}) == [20.0, 10.0]
        assert sess.run([y, v]) == [2.0, 1.0]


def test_a_variable_before_its_initializer_is_named():
    v = tf.Variable(1.0, name="speed")
    with tf.Session() as sess:
        with pytest.raises(errors.FailedPreconditionError, match="Attempting to use uninitialized value speed") as caught:
            sess.run(v + 1)
        assert "global_variables_initializer()" in str(caught.value)
        assert 'name="speed"' in str(caught.value)


def test_an_initializer_built_before_a_variable_misses_it_and_the_error_says_so():
    init = tf.global_variables_initializer()
    v = tf.Variable(1.0)
    with tf.Session() as sess:
        sess.run(init)
        with pytest.raises(errors.FailedPreconditionError, match="'init' was built before it"):
            sess.run(v)


def test_eval_with_a_session_is_run():
    a = tf.random_normal((3,), seed=1)
    with tf.Session() as one, tf.Session() as two:
        np.testing.assert_array_equal(a.eval(session=one), two.run(a))


def test_two_evals_of_a_random_node_differ_and_one_run_agrees():
    r = tf.random_normal((4,))
    a, b = r + 1, r + 1
    with tf.Session() as sess:
        assert not np.array_equal(a.eval(session=sess), b.eval(session=sess))
        first, second = sess.run([a, b])
        np.testing.assert_array_equal(first, second)


def test_one_session_runs_one_graph():
    other = tf.Graph()
    with other.as_default():
        x = tf.constant(1)
    y = tf.constant(2)
    with tf.Session() as sess, pytest.raises(ValueError, match="is not an element of this graph"):
        sess.run(x)
    with pytest.raises(ValueError, match="must be from the same graph"):
        x + y
    with tf.Session(), pytest.raises(ValueError, match="different from the session's graph"):
        x.eval()


def test_each_session_has_its_own_copy_of_every_variable():
    # exercise 5 of the notes says that sessions share it, which contradicts section 9.4, and is wrong for local sessions
    v = tf.Variable(1.0)
    up = v.assign_add(2.0)
    with tf.Session() as one, tf.Session() as two:
        for sess in (one, two):
            initialized(sess)
        one.run(up)
        assert (one.run(v), two.run(v)) == (3.0, 1.0)


def test_two_threads_with_a_session_each_share_nothing():
    import threading

    v = tf.Variable(1.0)
    by = tf.placeholder(tf.float32, ())
    up, init, graph = v.assign_add(by), tf.global_variables_initializer(), tf.get_default_graph()
    found = {}

    def work(amount):
        with tf.Session(graph=graph) as sess:
            sess.run(init)
            for _ in range(50):
                sess.run(up, {by: amount})
            found[amount] = sess.run(v)

    threads = [threading.Thread(target=work, args=(n,)) for n in (1.0, 2.0)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {1.0: 51.0, 2.0: 101.0}


def test_a_variable_lives_to_the_end_of_its_session():
    v = tf.Variable(1.0)
    sess = tf.Session()
    initialized(sess)
    sess.close()
    with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
        sess.run(v)
    with tf.Session() as again, pytest.raises(errors.FailedPreconditionError):
        again.run(v)


def test_eval_and_run_without_a_session_are_errors():
    v = tf.Variable(1.0)
    with pytest.raises(ValueError, match=r"Cannot evaluate tensor using `eval\(\)`: No default session is registered"):
        (v + 1).eval()
    with pytest.raises(ValueError, match=r"Cannot execute operation using `run\(\)`: No default session is registered"):
        v.initializer.run()


def test_get_variable_twice_without_reuse_is_an_error():
    with tf.variable_scope("relu"):
        tf.get_variable("threshold", shape=())
    with (
        pytest.raises(
            ValueError,
            match=r"Variable relu/threshold already exists, disallowed\. Did you mean to set reuse=True or reuse=tf\.AUTO_REUSE",
        ),
        tf.variable_scope("relu"),
    ):
        tf.get_variable("threshold", shape=())


def test_reuse_of_what_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match="Variable relu/threshold does not exist"), tf.variable_scope("relu", reuse=True):
        tf.get_variable("threshold")


def test_reuse_with_another_shape_is_an_error():
    with tf.variable_scope("relu"):
        tf.get_variable("t", shape=())
    message = r"Trying to share variable relu/t, but specified shape \(2,\) and found shape \(\)\."
    with pytest.raises(ValueError, match=message), tf.variable_scope("relu", reuse=True):
        tf.get_variable("t", shape=(2,))


def test_reuse_variables_and_auto_reuse_give_the_same_object():
    with tf.variable_scope("a") as scope:
        first = tf.get_variable("v", shape=(2,))
        scope.reuse_variables()
        assert tf.get_variable("v", shape=(2,)) is first
    for _ in range(2):
        with tf.variable_scope("b", reuse=tf.AUTO_REUSE):
            tf.get_variable("v", shape=(2,))
    assert [v.name for v in tf.global_variables()] == ["a/v:0", "b/v:0"]
    with tf.variable_scope(scope):
        assert tf.get_variable("v") is first


def test_name_scopes_prefix_operations_and_variables_but_not_get_variable():
    with tf.name_scope("ns"):
        g = tf.get_variable("g", shape=())
        v = tf.Variable(0.0, name="v")
        c = tf.constant(0.0, name="c")
    assert [t.name for t in (g, v, c)] == ["g:0", "ns/v:0", "ns/c:0"]


def test_assigning_a_wrong_shape_is_an_error():
    v = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="Cannot assign value to variable 'Variable:0': Shape mismatch"):
        v.assign([1.0, 2.0, 3.0])


def test_restoring_a_missing_path_and_saving_nothing_are_errors(tmp_path):
    with pytest.raises(ValueError, match="No variables to save"):
        tf.train.Saver()
    tf.Variable(1.0)
    with tf.Session() as sess, pytest.raises(ValueError, match="not a valid checkpoint"):
        tf.train.Saver().restore(sess, f"{tmp_path}/none.ckpt")


@pytest.mark.parametrize(
    "mix",
    [
        lambda: tf.constant(3) + 2.5,
        lambda: 2.5 * tf.constant(3),
        lambda: tf.constant(3) + tf.constant(2.5),
        lambda: tf.maximum(tf.constant(3), 0.0),
        lambda: tf.Variable(3).assign(2.5),
        lambda: tf.matmul(tf.ones((2, 2), tf.int32), tf.ones((2, 2))),
    ],
)
def test_an_integer_tensor_and_a_float_do_not_mix(mix):
    with pytest.raises(TypeError, match=r"does not match type (int32|float32)") as caught:
        mix()
    assert "test_v1_seed_001.py" in str(caught.value)


def test_a_tensor_is_no_truth_and_cannot_be_iterated():
    t = tf.constant([1.0, 2.0])
    for ask in (lambda: bool(t > 0), lambda: [*t], lambda: 1 if t[0] else 2, lambda: len(t), lambda: np.asarray(t)):
        with pytest.raises(errors.OperatorNotAllowedInGraphError, match="cure") as caught:
            ask()
        assert isinstance(caught.value, TypeError)
        assert "test_v1_seed_001.py" in str(caught.value)


def test_fetches_may_be_dicts_tuples_nested_lists_and_operations():
    from collections import namedtuple

    a, b = tf.constant(1), tf.constant([2.0, 3.0])
    op = tf.no_op()
    pair = namedtuple("pair", "first second")
    with tf.Session() as sess:
        out = sess.run({"a": a, "deep": [b, (a, op)], "name": "Const:0", "pair": pair(a, b)})
        assert out["a"] == out["name"] == out["pair"].first == 1
        assert isinstance(out["pair"], pair)
        assert isinstance(out["deep"], list)
        assert isinstance(out["deep"][1], tuple)
        assert out["deep"][1] == (1, None)
        same(out["deep"][0], [2, 3])
        assert sess.run((a, a)) == (1, 1)
        assert sess.run([]) == []
        assert sess.run([op]) == [None]
        for wrong in (5, None, [a, 5.0], object()):
            with pytest.raises(TypeError, match="has invalid type"):
                sess.run(wrong)


def test_reads_show_what_variables_held_before_the_run_whatever_is_assigned_in_it():
    v = tf.Variable(1.0)
    up = v.assign(v + 10.0)
    with tf.Session() as sess:
        initialized(sess)
        for fetches in ([up, v, v * 2], [v * 2, v, up], [v, up, v * 2]):
            before = sess.run(v)
            out = dict(zip(map(id, fetches), sess.run(fetches), strict=True))
            assert out[id(up)] == before + 10
            assert out[id(v)] == before


def test_exercise_5_of_chapter_10_the_shapes_of_a_network():
    x = tf.placeholder(tf.float32, (None, 10))
    hidden = tf.nn.relu(tf.matmul(x, tf.Variable(tf.random_normal((10, 50)))) + tf.Variable(tf.zeros(50)))
    y = tf.nn.relu(tf.matmul(hidden, tf.Variable(tf.random_normal((50, 3)))) + tf.Variable(tf.zeros(3)))
    assert y.get_shape().as_list() == [None, 3]
    assert run(y, {x: np.ones((7, 10))}).shape == (7, 3)
