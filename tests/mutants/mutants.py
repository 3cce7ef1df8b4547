"""Mutants: single-line faults, each put into a copy of the source, and the tests that must notice it.

    python -m tests.mutants.mutants            all of them; ends with the survivors and exit code 1 if there are any
    python -m tests.mutants.mutants crest ema  those whose file or description holds one of these words

A suite proves as much as the faults it catches. Among these are the mistakes met in published code (a gradient
accumulated twice, rows out of step with their indices, index 0 taken for "none", a seed set anew at each call, a
look-ahead that never happens, passes that no counter shows, weights renormalised per batch), each as one line.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 120  # seconds for one mutant's tests; the slowest take a tenth of it
WORKERS = 2

# file in minicrest/: rows of (text that occurs once, text in its place, what it is, test that notices, more tests).
# "layers::test_x" is the test_x of test_layers.py, in whichever folder of tests/unit/ that file lies.
TABLE = {
    "nn/layer.py": [
        ("np.repeat([0.0, 1.0],", "np.repeat([1.0, 0.0],", "mean and variance swapped",
         "network::test_initial_statistics_are_mean_0_and_variance_1_in_the_order_of_the_layers"),
        ("type(cache)(Layer.cut(self, part, rows)", "type(cache)(Layer.cut(self, part, rows[::-1])",
         "cut: a tuple's rows in another order", "contract_of_layers::test_the_defaults_of_a_layer"),
        ("return (len(rows), *cache[1:])", "return cache", "cut: the shape of the whole batch",
         "layers::test_a_cut_cache_is_the_cache_of_the_rows_alone"),
        ("    piecewise_linear = False", "    piecewise_linear = True", "piecewise linear unless it objects",
         "contract_of_layers::test_the_exact_diagonal_is_refused_where_it_would_be_wrong"),
        ("(self.per_example(cache, dy) ** 2).sum(1)", "(self.per_example(cache, dy) ** 2).mean(1)",
         "squared norms: mean for sum", "network::test_norms_and_gram_equal_the_explicit_matrix_without_it"),
    ],
    "nn/layers.py": [
        ("return dy @ W.T if", "return dy @ W if", "Linear: transpose dropped",
         "layers::test_forward_and_backward_equal_the_loops"),
        ("        db[...] = dy.sum(0)", "        db[...] = dy.mean(0)", "Linear: mean for sum",
         "layers::test_forward_and_backward_equal_the_loops"),
        ("return Rdy @ W.T + dy @ RW.T", "return Rdy @ W.T - dy @ RW.T", "Linear: sign flipped in second order",
         "layers::test_tangents_are_derivatives_along_random_directions"),
        ("RdW += Rx.T @ dy", "RdW += Rx.T @ Rdy", "Linear: wrong factor in the product rule",
         "layers::test_tangents_are_derivatives_along_random_directions"),
        ("((x * x).sum(1) + 1) * (dy * dy)", "(x * x).sum(1) * (dy * dy)", "Linear: norms without the bias",
         "network::test_norms_and_gram_equal_the_explicit_matrix_without_it"),
        ("np.sqrt(2 / self.inputs)", "np.sqrt(2 / self.outputs)", "Linear: initial scale from the wrong side",
         "layers::test_initial_weights_have_the_scale_of_he"),
        ("return array_module(x).maximum(x, 0), x > 0", "return array_module(x).maximum(x, 0), x < 0",
         "ReLU: mask inverted", "layers::test_forward_and_backward_equal_the_loops"),
        ("return Rdy * on", "return Rdy", "ReLU: mask dropped in second order",
         "layers::test_tangents_are_derivatives_along_random_directions"),
        ("* Rdy - 2 * y * Ry * dy", "* Rdy + 2 * y * Ry * dy", "Tanh: sign of the second derivative",
         "layers::test_tangents_are_derivatives_along_random_directions"),
        ("        return dy * dy", "        return dy", "Linear: exact diagonal without the square",
         "network::test_hessian_diagonal_is_that_of_the_explicit_hessian"),
    ],
    "nn/norm.py": [
        ("multiply(xh, mean_dy_xh, out=dx)", "multiply(xh, 0 * mean_dy_xh, out=dx)",
         "BatchNorm: variance taken for a constant", "layers::test_forward_and_backward_equal_the_loops"),
        ("self._mean(Rrows, xh) + self._mean(rows, Rxh)", "self._mean(Rrows, xh)", "BatchNorm: half of a product rule",
         "layers::test_tangents_are_derivatives_along_random_directions"),
        ("var[:c] * (m / (m - 1))", "var[:c]", "BatchNorm: biased running variance",
         "layers::test_batch_statistics_are_mean_and_unbiased_variance"),
        ("return take(xh, rows), s, None", "return xh, s, None", "BatchNorm: cache of all rows",
         "layers::test_a_cut_cache_is_the_cache_of_the_rows_alone"),
        ("eps: float = 1e-5", "eps: float = 1e-3", "BatchNorm: another eps",
         "contract_of_layers::test_defaults_are_the_customary_ones"),
        ("x.size // self.channels < 2:", "x.size // self.channels < 1:", "BatchNorm: one value a channel accepted",
         "contract_of_layers::test_batch_norm_of_one_value_a_channel_is_refused_in_training_mode"),
    ],
    "nn/conv.py": [
        ("[::-1, ::-1].transpose(0, 1, 3, 2)", ".transpose(0, 1, 3, 2)", "Conv2d: kernel not turned",
         "layers::test_forward_and_backward_equal_the_loops"),
        ("                db[...] = channel_sums(", "                db[...] = 0 * channel_sums(",
         "Conv2d: no gradient of the bias", "layers::test_forward_and_backward_equal_the_loops"),
        ("_window_products(Rx, dy, self", "_window_products(Rx, Rdy, self", "Conv2d: wrong factor in the product rule",
         "layers::test_tangents_are_derivatives_along_random_directions"),
        ("[columns[:, a : a + last : stride]", "[columns[:, 0 : last : stride]", "Conv2d: one row for all",
         "layers::test_forward_and_backward_equal_the_loops"),
        ("_windows(x, k, stride).transpose(0, 3, 4, 5, 1, 2)", "_windows(x, k, stride).transpose(0, 4, 3, 5, 1, 2)",
         "Conv2d: short windows turned", "layers::test_columns_equal_their_plain_twin"),
        ("[:, : x.shape[1], : x.shape[2]] = x", "[:, : x.shape[1], : x.shape[2]] = 2 * x", "Conv2d: padding doubles",
         "layers::test_forward_and_backward_equal_the_loops"),
        ("dW[...] = sums.sum(0)", "dW[...] = sums[-1]", "Conv2d: only the last part of a batch counts",
         "layers::test_a_large_batch_is_its_examples_one_by_one"),
        ("xp.concatenate([G, dy.sum(1)], axis=1)", "xp.concatenate([G, dy.mean(1)], axis=1)",
         "Conv2d: mean for sum in per-example gradients", "layers::test_per_example_is_backward_of_single_examples"),
        ("self.kernel - 2 * self.padding)", "self.kernel - self.padding)", "Conv2d: padding counted on one side",
         "contract_of_layers::test_the_smallest_image_of_a_convolution_is_its_window_less_the_padding_on_both_sides"),
        ("    bias: bool = True", "    bias: bool = False", "Conv2d: no bias by default",
         "contract_of_layers::test_defaults_are_the_customary_ones"),
        ("buffer = array_module(part).empty(part.shape, part.dtype) if", "buffer = part if",
         "Conv2d: columns overwrite the images", "layers::test_a_large_batch_is_its_examples_one_by_one"),
    ],
    "nn/pool.py": [
        ("(view > y).view", "(view >= y).view", "MaxPool2d: ties to the last",
         "layers::test_max_pool_gives_ties_to_the_first_in_reading_order"),
        ("dx += dy / (shape[2] * shape[3])", "dx += dy", "AvgPool2d: sum for mean",
         "layers::test_forward_and_backward_equal_the_loops"),
        ("return take(winner, rows), (len", "return winner[: len(rows)], (len", "MaxPool2d: winners of the first rows",
         "layers::test_a_cut_cache_is_the_cache_of_the_rows_alone"),
        ("self.kernel, 1, 16)", "self.kernel, 1, 17)", "MaxPool2d: a winner's place overflows its byte",
         "layers::test_impossible_pooling_is_refused"),
    ],
    "nn/rows.py": [
        ("rows[piece] * factor[piece]", "rows[piece]", "the factor forgotten",
         "layers::test_forward_and_backward_equal_the_loops"),
    ],
    "threads.py": [
        ("todo, count = iter(parts), getattr(", "todo, count = parts, getattr(", "every thread does every part",
         "threads::test_every_part_is_done_once_by_the_threads_that_blas_had"),
        ("for error in filter(None, errors):", "for error in ():", "what a thread raises is lost",
         "threads::test_an_error_in_any_thread_arrives_and_leaves_all_in_order"),
        ("if getattr(_this_thread, \"count\", 0) or not _blas_lock.acquire(blocking=False):",
         "if getattr(_this_thread, \"count\", 0):",
         "a second thread changes BLAS's setting too",
         "threads::test_outside_the_context_and_in_a_second_thread_the_caller_works_alone"),
        ("submit(copy_context().run, work, todo)", "submit(work, todo)", "errstate of the caller lost",
         "threads::test_errstate_holds_in_all_threads_and_there_is_one_pool"),
        ("step = math.ceil(len(array) /", "step = math.floor(len(array) /", "more pieces than are needed",
         "threads::test_pieces_cover_the_rows_once_and_are_even"),
    ],
    "nn/chain.py": [
        ("if self.convolves and array_module(w) is np else", "if self.convolves else", "a device's work given away",
         "threads::test_a_device_is_left_to_the_thread_that_asked"),
        ("layer.backward(w[part], caches[k], dy,", "layer.backward(w[part], caches[k - 1], dy,",
         "mask from the wrong layer", "network::test_gradient_is_the_derivative_of_the_weighted_losses"),
        ("return dx + dz if", "return dx if", "Residual: gradient of the shortcut dropped",
         "layers::test_forward_and_backward_equal_the_loops"),
        ("else Ry + Rz, [", "else Ry - Rz, [", "Residual: sign flipped in the tangent",
         "layers::test_tangents_are_derivatives_along_random_directions"),
        ("forward(shortcut, x, halves[1])", "forward(shortcut, x, halves[0])",
         "Residual: statistics of the wrong layer", "layers::test_forward_and_backward_equal_the_loops"),
        ("slice(offset + part.start, offset + part.stop)", "slice(part.start, part.stop)",
         "per-example gradients in the wrong place",
         "network::test_per_example_gradients_are_gradients_of_single_examples"),
        ("kept[k] = dy", "kept[k - 1] = dy", "dy kept for the wrong layer",
         "layers::test_tangents_are_derivatives_along_random_directions"),
        ("[layer.cut(cache, rows) for", "[layer.cut(cache, rows[::-1]) for", "cut: rows in another order",
         "network::test_finish_is_the_gradient_with_zero_weights"),
    ],
    "nn/losses.py": [
        ("return p * (u - (p * u).sum(1, keepdims=True))", "return 0 * u", "softmax: a derivative of zeros", "losses"),
        ("(u - (p * u).sum(1, keepdims=True))", "(u + (p * u).sum(1, keepdims=True))", "softmax: sign flipped",
         "losses"),
        (", y] -= 1", ", y] += 1", "softmax: p + y", "losses"),
        ("z = z - z.max(1, keepdims=True)  #", "z = z - 0  #", "softmax: overflow", "losses"),
        ("xp.sqrt(p)[:, None, :]", "xp.sqrt(p)[:, :, None]", "softmax: root scaled along the wrong axis", "losses"),
        ("return p * (1 - p) * u", "return p * u", "logistic: curvature p", "losses"),
        ("** 2).sum(1) / 2", "** 2).mean(1) / 2", "squared error: mean for sum over the outputs", "losses"),
        ("exp(_logits(z) - z.max(1, keepdims=True))", "exp(_logits(z) - z.max())", "softmax: one maximum for the batch",
         "losses::test_rows_of_very_different_size_do_not_disturb_each_other"),
        ("y.astype(\"uint64\").max() >= classes", "y.max() >= classes", "negative labels count from the end",
         "losses::test_targets_that_do_not_fit_are_refused"),
        ("((y == 0) | (y == 1)).all()", "((y >= 0) & (y <= 1)).all()", "logistic: labels in between",
         "losses::test_targets_that_do_not_fit_are_refused"),
    ],
    "nn/network.py": [
        ("astype(z.dtype)[:, None] / n", "astype(z.dtype)[:, None] / weights.sum()",
         "weights renormalised per batch", "network::test_gradient_is_the_derivative_of_the_weighted_losses"),
        ("dz = c * forward_pass.", "dz = 2 * c * forward_pass.",
         "gradient doubled", "network::test_gradient_is_the_derivative_of_the_weighted_losses"),
        ("gradient += self.loss.l2 * c.sum() * theta", "gradient += self.loss.l2 * theta",
         "l2 term without the weights", "network::test_l2_adds_the_same_term_everywhere"),
        ("Rdz = c * self.loss.hessian(z, y, Rz)", "Rdz = self.loss.hessian(z, y, Rz)", "sum for mean in H v",
         "network::test_hvp_equals_the_explicit_hessian_and_is_symmetric"),
        ("        dz = self.loss.gradient(z, y)", "        dz = self.loss.gradient(z, y) / len(x)",
         "1/batch in per-example gradients", "network::test_per_example_gradients_are_gradients_of_single_examples"),
        ("* xp.sqrt(c)[:, :, None]", "* c[:, :, None]", "exact diagonal: weights squared",
         "network::test_hessian_diagonal_is_that_of_the_explicit_hessian"),
        ("square += 2 * self.loss.l2 * slope()", "square += self.loss.l2 * slope()", "l2 cross term halved",
         "network::test_norms_and_gram_equal_the_explicit_matrix_without_it"),
        ("and forward_pass.statistics is None:", "and True:", "batch-norm in training mode: rows left out",
         "network::test_finish_is_the_gradient_with_zero_weights"),
        ("dz, caches = dz[rows], self.chain", "dz, caches = dz[: len(rows)], self.chain", "caches and dz of other rows",
         "network::test_finish_is_the_gradient_with_zero_weights"),
        ("rows = np.flatnonzero(weights)", "rows = np.arange(n)", "rows without weight go back too",
         "network::test_only_rows_with_weight_go_back_unless_batch_norm_couples_them"),
        ("if weights is not None and array_module(weights) is np and", "if weights is not None and",
         "the host waits for the weights", "network::test_weights_on_a_device_are_not_looked_at"),
    ],
    "taylor.py": [
        ("(2 * rng.integers(0, 2, shape) - 1)", "rng.integers(0, 2, shape)", "probes of 0 and 1", "taylor"),
        ("return (probes * _products(hvp, probes)).sum(1).mean()", "return (probes * _products(hvp, probes)).sum()",
         "trace: sum for mean", "taylor"),
        ("return (probes * _products(hvp, probes)).mean(0)", "return abs(probes * _products(hvp, probes)).mean(0)",
         "diagonal without its sign", "taylor"),
        ("if products is None or _shape(products) != _shape(probes):", "if products is None:", "products broadcast",
         "taylor::test_shapes_and_numbers_that_do_not_fit"),
        ('.kind not in "if":', '.kind not in "iuf":', "probes of 1 and 255",
         "taylor::test_shapes_and_numbers_that_do_not_fit"),
        ("return self.total / (1 - self.beta**self.count)", "return self.total", "EMA without correction", "taylor"),
        ("total = (1 - self.beta) * x if", "total = x if", "EMA: the first value counts too much", "taylor"),
        (".sqrt(squares.mean)", ".abs(squares.mean)", "root of the mean square forgotten", "taylor"),
        ("self.gradient + 0.5 * self.curvature * delta", "self.gradient + self.curvature * delta",
         "quadratic without its 1/2", "taylor"),
        ("return miss / loss if", "return miss / self.constant if", "rho relative to the old loss", "taylor"),
    ],
    "submodular/facility.py": [
        ("e = gains.argmax(axis=1)  #", "e = gains.argmax(axis=1) * (t > 0)  #", "index 0 always selected",
         "submodular::test_no_index_is_favoured"),
        ("e = gains.argmax(axis=1)  #", "e = q - 1 - gains[:, ::-1].argmax(axis=1)  #", "ties to the highest index",
         "submodular::test_medoids_with_many_ties"),
        ("old[a:b].sum(dtype=np.int64) - clipped", "0 - clipped", "losses of gains counted from 0",
         "submodular::test_medoids_with_many_ties"),
        ("np.flatnonzero(to_e < near)", "np.flatnonzero(to_e <= near)", "a tie takes the point from its first medoid",
         "submodular::test_planted_duplicates_have_weight_zero_and_their_cluster_goes_to_the_earlier"),
        ("result = order, weights if k <", "result = order, weights + 1 if k <", "weights 1 + cluster size",
         "submodular::test_weights_sum_to_q_and_the_loss_falls"),
        ("minlength=order.shape[1]) for", "minlength=order.shape[1]).clip(1) for", "an empty cluster weighs 1",
         "submodular::test_planted_duplicates_have_weight_zero_and_their_cluster_goes_to_the_earlier"),
        ("near[:, :, None]).sum(axis=1,", "near[:, None, :]).sum(axis=1,", "on a device: gains along the wrong axis",
         "submodular::test_problems_at_once_are_problems_one_by_one"),
        ("np.full(q, t == 0), 16", "np.full(q, True), 16", "lazy: stale bounds taken for gains",
         "submodular::test_medoids_with_many_ties"),
        ("medoids._replace(indices=members[medoids.indices])", "medoids", "indices within the class returned",
         "submodular::test_classes_share_k_by_largest_remainder"),
        ('shares[np.argsort(-remainders, kind="stable")[: k - shares.sum()]] += 1', "shares += remainders > 0",
         "shares of classes rounded up", "submodular::test_class_quotas_sum_to_k_and_are_within_one_of_the_proportion"),
        ('np.argsort(-remainders, kind="stable")', "np.argsort(-remainders)", "equal remainders in any order",
         "submodular::test_quotas_of_many_ties_go_to_the_lowest_class"),
        ("for a, b in zip(cuts, cuts[1:]):", "for a, b in zip(cuts[:2], cuts[1:]):", "losses of the first problem only",
         "submodular::test_problems_at_once_are_problems_one_by_one"),
        ("                result[blurred] = better", "                result[blurred] = result[blurred]",
         "float32 beside a far outlier", "submodular::test_a_far_outlier_does_not_merge_the_others"),
        ("            warnings.warn(text, RuntimeWarning, stacklevel=3)", "            pass", "lost digits unsaid",
         "submodular::test_no_digits_remain_beside_an_outlier_and_it_is_said"),
    ],
    "submodular/points.py": [
        ("        self.xp.sqrt(total, out=total)", "        pass", "distances squared",
         "submodular::test_distances_are_not_squared"),
        ("Digits(25, 0, -2, np.int32, 14)", "Digits(25, 0, -6, np.int32, 14)", "digits of float32 distances lost",
         "submodular::test_distances_are_as_exact_as_stated_symmetric_and_zero_for_duplicates"),
        ("Digits(25, 26, 20, np.int64, 35)", "Digits(25, 12, 20, np.int64, 35)", "digits of float64 features lost",
         "submodular::test_distances_are_as_exact_as_stated_symmetric_and_zero_for_duplicates"),
        ("(square > 2.0**-900) & (square < np.inf)", "(square >= 0) & (square < np.inf)", "squares that underflow",
         "submodular::test_squares_that_under_or_overflow"),
        ("(squares == 0).sum(axis=1) + size", "size", "duplicates counted among typical distances",
         "submodular::test_a_far_outlier_does_not_merge_duplicates"),
        ("typical < square * 4.0**-digits", "typical < square * 4.0**-2 * 4.0**-digits", "blurred a little too late",
         "submodular::test_blurred_from_the_stated_ratio"),
    ],
    "submodular/functions.py": [
        ("[np.maximum(b - state, 0)", "[(b - state)", "facility location: losses counted as gains",
         "submodular::test_gains_are_differences_of_values_along_any_order"),
        ("after[i, None]) - before[i, None]", "after[i, None]) - after[i, None]", "gains kept up to date wrongly",
         "submodular::test_refresh_keeps_facility_location_gains_exact"),
        ("self.lam * (2 * state[elements] +", "self.lam * (state[elements] +", "graph cut: pairs counted once",
         "submodular::test_gains_are_differences_of_values_along_any_order"),
        ("size == 1 else min(value, nearest[e])", "size == 1 else max(value, nearest[e])", "disparity: max for min",
         "submodular::test_gains_are_differences_of_values_along_any_order"),
        ("[np.triu_indices(len(S), 1)].sum(dtype", ".sum(dtype", "disparity: every pair twice",
         "submodular::test_gains_are_differences_of_values_along_any_order"),
        ("return np.log(remainder)", "return -np.log(remainder)", "log-det: the most redundant preferred",
         "submodular::test_gains_are_differences_of_values_along_any_order"),
        ("> 1e-5 * abs(matrix).max():", "> 1e-2 * abs(matrix).max():", "half a matrix taken for symmetric",
         "submodular::test_symmetry_is_judged_at_what_float32_products_leave"),
        ("        return self.gains(after, np.arange(self.n))", "        return gains", "gains never refreshed",
         "submodular::test_a_set_function_of_ones_own"),
    ],
    "submodular/greedy.py": [
        ("        taken[e] = True", "        taken[e] = False", "greedy picks an element twice",
         "submodular::test_naive_lazy_and_incremental_greedy_make_one_list"),
        ("while heap[0][2] < t:", "while heap[0][2] < 0:", "lazy greedy never refreshes",
         "submodular::test_naive_lazy_and_incremental_greedy_make_one_list"),
        ('stream(seed, "stochastic greedy", step)', 'stream(0, "stochastic greedy", step)', "seed reset at each call",
         "submodular::test_stochastic_greedy_in_the_mean_and_on_the_bill"),
        ("math.ceil(-f.n / size * math.log(eps))", "math.ceil(-f.n / size * math.log(1 - eps))",
         "stochastic greedy looks at too few", "submodular::test_stochastic_greedy_in_the_mean_and_on_the_bill"),
        ("Selection(part[one.indices], one.gains)", "Selection(one.indices, one.gains)", "GreeDi: indices of the part",
         "submodular::test_greedi_bound_and_indices"),
        ("merged.gains), *local], key", "merged.gains), *local[:0]], key", "GreeDi: best part forgotten",
         "submodular::test_greedi_returns_the_best_part_if_that_is_better"),
        ('np.array_split(stream(seed, "greedi").permutation(f.n), parts)', "np.array_split(np.arange(f.n), parts)",
         "GreeDi: parts not random", "submodular::test_greedi_returns_the_best_part_if_that_is_better"),
    ],
    "batch.py": [
        ("gamma * (len(gamma) / gamma.sum())", "gamma / gamma.sum()", "weights of sum 1",
         "crest::test_a_batch_is_one_coreset_and_each_is_drawn_alike"),
        ("[gamma > 0], gamma[gamma > 0]", "[gamma >= 0], gamma[gamma >= 0]", "training on examples of weight 0",
         "crest::test_examples_of_weight_0_are_left_out"),
    ],
    "ledger.py": [
        ('"hessian": 4}', '"hessian": 2}', "Hessian products at half price", "oracle::test_prices"),
        ("self.cost + price > self.limit", "self.cost > self.limit", "the bill overshot",
         "oracle::test_what_exceeds_the_limit_is_not_begun"),
        ("self.cost + price > self.limit", "self.cost + price >= self.limit", "what fits exactly is refused",
         "oracle::test_what_exceeds_the_limit_is_not_begun"),
    ],
    "learner.py": [
        ('stream(oracle.seed, "augment", oracle.time)', 'stream(oracle.seed, "augment")',
         "the same crops at every step", "oracle::test_a_training_step_is_augmented_and_in_training_mode"),
        ("STATISTICS_MOMENTUM * (batch_statistics - before)", "(1 - STATISTICS_MOMENTUM) * (batch_statistics - before)",
         "running statistics with the momentum inverted", "oracle::test_a_fork_trains_on_the_same_bill"),
        ("done.statistics if np.any(batch.weights) else None", "done.statistics",
         "statistics of a batch without weight", "oracle::test_a_batch_without_weight_moves_nothing"),
        ("oracle.ledger.charge(forward=i.size, backward=i.size)", "oracle.ledger.charge(forward=i.size)",
         "a step's backward pass unbilled", "oracle::test_a_training_step_is_augmented_and_in_training_mode"),
    ],
    "npz.py": [
        ("_array(entries.read(name))", "np.load(entries.open(name), allow_pickle=False)", "entries not read to the end",
         "checkpoint::test_every_bit_of_an_arrays_header_is_believed_only_with_its_checksum"),
        ("math.prod(shape) * dtype.itemsize != len(data) - start", "False", "a shape believed before its bytes",
         "checkpoint::test_hostile_arrays_are_refused_before_they_take_memory"),
        ("if total > largest:", "if False:", "zeros that expand to gigabytes",
         "checkpoint::test_hostile_archives_are_refused"),
    ],
    "run.py": [
        ("Dataset(x, array_module(x).zeros(len(x), \"int64\"), scale=self.scale, shift=self.shift)",
         "Dataset(x, array_module(x).zeros(len(x), \"int64\"))", "raw images predicted without their scale",
         "train::test_predict_scales_raw_images_as_in_training"),
        ("and not math.isfinite(value) else value", "and math.isnan(value) else value", "infinity in the JSON",
         "train::test_infinite_hyper_parameters_are_null_in_the_json"),
    ],
    "oracle.py": [
        ("return self.answers(i).losses",
         "return self._network.losses(*self._ask(np.arange(len(self))), self.statistics)[i]",
         "a pass over all the data that no bill shows",
         "oracle::test_a_question_is_the_networks_in_evaluation_mode_and_billed"),
        ("self._network.answers(*self._ask(part), self.statistics)", "self._network.answers(*self._ask(part), None)",
         "questions in training mode", "oracle::test_a_question_is_the_networks_in_evaluation_mode_and_billed"),
        ("self._network.gradient, forward=n, backward=n)", "self._network.gradient, forward=n)",
         "backward pass unbilled", "oracle::test_a_question_is_the_networks_in_evaluation_mode_and_billed"),
        ("* (1 if v.ndim == 1 else len(v))", "", "only the first probe billed",
         "oracle::test_a_question_is_the_networks_in_evaluation_mode_and_billed"),
        ("(len(part) / n) * question(", "question(", "parts of a batch added, not averaged",
         "oracle::test_a_question_is_the_networks_in_evaluation_mode_and_billed"),
        ("weights[start : start + len(part)]", "weights[: len(part)]", "weights of another part",
         "oracle::test_a_question_is_the_networks_in_evaluation_mode_and_billed"),
        ("self.theta, self.statistics, self.seed, self.ledger)", "self.theta, self.statistics, self.seed)",
         "validation on a bill of its own", "oracle::test_validation_is_on_the_same_bill"),
        ("held_out._place = self._place", "pass", "validation forgets time and progress",
         "oracle::test_validation_is_at_the_same_point_of_the_training"),
        ("if classes > max(outputs, 2):", "if False:", "labels beyond the outputs",
         "oracle::test_labels_fit_the_outputs"),
    ],
    "optim.py": [
        ("            v += g", "            v += 2 * g", "gradient accumulated twice",
         "optim::test_against_a_scalar_twin"),
        ("v += self.weight_decay * w", "v -= self.weight_decay * w", "weight decay grows the weights",
         "optim::test_against_a_scalar_twin"),
        ("step = m / (1 - self.beta1**t) /", "step = m /", "AdamW: EMA without correction",
         "optim::test_against_a_scalar_twin"),
        ("theta -= (self.lr * factor) * (step +", "theta -= self.lr * (step +", "AdamW: schedule ignored",
         "optim::test_against_a_scalar_twin"),
        ("sum(progress > m for", "sum(progress < m for", "decay before the milestones",
         "optim::test_steps_is_the_papers_schedule"),
    ],
    "selection/crest.py": [
        ("oracle.losses(region.check)", "oracle.losses(np.arange(len(oracle)))", "check on n instead of r",
         "crest::test_the_bill_of_a_region"),
        ('stream(oracle.seed, "crest", "check", l)', 'stream(oracle.seed, "crest", "subset", l, 0)',
         "check on the examples it selected from", "crest::test_the_check_set_is_not_one_it_selected_from"),
        ("oracle.theta - region.origin", "0.5 * (oracle.theta - region.origin)", "delta is half the real step",
         "crest::test_delta_is_the_distance_from_the_start_of_the_region"),
        ("oracle.theta.copy(), model, check", "oracle.theta, model, check", "origin moves with the weights",
         "crest::test_the_weights_where_a_region_opens_are_a_copy"),
        ("constant = float(oracle.losses(check)", "constant = float(answers.losses",
         "constant and check from different examples", "crest::test_rho_is_zero_where_a_region_opens"),
        ('"subset", l, p)', '"subset", p)', "seed reset: every region has the same subsets",
         "crest::test_subsets_are_uniform_over_the_active_examples_and_not_stratified"),
        ('"subset", l, p)', '"subset", l)', "P times the same subset",
         "crest::test_a_coreset_is_the_medoids_of_its_whole_subset_mapped_back"),
        ('"subset", l, p).choice(active, r,', '"subset", l, p).choice(len(oracle), r,', "dropped examples come back",
         "crest::test_subsets_are_uniform_over_the_active_examples_and_not_stratified"),
        ("np.take_along_axis(V, medoids", "np.take_along_axis(np.sort(V), medoids", "indices shuffled, rows not",
         "crest::test_a_coreset_is_the_medoids_of_its_whole_subset_mapped_back"),
        ("weighted(region.indices[p], region.gamma[p])", "uniform(region.indices[p])", "coreset without its weights",
         "crest::test_a_batch_is_one_coreset_and_each_is_drawn_alike"),
        ("weighted(region.indices[p], region.gamma[p])", "weighted(region.indices[p], region.gamma[-1])",
         "weights of the last coreset win", "crest::test_an_example_in_two_coresets_has_the_weight_of_each"),
        ('"crest", "batch", state.step)', '"crest", "batch")', "seed reset: always the same coreset",
         "crest::test_a_batch_is_one_coreset_and_each_is_drawn_alike"),
        ('finite("gradients", answers.logit_gradients)', 'finite("gradients", answers.logits)', "medoids of the logits",
         "crest::test_a_coreset_is_the_medoids_of_its_whole_subset_mapped_back"),
        ("batch = weighted(S, weights)", "batch = uniform(S)", "model of the unweighted coresets",
         "crest::test_the_model_is_asked_of_the_weighted_coresets_with_a_fresh_probe_each"),
        ("mean_g + g / len(indices)", "mean_g + g", "sum for mean over the coresets",
         "crest::test_without_smoothing_the_model_is_the_plain_mean_over_the_coresets"),
        ("gradient, squares = state.gradient, state.squares",
         "gradient, squares = MovingAverage(self.beta1), MovingAverage(self.beta2)", "averages reset at every region",
         "crest::test_averages_take_one_value_per_coreset"),
        ("squares.update(H * H)", "squares.update(H)", "EMA of H, not of its squares",
         "crest::test_averages_take_one_value_per_coreset"),
        ('"probe", l, p), (1, oracle.size)', '"probe"), (1, oracle.size)', "seed reset: one probe for all",
         "crest::test_the_model_is_asked_of_the_weighted_coresets_with_a_fresh_probe_each"),
        ("state.step - state.region.start)", "state.step)", "checks counted from the start of training",
         "crest::test_periods_are_the_ratio_of_curvatures"),
        ("if rho <= self.tau:", "if rho < self.tau:", "rho = tau ends a region",
         "crest::test_the_threshold_is_kept_not_passed"),
        ("return H0 / H", "return H / H0", "T1 = h |H_l| / |H_0|",
         "crest::test_periods_are_the_ratio_of_curvatures"),
        ("H0=state.H0 or size", "H0=size", "H_0 overwritten by every region",
         "crest::test_periods_are_the_ratio_of_curvatures"),
        ("math.ceil(min(period, longest))", "math.floor(min(period, longest))", "periods rounded down",
         "crest::test_periods_are_the_ratio_of_curvatures"),
        ("self._bounded(self.b * T1, n)", "self._bounded(self.b, n)", "P = b",
         "crest::test_periods_are_the_ratio_of_curvatures"),
        ("state.active & (state.worst > -np.inf) &", "state.active &", "examples never seen count as learned",
         "crest::test_learned_examples_are_dropped"),
        ("state.active, worst=np.full(len(oracle), -np.inf))", "state.active)", "windows overlap",
         "crest::test_windows_do_not_overlap"),
        ("np.maximum.at(worst, V.ravel(), to_numpy(answers.losses).ravel())",
         "worst[V.ravel()] = to_numpy(answers.losses).ravel()", "the last loss of a window decides",
         "crest::test_one_large_loss_in_a_window_keeps_an_example"),
        ("if self.exclude and state.step and", "if not self.exclude and state.step and", "exclusion off by default",
         "crest::test_learned_examples_are_dropped"),
        ("return gradient.mean, root_mean_square(squares), gradient",
         "return gradient.mean, root_mean_square(squares) + 1e-4, gradient", "1e-4 added to the curvature",
         "crest::test_averages_take_one_value_per_coreset"),
        ("enough = remaining.sum() >= self._subset_size(len(oracle))", "enough = True", "exclusion without end",
         "crest::test_exclusion_leaves_a_subset"),
    ],
    "selection/base.py": [
        ("Batch(self.indices[place], self.weights[place])",
         "Batch(self.indices[place], self.weights[place] / self.weights[place].mean())",
         "weights renormalised per batch", "craig::test_weights_have_mean_one_and_are_inherited"),
        ("Batch(self.indices[place], self.weights[place])", "Batch(self.indices[place], self.weights[np.sort(place)])",
         "examples shuffled, weights not", "craig::test_weights_have_mean_one_and_are_inherited"),
        ("stream(oracle.seed, purpose, epoch)", "stream(oracle.seed, purpose)", "seed reset: one order for all epochs",
         "random::test_full_covers_everything_once_an_epoch"),
        ("if not bool(array_module(values).isfinite(values).all()):",
         "if bool(array_module(values).isnan(values).any()):",
         "infinity passes for finite", "hyperparameters::test_weights_that_are_not_finite_are_a_divergence",
         "hyperparameters::test_inputs_whose_curvature_overflows_are_a_divergence"),
        ("first.setdefault(b", "first.setdefault(str(i).encode() + b", "no row has a copy",
         "gradmatch::test_equal_rows_go_to_the_lowest_index"),
        ("to_numpy(array) + 0.0", "to_numpy(array)", "-0.0 is not 0.0", "gradmatch::test_copies_are_found_by_value"),
    ],
    "selection/scores.py": [
        ("rng.random(len(score)), -score)", "rng.random(len(score)), score)", "the easiest kept",
         "scores::test_the_highest_scores_are_kept_and_trained_on"),
        ("order[skip : skip + k]", "order[:k]", "offset ignored",
         "scores::test_a_planted_label_scores_highest_at_its_own_index"),
        ("min(round(offset * len(score)), len(score) - k)", "round(offset * len(score))", "fewer than k kept",
         "scores::test_an_offset_leaves_k_to_keep"),
        ('stream(oracle.seed, name, "run", run)', 'stream(oracle.seed, name, "run")', "seed reset: all runs are one",
         "scores::test_a_run_is_plain_SGD_on_all_the_data"),
        ("method.m, method.lr, method.t)", "method.m, method.lr, 0)", "scored before its epochs",
         "scores::test_el2n_is_measured_after_its_epochs"),
        ("return total / method.runs", "return total", "sum for mean over the runs",
         "scores::test_el2n_is_measured_after_its_epochs", "scores::test_grand_is_the_norm_of_the_whole_gradient"),
    ],
    "selection/medoids.py": [
        ("medoids.gains[places[1:]].sum()", "medoids.gains[places].sum()", "certificate: the first gain counted",
         "craig::test_the_certificate_is_its_definition_and_bounds_the_error"),
    ],
    "selection/check.py": [
        ("_require(alone,", "_require(True,", "global generators not looked at", "../contract/test_check.py"),
        ("_require(_values(held) == before,", "_require(True,", "changes in place not seen",
         "../contract/test_check.py"),
        ("_require(_values(transition(*given)) == answer,", "_require(True,", "asked only once",
         "../contract/test_check.py"),
        ("_require(billed == passed,", "_require(billed <= passed,", "free questions allowed",
         "../contract/test_check.py"),
        ("_require(one == two,", "_require(True,", "a second run not compared",
         "../contract/test_check.py"),
        ("_require(other != batches,", "_require(True,", "the seed need not decide", "../contract/test_check.py"),
        ("(i < n)", "(i <= n)", "an index beyond the last", "../contract/test_check.py"),
        ("(np.isfinite(w) & (w >= 0))", "(w >= 0)", "infinite weights",
         "../contract/test_check.py"),
        ("_require(_values(again) == _values((batch, proposed)),", "_require(True,", "a loaded state not compared",
         "../contract/test_check.py"),
    ],
    "selection/craig.py": [
        ("oracle.logit_gradients(np.arange(len(oracle)))", "oracle.logit_gradients(np.arange(len(oracle))[::-1])",
         "rows shuffled, indices not", "craig::test_a_far_example_gets_its_own_place_at_its_own_index"),
        ("state.subset.passes(self.m) >= self.R", "state.subset.passes(self.m) > self.R", "one pass too many",
         "craig::test_it_selects_anew_after_R_passes"),
        ("oracle.raw(np.arange(len(oracle)))", "oracle.logit_gradients(np.arange(len(oracle)))",
         "raw features that are not raw", "craig::test_raw_features_are_chosen_once_without_the_network"),
    ],
    "selection/adacore.py": [
        ("return g / (D + damping) ** power", "return g * (D + damping) ** power", "multiplied by H",
         "adacore::test_newton_steps_decide_whatever_the_condition"),
        ("D = root_mean_square(squares)", "D = squares.mean", "root of the mean square forgotten",
         "adacore::test_averages"),
        ('"adacore", "probe", number, e)', '"adacore", "probe")', "seed reset: one probe for all",
         "adacore::test_every_estimate_has_its_own_signs"),
        ("[xp.zeros((1, oracle.size - size), signs.dtype), signs]",
         "[signs, xp.zeros((1, oracle.size - size), signs.dtype)]", "probe in the wrong block",
         "adacore::test_estimates_are_unbiased"),
    ],
    "selection/gradmatch.py": [
        ("gain = (G @ r)[copies]", "gain = abs(G @ r)[copies]", "opposed gradients chosen",
         "gradmatch::test_opposed_gradients_are_not_used"),
        ("gain = (G @ r)[copies]", "gain = G @ r", "copies tie by rounding",
         "gradmatch::test_equal_rows_go_to_the_lowest_index"),
        ("gain[X] = -np.inf", "gain[X[:0]] = -np.inf", "the same element picked again",
         "gradmatch::test_a_chosen_element_is_never_picked_again"),
        ("math.sqrt(lam) * np.eye(p)", "lam * np.eye(p)", "lam squared",
         "gradmatch::test_where_plain_least_squares_would_be_negative"),
        ("gamma[groups[e]] = w", "gamma[e] = w", "positions taken for indices",
         "gradmatch::test_a_huge_gradient_is_chosen_under_its_own_index"),
        ("target = G.sum(0)", "target = G.mean(0)", "mean for sum",
         "gradmatch::test_selection_per_class_is_that_of_its_gradients"),
        ('"gradmatch", "fill", number)', '"gradmatch", "fill")', "seed reset: the same fill at every selection",
         "gradmatch::test_fill_differs_between_selections_and_seeds"),
    ],
    "selection/glister.py": [
        ("M = ahead.gradient(eta * shift)", "M = ahead.gradient(0 * shift)", "it never looks ahead",
         "glister::test_gains_are_those_at_w_S"),
        ("k, self.eta, self.rounds, self.eps, rng)", "k, self.eta, 1, self.eps, rng)", "a setting lost on the way",
         "glister::test_every_setting_reaches_the_greedy"),
        ("SMALLEST = 1e-16", "SMALLEST = 1e-8", "small probabilities raised to 1e-8",
         "glister::test_small_probabilities_keep_their_logits"),
        ("math.ceil(picks * n / k * math.log(1 / eps))", "math.ceil(n / k * math.log(1 / eps))",
         "a round of several picks looks at one pick's share", "glister::test_a_round_looks_at_its_share"),
        ("size = max(picks, math", "size = max(1, math", "fewer candidates than picks",
         "glister::test_a_round_looks_at_its_share"),
        ("z = self.z - (xp", "z = self.z + (xp", "a step uphill", "glister::test_gains_are_those_at_w_S"),
        ("self.single else a) / len(a)", "self.single else a)", "sum for mean over the validation part",
         "glister::test_gain_is_the_first_order_change"),
        ("e = to_device(pool[best], device_of(a))", "e = to_device(best, device_of(a))", "positions taken for indices",
         "glister::test_stochastic_greedy_sees_a_sample"),
    ],
    "selection/milo.py": [
        ('stream(seed, "milo", "easy", c, run)', 'stream(seed, "milo", "easy", c)',
         "seed reset: all easy subsets alike", "milo::test_easy_subsets_differ"),
        ('"milo", "varied", number)', '"milo", "varied")', "seed reset: all varied subsets alike",
         "milo::test_curriculum_by_steps"),
        ("gains[chosen.indices] = chosen.gains", "gains[:] = chosen.gains", "gains by rank, not by example",
         "milo::test_gains_against_a_loop"),
        ("replace=False, p=p[i])", "replace=False, p=np.sort(p[i]))", "probabilities of other examples",
         "milo::test_probability_stays_with_its_example"),
        ("w = 1 + u + u * u / 2", "w = 1 + u + u * u", "Taylor-softmax without its 1/2",
         "milo::test_probabilities_by_hand"),
        ("GraphCut((1 + cos) / 2, lam)", "GraphCut((1 - cos) / 2, lam)", "easy subsets of the unlike",
         "milo::test_easy_subsets_against_a_loop"),
        ("oracle.progress < self.kappa", "oracle.progress > self.kappa", "hard before easy",
         "milo::test_curriculum_by_steps"),
    ],
    "selection/dynamic.py": [
        ("a * (u - mean) ** 2", "a * (u - (1 - a) * mean - a * u) ** 2", "variance about the new mean",
         "dynamic::test_alternating_scores_tend_to_their_cycle"),
        ("return (1 - a) * mean + a * u,", "return a * mean + (1 - a) * u,", "EMA with its weights swapped",
         "dynamic::test_a_constant_score_is_approached_geometrically"),
        ("rng.choice(order[top:], k - top", "rng.choice(order, k - top", "some examples kept twice",
         "dynamic::test_epsilon_greedy_keeps_the_exact_top"),
        ("state.mean + self.c * state.variance", "state.mean - self.c * state.variance", "lower confidence bound",
         "dynamic::test_ucb_prefers_an_alternating_score_to_a_constant_of_the_same_mean"),
        ('"checkpoint", _checkpoints(state))', '"checkpoint")',
         "seed reset: the same random subset at every checkpoint",
         "dynamic::test_random_dynamic_keeps_each_example_equally_often"),
    ],
    "selection/el2n.py": [
        ("(a * a).sum(axis=-1)", "(a * a).mean(axis=-1)", "mean for sum", "scores::test_el2n_lies_between_its_bounds"),
    ],
    "selection/grand.py": [
        ("fork.gradient_norms(i)", "fork.gradient_norms(i) / self.m", "1/batch in the scores",
         "scores::test_grand_is_the_norm_of_the_whole_gradient"),
        ("fork.gradient_norms(i)", "oracle.gradient_norms(i)", "scores of the network in training",
         "scores::test_grand_is_the_norm_of_the_whole_gradient"),
    ],
    "selection/forgetting.py": [
        ("(correct[:-1] & ~correct[1:])", "(~correct[:-1] & correct[1:])", "learning counted, not forgetting",
         "scores::test_forgetting_events_of_scripted_rows"),
        ("events, len(correct))", "events, 0)", "never learned counts as never forgotten",
         "scores::test_forgetting_events_of_scripted_rows"),
        ("self.lr, self.T)):", "self.lr, self.T), 1):", "the epoch's last step counted to the next",
         "scores::test_forgetting_looks_before_each_update"),
    ],
    "selection/infobatch.py": [
        ("1 / (1 - q), 1.0)", "1.0, 1.0)", "kept examples not rescaled", "infobatch::test_the_epoch_sum_is_unbiased"),
        ("1 / (1 - q), 1.0)", "1 / q if q else 1.0, 1.0)", "rescaled by the wrong probability",
         "infobatch::test_the_epoch_sum_is_unbiased"),
        ("loss < min(loss.mean(), loss.max())", "loss > loss.mean()", "hard examples dropped",
         "infobatch::test_easy_is_below_the_mean_and_the_rest_stays_with_weight_one"),
        ("0.0 if annealing else self.q", "self.q", "no annealing",
         "infobatch::test_annealing_has_all_the_data_with_weight_one"),
        ("loss[feedback.indices] =", "loss[np.sort(feedback.indices)] =", "losses shuffled, indices not",
         "infobatch::test_observed_losses_reach_their_own_examples"),
    ],
    "selection/full.py": [
        ("step=state.step + 1", "step=state.step + 2", "every other batch skipped",
         "random::test_full_covers_everything_once_an_epoch"),
    ],
    "selection/random.py": [
        ('stream(oracle.seed, "random", state.step)', 'stream(oracle.seed, "random")', "seed reset at each call",
         "random::test_random_draws_every_subset_equally_often"),
        ("replace=False))", "replace=True))", "drawn with replacement", "random::test_random_batches"),
    ],
    "train.py": [
        ("optimizer.update(state.theta, gradient,", "optimizer.update(state.theta, gradient + gradient,",
         "gradient accumulated twice", "train::test_the_loop"),
        ("self.schedule(progress)", "self.schedule(state.step / self.limits.steps)", "schedule one step late",
         "train::test_the_loop"),
        ("state.statistics = self.learner.following(batch_statistics)", "self.learner.following(batch_statistics)",
         "running statistics never move", "train::test_the_loop"),
        ("np.add.at(state.uses, batch.indices, 1)", "state.uses[batch.indices] = 1", "uses not counted",
         "train::test_the_loop"),
        ("max(step / self.steps, cost", "min(step / self.steps, cost", "the bill does not lead the schedule",
         "train::test_a_bill_ends_the_training_and_leads_the_schedule"),
        ("oracle.ledger.limit = self.limits.bill", "pass", "no limit to the bill", "train::test_no_bill_is_overshot"),
        ("if repr(old.get(k)) != repr(new[k])]", "if k not in old]",
         "another training's checkpoint accepted", "../contract/test_resume.py::test_another_training_is_refused"),
        ('RECORDED = ("data_name", "notes", "minicrest", "numpy")', 'RECORDED = ("data_name", "notes", "minicrest")',
         "another NumPy locks out results", "../contract/test_resume.py::test_versions_and_notes_decide_nothing"),
        ("xp.isfinite(total) & xp.isfinite(state.theta).all()", "xp.isfinite(state.theta).all()",
         "losses that are not finite unnoticed", "train::test_a_loss_that_is_not_finite_ends_it"),
        ("finite | (state.alarm >= 0), state.alarm, state.step)", "finite, state.alarm, state.step)",
         "the last such step, not the first", "train::test_a_diverged_training_ends_and_says_where"),
        ("            if self.finite():", "            if True:", "features that are not finite end with an error",
         "train::test_a_method_that_meets_features_that_are_not_finite_has_diverged"),
        ("            if self.finite():", "            if False:", "a method's own error taken for divergence",
         "train::test_an_error_of_the_method_itself_is_no_divergence"),
        ("        oracle.ledger.stop = stop", "        pass", "preparations cannot be stopped",
         "train::test_stop_ends_a_preparation_at_the_next_question"),
        ("with one_blas_thread(), checkpoints", "with checkpoints", "bits depend on the number of threads",
         "train::test_the_number_of_blas_threads_changes_no_bit"),
        ("if strict and re.search(", "if False and re.search(", "addresses in the settings",
         "train::test_what_has_no_lasting_description_is_refused_if_a_checkpoint_is_wanted"),
    ],
    "checkpoint.py": [
        ("os.fsync(file.fileno())", "pass", "renamed before it is on disk",
         "checkpoint::test_the_file_is_on_disk_before_it_is_renamed"),
        ("temporary.unlink(missing_ok=True)", "pass", "half a file left behind",
         "checkpoint::test_a_crash_while_writing_leaves_the_old_file"),
        ('"device": device_of(node)}', '"device": "cpu"}', "arrays of a device come back on the host",
         "checkpoint::test_device_arrays_return_to_the_device"),
        ("part.unlink(missing_ok=True)", "pass", "what was left by a killed process stays",
         "checkpoint::test_what_a_killed_process_left_is_removed"),
        ("_write_beside(Path(os.path.realpath(path)), write)", "_write_beside(path, write)", "a link replaced",
         "checkpoint::test_links_are_followed_and_pipes_written_to"),
        ("fcntl.LOCK_EX | fcntl.LOCK_NB)", "fcntl.LOCK_SH | fcntl.LOCK_NB)", "two trainings into one file",
         "checkpoint::test_a_claim_ends_with_its_process"),
        ("if not _fits(value, hints.get(name, Any)):", "if False:", "a ledger that is None",
         "checkpoint::test_fields_have_the_types_that_their_class_says"),
    ],
    "datasets/dataset.py": [
        ("x += self.shift", "x -= self.shift", "sign of the shift",
         "datasets::test_inputs_scale_and_shift_each_channel"),
        ("rng.random(n) < 0.5", "rng.random(n) < 0", "never flipped",
         "datasets::test_augmented_meets_every_shift_and_both_flips"),
        ("rng.random(n) < 0.5", "rng.random(n) < 0.48", "flipped too rarely",
         "datasets::test_augmented_draws_every_shift_and_flip_equally_often"),
        ("rng.integers(0, 2 * pad + 1, size=(2, n))", "rng.integers(0, 2 * pad + 2, size=(2, n)) % (2 * pad + 1)",
         "no shift more often", "datasets::test_augmented_draws_every_shift_and_flip_equally_often"),
        ("validation=replace(self.take(held),", "validation=replace(self.take(kept),",
         "validation on training examples", "datasets::test_split_is_stratified_disjoint_and_seeded"),
        ("order = np.lexsort((rng.random(len(y)), label))", "order = rng.permutation(len(y))", "split not stratified",
         "datasets::test_stratified_holds_the_exact_number_and_each_class_within_one"),
        ("(sizes[inverse] > 1)[order]", "(sizes[inverse] > 0)[order]", "the only example of a class held out",
         "datasets::test_the_only_example_of_a_class_stays_in_training"),
        ("for array in (self.x, self.y, self.scale, self.shift):", "for array in (self.x, self.y):",
         "scale and shift not in the identity", "datasets::test_fingerprint_sees_every_change"),
        ('f"{self.augment} {self.classes}".encode()', 'f"{self.name}".encode()', "a folder's name in the identity",
         "datasets::test_fingerprint_sees_nothing_else"),
        ("x.shape[3] in (1, 3, 4)", "x.shape[3] in ()", "channels last taken for channels first",
         "datasets::test_a_dataset_says_what_is_wrong"),
        ("scales[0] != scales[1]:", "False:", "a test part on another scale",
         "datasets::test_a_dataset_says_what_is_wrong"),
    ],
    "datasets/transforms.py": [
        ("rng.integers(1, classes,", "rng.integers(0, classes,", "noisy labels that are right",
         "transforms::test_label_noise_changes_exactly_its_fraction"),
        ("ratio ** (c / max(1,", "ratio ** (1 / max(1,", "all classes equally rare",
         "transforms::test_imbalance_counts"),
        ("data.take(np.sort(", "data.take((", "order of the examples lost", "transforms::test_imbalance_counts"),
    ],
    "datasets/pickles.py": [
        ("all(isinstance(key, str) for", "all(True for", "keys that take for ever to hash",
         "damage::test_a_pickle_whose_key_takes_for_ever_to_hash"),
    ],
    "datasets/readers.py": [
        ("    if len(raw) > LARGEST:", "    if False:", "archives that expand without end",
         "damage::test_an_archive_that_expands_without_end"),
        ("any(type(label) is not int for label in y)", "False", "labels that are no numbers",
         "damage::test_pickles_that_multiply_out"),
    ],
    "datasets/own.py": [
        ('(y == np.rint(y)).all()', "False", "float labels taken for targets", "own::test_an_npz_of_other_things"),
        ("np.isfinite(values).all()", "not np.isnan(values).any()", "infinite features",
         "own::test_a_csv_that_is_none_names_line_and_column"),
        ("labels[-1:] + labels[:-1], x[-1:] + x[:-1]", "labels[-1:] + labels[:-1], x", "labels out of step with rows",
         "own::test_a_csv_in_all_its_shapes"),
    ],
    "random.py": [
        ("digest = hashlib.blake2b(repr(path)", "digest = hashlib.blake2b(repr(path[:1])",
         "one stream for all purposes", "random::test_random_draws_every_subset_equally_often"),
        ("path = (operator.index(seed),", "path = (0,", "seed ignored", "random::test_the_seed_decides"),
        ("hashlib.blake2b(repr(path)", 'hashlib.blake2b("".join(map(str, path))', "purposes run into each other",
         "random::test_no_two_purposes_share_a_stream"),
    ],
    "experiments/compare.py": [
        ("    if run.complete:", "    if run:", "an unfinished run saved as finished",
         "compare::test_an_incomplete_run_is_not_saved_as_finished"),
        ('("method", "hyper", "seed", "model",', '("method", "hyper", "model",', "a seed in settings is ignored",
         "doors::test_wrong_arguments_of_compare"),
        ("any(hyper[j].get(field, value) != value for j in twins)", "any(hyper[j].get(field) == value for j in twins)",
         "labels of what is the same", "doors::test_objects_and_names_mixed_and_random_first"),
    ],
    "experiments/setup.py": [
        ("round(self.budget * 3 * n * self.epochs)", "round(self.budget * n * self.epochs)", "backward passes for free",
         "compare::test_no_bill_exceeds_the_budget_and_a_step_fills_it[random]"),
        ("network.initialize(self.seed,", "network.initialize(len(self.method),",
         "methods start from different weights", "compare::test_methods_are_paired_in_data_and_initial_weights"),
        ('if name not in ("data_dir", "checkpoint_every")', 'if name != "checkpoint_every"', "moved data is other data",
         "doors::test_folders_of_data_and_saving_often_are_no_part_of_the_identity"),
        ("    need = 4 * size", "    need = 0 * size", "no network is too large",
         "doors::test_a_network_beyond_memory_is_refused"),
    ],
    "experiments/parts.py": [
        ("    if lacking:", "    if False:", "anything is a method",
         "doors::test_a_method_that_cannot_be_had_is_one_line"),
        ('    if " at 0x" in text:', "    if False:", "an address is an identity",
         "doors::test_what_has_only_an_address_has_no_identity"),
    ],
    "experiments/options.py": [
        ("        if not having:", "        if False:", "a misspelt setting swallowed",
         "compare::test_wrong_hyperparameters_say_what_exists"),
        ("        if target in targets:", "        if False:", "the last of two settings counts",
         "show::test_a_setting_that_is_given_twice"),
        ("_parsed(text, kinds)[0] is not None)", "0)", "what names no method may come last and win",
         "show::test_what_names_a_method_goes_first_in_any_order"),
    ],
    "experiments/folders.py": [
        ("module not in modules and module not in sys.modules", "False", "a file brings code",
         "doors::test_nothing_is_imported_because_a_file_says_so"),
        ("        if other:", "        if False:", "one folder for two trainings", "show::test_a_folder_has_one_owner"),
    ],
    "experiments/show.py": [
        ("if all((m.method, m.hyper, seed) in runs", "if any((m.method, m.hyper, seed) in runs", "seeds alone",
         "show::test_a_seed_that_one_method_lacks_is_left_out"),
    ],
    "experiments/terminal.py": [
        ("        if not self.stepping:", "        if False:", "a preparation that cannot be stopped",
         "show::test_ctrl_c_before_the_first_step_ends_at_once"),
        ('stream.reconfigure(errors="backslashreplace")', 'stream.reconfigure(errors="strict")', "a name ends it",
         "show::test_what_cannot_be_printed_is_escaped"),
    ],
    "cli.py": [
        ("    return DIVERGED if diverged else 0", "    return 0", "a diverged run exits with 0",
         "show::test_a_run_that_diverges_is_a_result_and_exits_with_3"),
        ("        except BrokenPipeError:", "        except ZeroDivisionError:", "a complaint to a closed pipe",
         "show::test_a_reader_that_leaves_is_met_with_silence"),
    ],
    "experiments/statistics.py": [
        ("stdtrit(n - 1, 0.975)", "stdtrit(n, 0.975)", "interval: a degree of freedom too many",
         "statistics::test_estimate_is_the_t_interval"),
        ("values.std(ddof=1) / math.sqrt(n) if", "values.std() / math.sqrt(n) if", "interval: the biased deviation",
         "statistics::test_estimate_is_the_t_interval"),
        ("float(2 * stdtr(n - 1, -abs(t)))", "float(stdtr(n - 1, -abs(t)))", "p-value: one-sided",
         "statistics::test_the_p_value_is_exact"),
        ("return 2.0 ** (1 - n) if", "return 0.0 if", "p-value: equal differences are certain",
         "statistics::test_equal_differences_are_no_certainty"),
        ("rounding = 4 * np", "rounding = 0 * np", "p-value: rounding taken for spread",
         "statistics::test_equal_differences_are_no_certainty"),
        ("(len(p) - k) * p[name]", "p[name]", "Holm: not corrected",
         "statistics::test_few_false_alarms_among_many_methods", "statistics::test_holm_by_hand"),
        ("max(largest, min(1.0,", "max(0.0, min(1.0,", "Holm: not monotone", "statistics::test_holm_by_hand"),
        ("where=full != 0)", "where=full >= 0)", "relative error: divided by 0",
         "statistics::test_relative_errors_of_nothing"),
        ("FEWEST_SEEDS = 3", "FEWEST_SEEDS = 2", "a verdict of two seeds",
         "statistics::test_below_three_seeds_there_is_no_p"),
        ("sorted(group, key=lambda run: run.settings.get(\"seed\", 0))", "list(group)", "seeds not put in order",
         "statistics::test_the_order_of_seeds_does_not_matter"),
        ("if these != wanted or", "if len(these) > len(wanted) or", "runs without a partner accepted",
         "statistics::test_runs_without_a_partner_are_refused"),
        ("(scores[name], scores[other])", "(scores[other], scores[name])", "gain: the wrong way round",
         "statistics::test_rows_are_paired_by_seed"),
        ("else -run.curve.loss[-1]", "else run.curve.loss[-1]", "a higher loss is better",
         "statistics::test_without_classes_the_gain_is_in_test_loss"),
        ("bill.cost / len(runs)", "bill.cost", "bill by phase: summed over seeds",
         "statistics::test_rows_are_paired_by_seed"),
    ],
    "experiments/tables.py": [
        ("\"better\" if row.gain.mean > 0 else \"worse\"", "\"worse\" if row.gain.mean > 0 else \"better\"",
         "verdict: the wrong way round", "tables::test_the_verdict_is_of_corrected_p_values"),
        ("LEVEL = 0.05", "LEVEL = 0.2", "verdict: of another level",
         "tables::test_a_single_p_of_3_percent_among_four_is_no_verdict"),
        ("            room = most + 2 - widths[0]", "            room = most + 2", "a folded table too wide",
         "tables::test_the_table_fits_and_loses_nothing"),
        ("min(row.diverged.values())", "max(row.diverged.values())", "diverged: the last step for the first",
         "tables::test_a_diverged_method_is_marked"),
    ],
    "experiments/plots.py": [
        ("np.clip((low, high), 0, 100)", "(low, high)", "bands of accuracies beyond 0 and 100",
         "plots::test_an_interval_of_accuracies_ends_at_0_and_100"),
        ("if run.curve.cost[0] <= budget]", "]", "a preparation beyond the budget sets the axis",
         "plots::test_a_preparation_beyond_the_budget_does_not_set_the_axis"),
        ("text.set_parse_math(False)", "text.set_parse_math(True)", "names in the legend read as mathematics",
         "plots::test_dollar_signs_are_no_mathematics"),
        ("np.isfinite(_column(run, field)))[-1:]", "np.isfinite(_column(run, field)))[:1]",
         "diverged: marked where it began", "plots::test_an_x_where_a_run_diverged"),
    ],
    "experiments/method_plots.py": [
        ("edges = np.linspace(0, 1, checkpoints + 2)", "edges = np.linspace(0, 1, checkpoints + 2) - 0.5 / checkpoints",
         "census: a bar below 0", "plots::test_no_bar_of_the_census_is_cut_or_below_0"),
    ],
    "figures.py": [
        ("suptitle(title, parse_math=False)", "suptitle(title)", "titles read as mathematics",
         "plots::test_dollar_signs_are_no_mathematics"),
        ("if high < 5 * low:", "if high < 2 * low:", "a logarithmic axis without labels",
         "plots::test_a_logarithmic_axis_has_two_labels_at_least"),
    ],
    "theory/bounds.py": [
        ("(H * H).sum() - (np.diag(H) ** 2).sum())", "(H * H).sum() - np.diag(H).sum())",
         "off-diagonal: diagonal not squared", "../theory/test_bounds.py::test_hutchinson_by_hand"),
        ("    return 2 * (float(", "    return (float(",
         "trace variance: half", "../theory/test_bounds.py::test_hutchinson_by_hand"),
        ("else off_diagonal(H)) / probes", "else off_diagonal(H))",
         "trace variance: probes forgotten", "../theory/test_bounds.py::test_hutchinson_by_hand"),
        ("np.diag(square.sum(1))) / probes", "np.diag(square.mean(1))) / probes",
         "covariance: mean for sum", "../theory/test_edges.py::test_hutchinson_on_every_symmetric_matrix"),
        ("    return np.sqrt(np.diag(H) ** 2 + np.diag(", "    return np.sqrt(np.diag(",
         "smoothed curvature without the diagonal", "../theory/test_bounds.py::test_smoothed_curvature_by_hand"),
        ("math.ceil(noise / (error**2 * diagonal))", "math.ceil(noise / (error * diagonal))",
         "probes: error not squared", "../theory/test_bounds.py::test_probes_needed_is_the_least_number"),
        ("math.ceil(noise / (error**2 * diagonal))", "math.floor(noise / (error**2 * diagonal))",
         "probes rounded down", "../theory/test_bounds.py::test_probes_needed_is_the_least_number"),
        ("    if noise and not diagonal:", "    if False:",
         "probes: a zero diagonal divides", "../theory/test_edges.py::test_probes_needed_is_a_number_or_an_error"),
        ("curvature_sum(curvature, H)) ** 2 + trace_variance(H)) / 4",
         "curvature_sum(curvature, H)) ** 2 + trace_variance(H)) / 2",
         "model error: twice", "../theory/test_bounds.py::test_model_error_by_enumeration"),
        ("curvature_sum(curvature, H)) < abs(np.trace(H)))", "curvature_sum(curvature, H)) < np.trace(H))",
         "smoothing helps: sign of the trace",
         "../theory/test_edges.py::test_the_diagonal_models_error_and_when_it_helps"),
        ("max(1, math.ceil(h * H0 / H))", "max(1, math.floor(h * H0 / H))",
         "T1 rounded down", "../theory/test_bounds.py::test_periods_are_rounded_up"),
        ("    return T1, max(1, math.ceil(b * T1))", "    return T1, math.ceil(b * h)",
         "P of h in place of T1", "../theory/test_bounds.py::test_periods_are_rounded_up"),
        ("(slope - 3 * start_error)", "(slope - 2 * start_error)",
         "tau: 2 for 3", "../theory/test_bounds.py::test_printed_tau_by_hand"),
        ("    return 2 * rho * loss / distance + start_error", "    return rho * loss / distance + start_error",
         "endpoint error: half of the trapezoid",
         "../theory/test_bounds.py::test_the_endpoint_error_is_attained_by_a_cubic"),
        ("third * distance**2 / 6", "third * distance**2 / 12",
         "endpoint error: 12 for 6", "../theory/test_bounds.py::test_the_endpoint_error_is_attained_by_a_cubic"),
        ("1 / (6 * math.sqrt(3))", "1 / (6 * math.sqrt(2))",
         "logistic third derivative", "../theory/test_bounds.py::test_the_logistic_losss_third_derivative"),
        ("(np.abs(margins) ** 3).mean()", "(np.abs(margins) ** 3).max()",
         "logistic third: largest for mean", "../theory/test_bounds.py::test_the_logistic_losss_third_derivative"),
        ("(n - m) / (n - 1) if n > 1", "(n - m) / n if n > 1",
         "random batches: n for n - 1", "../theory/test_bounds.py::test_random_batches_by_enumeration"),
        ('    at_most("m", m, "the number of gradients", n)', '    at_most("m", m, "the number of gradients", n + m)',
         "random batches: m > n is taken", "../theory/test_edges.py::test_random_batches_of_every_pool"),
        ("return float(np.mean(residuals)) / r", "return float(np.max(residuals)) / r",
         "coreset bias: the worst for the mean",
         "../theory/test_bounds.py::test_a_coreset_without_residual_is_its_subset"),
        ("(math.sqrt(random_batch_error(G, r)) + math.sqrt(float",
         "(math.sqrt(random_batch_error(G, r)) - math.sqrt(float",
         "coreset error: parts subtracted", "../theory/test_edges.py::test_coresets_of_every_pool_obey_their_bounds"),
        ("np.mean(np.square(residuals)))) / r) ** 2", "np.mean(np.square(residuals)))) / r) ** 1",
         "coreset error not squared", "../theory/test_bounds.py::test_a_coreset_without_residual_is_its_subset"),
        ("bias = float(((weighted.mean(0) - G.mean(0)) ** 2).sum())", "bias = 0.0",
         "one coreset: no bias", "../theory/test_edges.py::test_coresets_of_every_pool_obey_their_bounds"),
        ("return bias + (random_batch_error(weighted, m) if", "return bias + (random_batch_error(G[indices], m) if",
         "one coreset: weights forgotten",
         "../theory/test_bounds.py::test_one_coreset_of_equal_gradients_still_has_variance"),
        ("    return math.sqrt(2) * -math.expm1(-alpha)", "    return -math.expm1(-alpha)",
         "excluded gradient: no sqrt 2",
         "../theory/test_bounds.py::test_the_excluded_gradient_is_attained_by_two_classes"),
        ("    return s / n * largest", "    return s / (n - s) * largest",
         "dropped: part of the kept",
         "../theory/test_bounds.py::test_the_excluded_gradient_is_attained_by_two_classes"),
        ("(2 * D0 / (N * eta) + bias**2 + L_s * eta * v) / (1 - eps**2)",
         "(2 * D0 / (N * eta) + bias + L_s * eta * v) / (1 - eps**2)",
         "Theorem 4.1: bias for its square", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("(2 * D0 / (N * eta) + bias**2 + L_s * eta * v) / (1 - eps**2)",
         "(2 * D0 / (N * eta) + bias**2 + L_s * eta * v)",
         "Theorem 4.1: case 1 without its divisor", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("(2 * D0 / (N * eta) + bias**2 + L_s * eta * v) / (1 - eps**2)",
         "(2 * D0 / (N * eta) + bias**2 + L_s * eta * v) / (1 - eps)",
         "Theorem 4.1: eps for its square", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("(2 * D0 / (N * eta) + bias**2 + L_s * eta * v) / (1 - eps**2)",
         "(D0 / (N * eta) + bias**2 + L_s * eta * v) / (1 - eps**2)",
         "Theorem 4.1: half of the start", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("(2 * D0 / (N * eta) + bias**2 + L_s * eta * v) / (1 - eps**2)",
         "(2 * D0 / (N * eta) + bias**2 + L_s * eta * v / 2) / (1 - eps**2)",
         "Theorem 4.1: half of the noise", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("L_s * eta * v / (1 - eps)", "L_s * eta * v",
         "by norms: noise not divided", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("eta * L_s * (1 + eps) ** 2 <= (1 - eps)", "eta * L_s * (1 + eps) ** 2 <= (1 + eps)",
         "by norms: too large a step is taken",
         "../theory/test_bounds.py::test_steps_that_the_proof_does_not_cover_are_refused"),
        ("(bias**2 + L_s * eta * v) / (2 * mu * c)", "(bias + L_s * eta * v) / (2 * mu * c)",
         "linear rate: bias for its square", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("(bias**2 + L_s * eta * v) / (2 * mu * c)", "(bias**2 + L_s * eta * v) / (mu * c)",
         "linear rate: twice the floor",
         "../theory/test_bounds.py::test_gradient_descent_obeys_the_strongly_convex_bound"),
        ("(1 - eta * mu * c) ** N * D0", "(1 - eta * mu) ** N * D0",
         "linear rate: as fast with bias", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("(1 - eta * mu * c) ** N * D0", "(1 - eta * mu * c) ** (2 * N) * D0",
         "linear rate: of the distance",
         "../theory/test_bounds.py::test_gradient_descent_obeys_the_strongly_convex_bound"),
        ("    return min(1 / L_s, math.sqrt(", "    return max(1 / L_s, math.sqrt(",
         "step: the larger", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("2 * D0 / L_s * r / N) / sigma)", "2 * D0 / L_s / r / N) / sigma)",
         "step: smaller for larger r",
         "../theory/test_bounds.py::test_the_safe_form_gives_the_printed_rate_at_its_step"),
        ("2 * sigma * math.sqrt(2 * L_s * D0) / math.sqrt(r * N)", "2 * sigma * math.sqrt(2 * L_s * D0) / math.sqrt(N)",
         "rate: r forgotten", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("goal = (1 - eps**2) * nu**2 - bias**2", "goal = (1 - eps**2) * nu**2 - bias",
         "iterations: bias for its square", "../theory/test_bounds.py::test_iterations_solve_the_bound"),
        ("math.sqrt(c * c + 4 * a * goal)", "math.sqrt(c * c - 4 * a * goal)",
         "iterations: the discriminant's sign", "../theory/test_bounds.py::test_iterations_solve_the_bound"),
        ("(sigma**2 + r * eps**2) / (r * goal)", "(sigma**2 + eps**2) / (r * goal)",
         "printed iterations: r forgotten", "../theory/test_bounds.py::test_the_convergence_bounds_by_hand"),
        ("    falls = part * (2 - part)  # 1 - q", "    falls = part * (1 - part)  # 1 - q",
         "quadratic: another q", "../theory/test_bounds.py::test_the_quadratics_moments_by_recursion"),
        ("series = np.where(flat, N,", "series = np.where(flat, 0,",
         "quadratic: nothing where nothing moves",
         "../theory/test_edges.py::test_the_quadratics_moments_for_every_spectrum"),
        ("N * (N - 1) / 2, (N - series) / falls", "N * (N + 1) / 2, (N - series) / falls",
         "quadratic: noise before the first step",
         "../theory/test_edges.py::test_the_quadratics_moments_for_every_spectrum"),
        ("slopes**2 * series + part**2 * v * noise", "slopes**2 * series + part * v * noise",
         "quadratic: eta lambda not squared", "../theory/test_bounds.py::test_the_quadratics_moments_by_recursion"),
    ],
    "theory/family_bounds.py": [
        ("axis=2).min(1).sum())", "axis=2).min(1).max())",
         "cover: the farthest for the sum", "../theory/test_family_bounds.py::test_cover_on_a_line"),
        ("(1 - alpha * mu) * square + 2 * alpha * eps", "(1 - alpha * mu) * square + alpha * eps",
         "CRAIG: half of the error",
         "../theory/test_family_bounds.py::test_the_neighbourhood_is_where_the_recursion_stands"),
        ("(alpha * total * C) ** 2", "alpha * (total * C) ** 2",
         "CRAIG: step not squared",
         "../theory/test_family_bounds.py::test_a_pass_over_one_quadratic_obeys_the_recursion"),
        ("math.sqrt(eps**2 + alpha * mu * (total * C) ** 2)) / mu",
         "math.sqrt(eps**2 + alpha * (total * C) ** 2)) / mu",
         "neighbourhood: mu forgotten",
         "../theory/test_family_bounds.py::test_the_neighbourhood_is_where_the_recursion_stands"),
        ("math.sqrt(2 * eps * R / mu**2 +", "math.sqrt(2 * eps * R / mu +",
         "printed neighbourhood: mended",
         "../theory/test_family_bounds.py::test_the_neighbourhood_has_the_unit_of_a_length_and_the_printed_one_has_not"),
        ("rest = max(0.0, 1 - beta * eps / slope)", "rest = 1 - beta * eps / slope",
         "Newton: a promise beyond s = 1", "../theory/test_family_bounds.py::test_newton_is_exact_on_a_ball"),
        ("(1 - (1 - rest * alpha / beta) ** 2)", "(1 - (1 - rest) ** 2)",
         "Newton: condition forgotten",
         "../theory/test_family_bounds.py::test_the_newton_bound_is_attained_along_the_stiffest_axis"),
        ("    return left * start + (1 - left) * eps", "    return left * start + eps",
         "Newton: the whole error at once", "../theory/test_family_bounds.py::test_the_newton_distance_by_recursion"),
        ("GREEDY = 1 - 1 / math.e", "GREEDY = 1 - 2 / math.e",
         "greedy: another constant", "../theory/test_family_bounds.py::test_guarantees_by_hand"),
        ("empty / math.e + GREEDY * best", "empty / math.e + best",
         "medoids: no mean of the two", "../theory/test_family_bounds.py::test_guarantees_by_hand"),
        ("(1 + math.log(largest)) * best", "math.log(largest) * best",
         "cover: 1 forgotten", "../theory/test_family_bounds.py::test_guarantees_by_hand"),
        ("max(0.0, 1 - s / (n - t)) for t", "max(0.0, 1 - s / n) for t",
         "missed: drawn with replacement",
         "../theory/test_family_bounds.py::test_the_missed_by_enumeration_and_below_eps"),
        ("GREEDY / min(parts, k)", "GREEDY / max(parts, k)",
         "GreeDi: the larger", "../theory/test_family_bounds.py::test_guarantees_by_hand"),
        ("(1 - 2 * lam) * others", "(1 - lam) * others",
         "graph cut: one side", "../theory/test_family_bounds.py::test_the_last_cut_gain_of_elements_all_alike"),
        ("w = 1 + u + u**2 / 2", "w = 1 + u + u**2",
         "Taylor-softmax: no half", "../theory/test_family_bounds.py::test_taylor_probabilities_by_hand"),
        ("p * (1 + odds.sum() - odds)", "p * (1 + odds.sum())",
         "inclusion: counted twice", "../theory/test_family_bounds.py::test_inclusion_of_two_by_enumeration"),
        ("1 / (len(p) * (p @ p))", "1 / (p @ p)",
         "effective number for part", "../theory/test_family_bounds.py::test_the_effective_part"),
        ("math.sqrt(C / (C - 1)), math", "math.sqrt((C - 1) / C), math",
         "EL2N: fraction inverted", "../theory/test_family_bounds.py::test_the_range_of_el2n_is_attained"),
        ("(1 - a) ** t * start + a", "(1 - a) ** (t - 1) * start + a",
         "running mean: start too heavy",
         "../theory/test_family_bounds.py::test_running_mean_and_variance_by_recursion"),
        ("_running_mean(history[:j], a, start) for j", "_running_mean(history[: j + 1], a, start) for j",
         "running variance: about the mean after",
         "../theory/test_family_bounds.py::test_running_mean_and_variance_by_recursion"),
        ("    return a * (2 - a) / 2", "    return a * (1 - a) / 2",
         "UCB: another c", "../theory/test_family_bounds.py::test_alternating_is_a_cycle"),
        ("(n - k - 1) / (n - 1)) ** q", "(n - k) / n) ** q",
         "never seen: two are independent", "../theory/test_family_bounds.py::test_never_seen_by_enumeration"),
        ("math.sqrt(lam) * np.eye", "lam * np.eye",
         "matching: lam for its root",
         "../theory/test_family_bounds.py::test_match_error_by_hand",
         "../theory/test_edges.py::test_matching_never_does_worse_than_nothing"),
        ("lam / (lam + k * longest**2)", "lam / (lam + longest**2)",
         "weak ratio: k forgotten", "../theory/test_family_bounds.py::test_match_error_by_hand"),
        ("    return q / (1 - q) * float", "    return q * float",
         "InfoBatch: rescaling forgotten", "../theory/test_family_bounds.py::test_infobatch_variance_of_one_example"),
    ],
    "theory/chance_bounds.py": [
        ("(1 - beta) / (1 + beta) * (1 + rest)", "(1 - beta) * (1 + rest)",
         "averaging: 1 + beta forgotten",
         "../theory/test_chance_bounds.py::test_averaging_and_lag_are_sums_over_the_weights"),
        ("(1 + rest) / (1 - rest)", "(1 - rest) / (1 + rest)",
         "averaging: correction inverted",
         "../theory/test_chance_bounds.py::test_averaging_and_lag_are_sums_over_the_weights"),
        ("(t * rest / (1 - rest) if", "(rest / (1 - rest) if",
         "lag: t forgotten", "../theory/test_chance_bounds.py::test_averaging_and_lag_are_sums_over_the_weights"),
        ("(drift * averaged_lag(beta, t)) ** 2", "drift * averaged_lag(beta, t)",
         "drift not squared", "../theory/test_chance_bounds.py::test_the_averaged_error_by_enumeration"),
        ("failure ** (1 / repeats)", "failure**repeats",
         "the worst of the repeats", "../theory/test_chance_bounds.py::test_likely_gradient_by_hand"),
        ("    c = 1 + a - (2 + a) * eps**2", "    c = 1 + a - 2 * eps**2",
         "likely: a part of the bias lost", "../theory/test_chance_bounds.py::test_the_likely_mean_square_by_hand"),
        ("8 * M**2 * math.log(1 / failure) / N", "8 * M**2 / failure / N",
         "likely: Markov's for the logarithm", "../theory/test_chance_bounds.py::test_the_likely_mean_square_by_hand"),
        ("    if a > 1 + 1e-12 or c <= 0:", "    if c <= 0:",
         "likely: too large a step is taken", "../theory/test_chance_bounds.py::test_the_likely_mean_square_by_hand"),
    ],
    "theory/check.py": [
        ("return seed if salt == 0 else", "return seed if salt else",
         "salts do nothing", "../theory/test_check.py::test_the_samples_are_those_of_the_seeds_and_the_salt"),
        ("if alpha ** (1 / g) >= 0.8 / (n // g):", "if True:",
         "one block, however far out in the tail", "../theory/test_check.py::test_all_blocks_must_agree"),
        ("return all(_block_above(", "return any(_block_above(",
         "one block is enough", "../theory/test_check.py::test_all_blocks_must_agree"),
        ("math.sqrt(n) * min(t, hall)", "math.sqrt(n) * t",
         "Student's t alone", "../theory/test_check.py::test_a_block_is_wrong_no_more_often_than_its_level_allows"),
        ("math.sqrt(n) * min(t, hall)", "math.sqrt(n) * max(t, hall)",
         "either statistic", "../theory/test_check.py::test_a_block_is_wrong_no_more_often_than_its_level_allows"),
        ("    if x.min() == x.max():", "    if False:",
         "a block without spread divides by zero",
         "../theory/test_check.py::test_a_block_is_wrong_no_more_often_than_its_level_allows"),
        ("7 * (within[1] - within[0]) * log / (3 * (n - 1))", "0 * (within[1] - within[0]) * log / (3 * (n - 1))",
         "Bernstein without the range", "../theory/test_check.py::test_the_bernstein_bound_by_hand"),
        ("    if within is None and samples.min() == samples.max():", "    if samples.min() == samples.max():",
         "a range is not believed", "../theory/test_check.py::test_within_a_range_rare_values_cannot_deceive"),
        ("return False if outside else None", "return None",
         "never violated", "../theory/test_check.py::test_the_direction"),
        ('low = -math.inf if direction == "<=" else', 'low = -math.inf if direction == ">=" else',
         "directions exchanged", "../theory/test_check.py::test_the_direction"),
    ],
    "theory/trajectories.py": [
        ("return bias_square - variance / draws, variance", "return bias_square, variance",
         "the bias of an estimate counts its noise",
         "../theory/test_trajectories.py::test_estimates_are_near_the_exact_values_and_unbiased"),
        ("variance *= draws / (draws - 1)", "variance *= (draws - 1) / draws",
         "variance: correction inverted",
         "../theory/test_trajectories.py::test_estimates_are_near_the_exact_values_and_unbiased"),
        ("batch.weights @ G[batch.indices] / len(batch.indices)", "G[batch.indices].mean(0)",
         "weights forgotten", "../theory/test_trajectories.py::test_the_draws_of_a_region_are_its_coresets"),
        ("V = np.concatenate([V, V[:, ::-1]])", "V = np.concatenate([V, V])",
         "draws: one order alone", "../theory/test_trajectories.py::test_draws_of_a_coreset_are_what_is_proposed"),
    ],
    "theory/functions.py": [
        ("    if abs(value - difference) > CLOSE", "    if abs(value - difference) > 1e9 * CLOSE",
         "derivatives are not compared", "../theory/test_problems.py::test_derivatives_that_disagree_are_named"),
        ("        Rdw[...] = Rdy.sum(0)", "        Rdw[...] = Rdy.mean(0)",
         "products: mean for sum",
         "../theory/test_problems.py::test_an_exact_diagonal_where_the_hessian_allows_it",
         "../theory/test_problems.py::test_the_constants_hold_and_are_attained_where_they_are_exact"),
        ("            dw[...] = dy.sum(0)", "            dw[...] = dy.mean(0)",
         "gradient: mean for sum", "../theory/test_problems.py::test_gradients_are_those_of_the_loss"),
        ("        if (values.min(1) < -ROUNDING", "        if (values.min(1) > ROUNDING",
         "an indefinite Hessian has a root",
         "../theory/test_problems.py::test_an_exact_diagonal_where_the_hessian_allows_it"),
    ],
}  # fmt: skip


class Mutant(NamedTuple):
    """One fault in one line of one file."""

    file: str  # within minicrest/
    old: str
    new: str
    what: str
    tests: tuple[str, ...]  # as in TABLE

    def __str__(self):
        return f"{self.file}: {self.what}"

    def applied(self, source: str) -> str:
        """The source with the fault in it."""
        return mutated(source, self)

    @property
    def targets(self) -> list[str]:
        """Its tests as pytest takes them."""
        return [target(name) for name in self.tests]


MUTANTS = [Mutant(file, *row[:3], row[3:]) for file, rows in TABLE.items() for row in rows]


class Outcome(NamedTuple):
    """What became of a mutant. `by`: the test that failed, or that time ran out; None: it survived."""

    mutant: Mutant
    by: str | None
    seconds: float


def target(name: str) -> str:
    """ "layers::test_x" -> "tests/unit/nn/test_layers.py::test_x"; what has a path of its own keeps it."""
    room, colons, test = name.partition("::")
    if room.startswith("../"):
        return f"tests/{room[3:]}" + colons + test
    found = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests/unit").rglob(f"test_{room}.py"))]
    return (found[0] if len(found) == 1 else f"tests/unit/test_{room}.py") + colons + test


def mutated(text: str, mutant: Mutant) -> str:
    """The source with the fault in it. Raises ValueError where `old` does not occur exactly once, on one line."""
    found = text.count(mutant.old)
    if found != 1 or "\n" in mutant.old + mutant.new or mutant.old == mutant.new:
        raise ValueError(f"{mutant}: {mutant.old!r} must occur once in minicrest/{mutant.file}, it does {found} times; "
                         "the source has moved on: bring the table up to date")  # fmt: skip
    return text.replace(mutant.old, mutant.new)


def copy_of_project(folder) -> Path:
    """Copy what the tests need to `folder`: a snapshot, so that nobody's editing gets between two mutants."""
    for name in ("minicrest", "tests"):
        shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return Path(folder)


