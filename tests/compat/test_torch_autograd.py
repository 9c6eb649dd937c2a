"""backward() and autograd.grad(): what is recorded, kept and let go of, and what writes in place do to it."""

import gc
import threading
import weakref

import numpy as np
import pytest

import tracejit.compat.torch as torch


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def test_gradients_reach_leaves_by_all_ways():
    w = leaf(1.0, 2.0)
    h = w * 3
    (h * w + h).sum().backward()
    assert w.grad.tolist() == [6 * 1 + 3, 6 * 2 + 3]


def test_a_leaf_that_steps_only_depend_on_has_the_gradient_zero():
    w = leaf(1.5)
    w.floor().sum().backward()
    assert w.grad.tolist() == [0]


def test_nothing_is_recorded_without_gradients():
    x = torch.ones(2)
    assert not (x * 2).requires_grad
    assert (x * 2).grad_fn is None
    w = leaf(1.0)
    with torch.no_grad():
        assert not (w * 2).requires_grad
        with torch.enable_grad():
            assert (w * 2).requires_grad
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_gradient_modes_decorate_functions():
    @torch.no_grad()
    def plain(w):
        return w * 2

    @torch.no_grad
    def bare(w):
        return w * 2

    assert not plain(leaf(1.0)).requires_grad
    assert not bare(leaf(1.0)).requires_grad


def test_the_gradient_mode_is_each_threads_own():
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_set_grad_enabled_holds_without_a_block():
    torch.set_grad_enabled(False)
    try:
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)


def test_detach_and_data_cut_the_graph():
    for cut in (lambda x: x.detach(), lambda x: x.data):
        w = leaf(2.0)
        (w * cut(w * w)).sum().backward()
        assert w.grad.tolist() == [4]


def test_weights_of_backward():
    w = leaf(1.0, 2.0)
    (w * w).backward(torch.tensor([1.0, 10.0]))
    assert w.grad.tolist() == [2, 40]
    with pytest.raises(RuntimeError, match=r"Mismatch in shape: grad_output\[0\] has a shape of torch\.Size\(\[3\]\)"):
        (w * w).backward(torch.ones(3))


def test_grad_gives_gradients_and_leaves_grad_alone():
    w, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
    by_w, by_v = torch.autograd.grad((w * v).sum(), [w, v])
    assert (by_w.tolist(), by_v.tolist()) == ([3, 4], [1, 2])
    assert w.grad is None
    (by_h,) = torch.autograd.grad((w * 2).sum(), w)
    assert by_h.tolist() == [2, 2]


def test_grad_by_a_tensor_on_the_way():
    w = leaf(3.0)
    h = w * w
    (by_h,) = torch.autograd.grad((h * h).sum(), h)
    assert by_h.tolist() == [18]