def infect(folder, mutant) -> None:
    """Put the fault into a copy, and leave no bytecode of the file as it was."""
    path = Path(folder) / "minicrest" / mutant.file
    text = mutant.applied(path.read_text("utf-8"))
    for stale in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        stale.unlink()
    path.write_text(text, "utf-8")


# The very process that runs the tests makes sure that it tests the copy, even where minicrest is installed.
INSIDE = """
import os, sys, pytest, minicrest
here = os.path.realpath(os.getcwd())
if not os.path.realpath(minicrest.__file__).startswith(here + os.sep):
    sys.exit(f"minicrest comes from {minicrest.__file__}, not from the copy in {here}")
sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def pytest_in(folder, targets, timeout: float) -> tuple[int | None, str]:
    """(exit code, output) of pytest on `targets` in the copy; the code is None where time ran out."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    for name in ("PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE"):
        env.pop(name, None)
    try:
        done = subprocess.run([sys.executable, "-c", INSIDE, *targets], cwd=folder, env=env, timeout=timeout,
                              capture_output=True, text=True)  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout + done.stderr


def check_source(base, mutants) -> None:
    """The control: without a fault the same tests pass, or no kill means anything. RuntimeError where they do not.

    It leaves the tests' bytecode in `base`, which makes every copy of it start in half the time.
    """
    code, output = pytest_in(base, every_target(mutants), timeout=10 * TIMEOUT)
    if code != 0:
        raise RuntimeError(f"the tests fail on the source as it is (exit code {code}):\n{output[-3000:]}")


def judge(mutant, base, timeout: float = TIMEOUT) -> Outcome:
    """Run the mutant's tests on a copy of `base` that has the fault.

    Raises ValueError for drifted text, and RuntimeError where no test could speak: none of that name, or a copy that
    does not import. That is not a kill.
    """
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = shutil.copytree(base, Path(folder) / "project")
        infect(copy, mutant)
        code, output = pytest_in(copy, mutant.targets, timeout)
    seconds = time.perf_counter() - start
    if code is None:
        return Outcome(mutant, f"timeout after {timeout:g} s", seconds)
    failed = re.search(r"^FAILED (?:tests/unit/)?(.+?)(?: - |$)", output, re.M)
    if code not in (0, 1) or (code == 1) != bool(failed):
        raise RuntimeError(f"{mutant}: its tests did not run (exit code {code}):\n{output[-3000:]}")
    return Outcome(mutant, failed[1] if failed else None, seconds)


def every_target(mutants) -> list[str]:
    """The tests that the mutants name, each once."""
    return list(dict.fromkeys(name for mutant in mutants for name in mutant.targets))


def main(words) -> int:
    """Print a line per mutant as it is judged, and the survivors last; 1 if there are any."""
    chosen = [m for m in MUTANTS if not words or any(word.lower() in str(m).lower() for word in words)]
    start, survivors = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(WORKERS) as pool:
        base = copy_of_project(Path(folder))
        check_source(base, chosen)
        print(f"{time.perf_counter() - start:5.1f} s  the source as it is passes all of these tests", flush=True)
        for mutant, future in [(m, pool.submit(judge, m, base)) for m in chosen]:
            try:
                _, by, seconds = future.result()
            except (ValueError, RuntimeError) as error:
                by, seconds = None, 0.0
                print(error)
            survivors += [] if by else [mutant]
            print(f"{seconds:5.1f} s  {mutant!s:75} {by or 'SURVIVED'}", flush=True)
    print(f"\n{len(chosen) - len(survivors)} of {len(chosen)} killed in {time.perf_counter() - start:.0f} s")
    for mutant in survivors:
        print(f"survivor: {mutant}   {mutant.old!r} -> {mutant.new!r}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