def test_grad_by_what_was_not_used():
    w, unused = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        torch.autograd.grad((w * w).sum(), unused)
    assert torch.autograd.grad((w * w).sum(), [w, unused], allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad((w * w).sum(), torch.ones(1))


def test_derivatives_of_derivatives():
    w = leaf(2.0)
    y = (w**4).sum()
    for expected in (32, 48, 48, 24):
        (y,) = torch.autograd.grad(y.sum(), w, create_graph=True)
        assert y.tolist() == [expected]


def test_a_penalty_on_gradients():
    w = leaf(1.0, 2.0)
    loss = (w**3).sum()
    (slope,) = torch.autograd.grad(loss, w, create_graph=True)
    (loss + (slope**2).sum()).backward()
    np.testing.assert_allclose(w.grad.tolist(), [3 + 36, 12 + 36 * 8])


def test_backward_can_record_gradients():
    w = leaf(3.0)
    (w**3).sum().backward(create_graph=True)
    assert w.grad.requires_grad
    (second,) = torch.autograd.grad(w.grad.sum(), w)
    assert second.tolist() == [18]


def test_retain_grad_keeps_the_gradient_of_a_tensor_that_is_no_leaf():
    w = leaf(2.0)
    h = w * w
    h.retain_grad()
    (h * 3).sum().backward()
    assert h.grad.tolist() == [3]
    assert w.grad.tolist() == [12]


def test_a_graph_that_shares_a_used_up_part():
    w = leaf(2.0)
    h = w * w
    h.sum().backward()
    with pytest.raises(RuntimeError, match="a second time"):
        (h * 2).sum().backward()


def test_a_graph_that_saved_nothing_may_be_gone_through_again():
    w = leaf(2.0)
    loss = (w + 1).sum()
    loss.backward()
    loss.backward()
    assert w.grad.tolist() == [2]


def test_the_graph_is_freed_after_backward_though_the_loss_lives():
    w = leaf(*[1.0] * 10)
    array = np.ones(10, np.float32)
    batch = torch.from_numpy(array)
    gone = weakref.ref(array)
    loss = (w * batch).sum()
    loss.backward()
    del array, batch
    gc.collect()
    assert gone() is None
    assert loss.item() == 10


def test_no_cycle_keeps_tensors_alive():
    gc.disable()
    try:
        w = leaf(1.0, 2.0)
        h = w * w
        h.sum().backward()
        gone = weakref.ref(h), weakref.ref(w)
        del h, w
        assert gone[0]() is None
        assert gone[1]() is None
    finally:
        gc.enable()


def test_a_leaf_that_is_gone_collects_nothing():
    loss = (leaf(1.0) * 2).sum()
    loss.backward()


def test_a_leaf_cannot_be_written_to_while_it_records():
    w = leaf(1.0)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        w.add_(1)
    with torch.no_grad():
        w.add_(1)
    assert w.tolist() == [2]


def test_a_write_to_what_a_derivative_needs_is_noticed():
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    with torch.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation: \[torch.FloatTensor \[2\]\] is at version 1"):
        loss.backward()


def test_a_write_to_what_no_derivative_needs_is_fine():
    w = leaf(1.0, 2.0)
    loss = (w + 1).sum()
    with torch.no_grad():
        w.add_(1)
    loss.backward()
    assert w.grad.tolist() == [1, 1]


def test_recorded_writes_in_place_have_gradients():
    w = leaf(-1.0, 2.0)
    h = w * 3
    h.clamp_(min=0)
    h += w
    h[0] = 5.0
    (h * h).sum().backward()
    assert w.grad.tolist() == [0, 2 * 8 * 4]


def test_a_recorded_write_to_a_view_is_refused():
    h = leaf(1.0, 2.0) * 2
    with pytest.raises(RuntimeError, match="view"):
        h[:1].mul_(2)


def test_requires_grad_is_for_leaves():
    w = leaf(1.0)
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        (w * 2).requires_grad_(False)
    w.requires_grad = False
    assert not (w * 2).requires_grad
    assert torch.ones(2).requires_grad_().requires_grad


def test_a_gradient_is_set_by_hand_if_it_fits():
    w = leaf(1.0)
    w.grad = torch.tensor([5.0])
    (w * 2).sum().backward()
    assert w.grad.tolist() == [7]
    with pytest.raises(RuntimeError, match=r"assigned grad is a tensor of size \[3\]"):
        w.grad = torch.ones(3)


def test_gradients_have_memory_of_their_own():
    w, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
    weight = torch.ones(2)
    (w + v).backward(weight)
    w.grad.zero_()
    assert v.grad.tolist() == [1, 1]
    assert weight.tolist() == [1, 1]


def test_an_intermediate_value_is_not_written_over():
    places = torch.tensor([[0], [1]])
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    for _ in range(2):
        x.grad = None
        x.gather(1, places).sum().backward()
    assert places.tolist() == [[0], [1]]
    assert x.grad.tolist() == [[1, 0], [0, 1]]


def test_a_very_long_graph():
    w = leaf(1.0)
    h = w
    for _ in range(5000):
        h = h + w
    h.sum().backward()
    assert w.grad.tolist() == [5001]


def test_threads_go_backward_at_once():
    errors = []

    def work(seed):
        rng = np.random.default_rng(seed)
        array = rng.standard_normal((20, 20)).astype(np.float32)
        for _ in range(30):
            w = torch.tensor(array, requires_grad=True)
            (w.mm(w) / 0.5).sum().backward()
            expected = 2 * (array.sum(1)[None, :] + array.sum(0)[:, None])
            if not np.allclose(w.grad.numpy(), expected, rtol=1e-3, atol=1e-3):
                errors.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
