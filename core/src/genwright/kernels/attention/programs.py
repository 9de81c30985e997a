"""What each program of a GPU does of attention, forward and backward.

Scores are kept in base 2, and every query goes through its keys in the same order, without atomics.

Sources: Dao (2023), arXiv:2307.08691; Shah et al. (2024), arXiv:2407.08608.
"""

# Shapes are said in docstrings: a signature that is checked at run time cannot be compiled by Triton.
from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["LINE", "LINES", "LOG2E", "MASKS", "POINTERS", "backward_keys", "backward_queries", "forward_pass"]

LOG2E = tl.constexpr(1.4426950408889634)
# Compiled once for all of these, so that bits and compilations do not depend on them.
_SIZES = ["N", "T", "S", "tiles", "window"]
MASKS = "CAUSAL", "WINDOWED", "BIASED", "PACKED"
POINTERS, LINE, LINES = "pointers", "line", "lines"
"""How tiles are fetched: by pointers, by a descriptor of one head's line that the kernel makes, or by one of all."""


@triton.jit
def _tile(base, first, length, stride, ROWS: tl.constexpr, WIDTH: tl.constexpr, H: tl.constexpr):
    """Fetch rows of [length, H], zeros beyond."""
    row = first + tl.arange(0, ROWS)
    feature = tl.arange(0, WIDTH)
    inside = (row < length)[:, None] & (feature < H)[None, :]
    return tl.load(base + row.to(tl.int64)[:, None] * stride + feature[None, :], mask=inside, other=0.0)


@triton.jit
def _store(base, tile, first, length, stride, ROWS: tl.constexpr, WIDTH: tl.constexpr, H: tl.constexpr):
    row = first + tl.arange(0, ROWS)
    feature = tl.arange(0, WIDTH)
    inside = (row < length)[:, None] & (feature < H)[None, :]
    tl.store(base + row.to(tl.int64)[:, None] * stride + feature[None, :], tile.to(base.dtype.element_ty), mask=inside)


@triton.jit
def _sees(row, column, shift, rows, columns, window, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr):
    """Say which of the columns a row sees; both are laid out to broadcast."""
    mask = (row < rows) & (column < columns)
    ahead = column - row - shift
    if CAUSAL:
        mask = mask & (ahead <= 0)
    if WINDOWED:
        mask = mask & (ahead < window) & (ahead > -window)
    return mask


@triton.jit
def _keys_seen(
    first, shift, columns, window,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
):  # fmt: skip
    """Return where the keys begin and end that some query of a tile sees, the beginning at a tile of keys."""
    begin = 0
    end = columns
    if CAUSAL:
        end = tl.minimum(end, first + ROWS + shift)
    if WINDOWED:
        begin = tl.maximum(first + shift - window + 1, 0) // COLUMNS * COLUMNS
        end = tl.minimum(end, first + ROWS - 1 + shift + window)
    return begin, end


@triton.jit
def _place(starts, T, S, heads, tiles, LONG: tl.constexpr, PACKED: tl.constexpr, LAST_FIRST: tl.constexpr):
    """Return the row of the batch, head and first query or key of this program's tile; then its sequence: where it
    begins, its queries and its keys.
    """
    program = tl.program_id(0)
    tile = program % tiles
    if LAST_FIRST:
        # The last queries of a causal row see the most keys: they go first, so that no long tile is left to the end.
        tile = tiles - 1 - tile
    line = program // tiles
    head = line % heads
    sequence = line // heads
    offset = 0
    if PACKED:
        offset = tl.load(starts + sequence)
        T = tl.load(starts + sequence + 1) - offset
        S = T
        # Nothing is fetched for an empty sequence, but its tile must not stand behind the last row.
        offset = tl.where(T > 0, offset, 0)
        sequence = 0
    return sequence.to(tl.int64), head, tile * LONG, tl.cast(offset, tl.int64), T, S


@triton.jit
def _fetched(
    source, b, n, first, length, stride, ROWS: tl.constexpr, WIDTH: tl.constexpr, H: tl.constexpr, FETCH: tl.constexpr
):  # fmt: skip
    """Fetch rows of one line, zeros beyond it: by a descriptor of all lines, by one of this line, or by pointers."""
    if FETCH == "lines":
        return source.load([b.to(tl.int32), n, first, 0]).reshape(ROWS, WIDTH)
    elif FETCH == "line":
        return source.load([first, 0])
    else:
        return _tile(source, first, length, stride, ROWS, WIDTH, H)


@triton.jit
def _gathered(
    total, top, mass, q_tile, keys, values, k_s, v_s, bias_base, bias_t, bias_s,
    b, kept, row, begin, end, shift, rows, columns, window, scale,
    H: tl.constexpr, WIDTH: tl.constexpr, COLUMNS: tl.constexpr, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
    BIASED: tl.constexpr, MASKED: tl.constexpr, FETCH: tl.constexpr, SPECIALISED: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Go through the keys from begin to end, which all queries of the tile see unless they are masked."""
    for start in tl.range(begin, end, COLUMNS, warp_specialize=SPECIALISED):
        start = tl.multiple_of(start, COLUMNS)
        column = (start + tl.arange(0, COLUMNS))[None, :]
        k_tile = _fetched(keys, b, kept, start, columns, k_s, COLUMNS, WIDTH, H, FETCH)
        scores = tl.dot(q_tile, k_tile.T, input_precision=PRECISION)
        factor = scale
        if BIASED:
            inside = (row < rows) & (column < columns)
            place = row.to(tl.int64) * bias_t + column.to(tl.int64) * bias_s
            scores = scores * scale + tl.load(bias_base + place, mask=inside, other=0.0).to(tl.float32) * LOG2E
            factor = 1.0
        if MASKED:
            # Rows behind the last are not stored, and causal ones see no keys behind the last.
            mask = column <= row + shift if CAUSAL else column < columns
            if WINDOWED:
                mask = mask & (column > row + shift - window)
                if not CAUSAL:
                    mask = mask & (column < row + shift + window)
            scores = tl.where(mask, scores, -float("inf"))
        new_top = tl.maximum(top, tl.max(scores, 1) * factor)
        # Where nothing was seen yet, -infinity less -infinity would be NaN.
        anchor = tl.where(new_top == -float("inf"), 0.0, new_top)
        weights = tl.math.exp2(scores * factor - anchor[:, None])
        decay = tl.math.exp2(top - anchor)
        mass = mass * decay + tl.sum(weights, 1)
        total = total * decay[:, None]
        v_tile = _fetched(values, b, kept, start, columns, v_s, COLUMNS, WIDTH, H, FETCH)
        total = tl.dot(weights.to(v_tile.dtype), v_tile, total, input_precision=PRECISION)
        top = new_top
    return total, top, mass


@triton.jit
def _keys_whole(first, shift, columns, begin, end, COLUMNS: tl.constexpr, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr):
    """Return where the tiles of keys end that all queries of a tile see entirely, from the first of them on."""
    last = begin
    if not WINDOWED:
        seen = tl.minimum(first + shift + 1, columns) if CAUSAL else columns
        last = tl.minimum(tl.maximum(tl.maximum(seen, 0) // COLUMNS * COLUMNS, begin), end)
    return last


@triton.jit(do_not_specialize=_SIZES)
def forward_pass(
    q,
    k,
    v,
    bias,
    starts,
    out,
    logs,
    q_b,
    q_n,
    q_t,
    k_b,
    k_n,
    k_s,
    v_b,
    v_n,
    v_s,
    bias_b,
    bias_n,
    bias_t,
    bias_s,
    N,
    T,
    S,
    tiles,
    window,
    scale,
    GROUP: tl.constexpr,
    H: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CAUSAL: tl.constexpr,
    WINDOWED: tl.constexpr,
    BIASED: tl.constexpr,
    PACKED: tl.constexpr,
    WHOLE: tl.constexpr,
    FETCH: tl.constexpr,
    SPECIALISED: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Write what a tile of queries gathers, and the base-2 logarithm of its weights' sum: +infinity if it sees none."""
    b, n, first, offset, rows, columns = _place(starts, T, S, N, tiles, ROWS, PACKED, CAUSAL)
    shift = columns - rows
    kept = n // GROUP
    bias_base = bias + b * bias_b + n.to(tl.int64) * bias_n + offset * (bias_t + bias_s)
    queries = q
    keys = k
    values = v
    if FETCH != "lines":
        queries += b * q_b + n.to(tl.int64) * q_n + offset * q_t
        keys += b * k_b + kept.to(tl.int64) * k_n + offset * k_s
        values += b * v_b + kept.to(tl.int64) * v_n + offset * v_s
    if FETCH == "line":
        queries = tl.make_tensor_descriptor(queries, [tl.maximum(rows, 1), H], [q_t, 1], [ROWS, WIDTH])
        keys = tl.make_tensor_descriptor(keys, [tl.maximum(columns, 1), H], [k_s, 1], [COLUMNS, WIDTH])
        values = tl.make_tensor_descriptor(values, [tl.maximum(columns, 1), H], [v_s, 1], [COLUMNS, WIDTH])
    q_tile = _fetched(queries, b, n, first, rows, q_t, ROWS, WIDTH, H, FETCH)
    total = tl.zeros([ROWS, WIDTH], tl.float32)
    top = tl.full([ROWS], -float("inf"), tl.float32)
    mass = tl.zeros([ROWS], tl.float32)

    begin, end = _keys_seen(first, shift, columns, window, ROWS, COLUMNS, CAUSAL, WINDOWED)
    if PACKED:
        # Shorter sequences than the longest have tiles without queries.
        end = tl.where(first < rows, end, begin)
    row = (first + tl.arange(0, ROWS))[:, None]
    # Triton 3.6 specialises one loop of a kernel: there keys that all queries see are masked with the rest.
    whole = begin if SPECIALISED else _keys_whole(first, shift, columns, begin, end, COLUMNS, CAUSAL, WINDOWED)
    if WHOLE:
        whole = end
    if WHOLE or not SPECIALISED:
        total, top, mass = _gathered(
            total, top, mass, q_tile, keys, values, k_s, v_s, bias_base, bias_t, bias_s,
            b, kept, row, begin, whole, shift, rows, columns, window, scale,
            H, WIDTH, COLUMNS, CAUSAL, WINDOWED, BIASED, False, FETCH, SPECIALISED, PRECISION,
        )  # fmt: skip
    if not WHOLE:
        total, top, mass = _gathered(
            total, top, mass, q_tile, keys, values, k_s, v_s, bias_base, bias_t, bias_s,
            b, kept, row, whole, end, shift, rows, columns, window, scale,
            H, WIDTH, COLUMNS, CAUSAL, WINDOWED, BIASED, True, FETCH, SPECIALISED, PRECISION,
        )  # fmt: skip
    blind = mass == 0.0
    mass = tl.where(blind, 1.0, mass)
    total = total / mass[:, None]
    _store(out + ((b * T + offset) * N + n) * H, total, first, rows, N * H, ROWS, WIDTH, H)
    row = first + tl.arange(0, ROWS)
    log = tl.where(blind, float("inf"), top + tl.math.log2(mass))
    tl.store(logs + (b * N + n) * T + offset + row, log, mask=row < rows)


@triton.jit
def _queries_back(
    total, q_tile, d_out_tile, sums, log, keys, values, k_s, v_s, bias_base, bias_t, bias_s,
    d_bias, spots, b, kept, row, begin, end, shift, rows, columns, window, scale,
    H: tl.constexpr, WIDTH: tl.constexpr, COLUMNS: tl.constexpr, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
    BIASED: tl.constexpr, LEARNED: tl.constexpr, MASKED: tl.constexpr, FETCH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Add what the keys from begin to end give to the gradients of queries, which all see them unless they are masked.

    Queries behind the last have weights of 0, as the logarithm of their sum is +infinity.
    """
    for start in tl.range(begin, end, COLUMNS):
        start = tl.multiple_of(start, COLUMNS)
        column = start + tl.arange(0, COLUMNS)
        k_tile = _fetched(keys, b, kept, start, columns, k_s, COLUMNS, WIDTH, H, FETCH)
        v_tile = _fetched(values, b, kept, start, columns, v_s, COLUMNS, WIDTH, H, FETCH)
        scores = tl.dot(q_tile, k_tile.T, input_precision=PRECISION) * scale
        if BIASED:
            inside = (row < rows)[:, None] & (column < columns)[None, :]
            place = row.to(tl.int64)[:, None] * bias_t + column.to(tl.int64)[None, :] * bias_s
            scores += tl.load(bias_base + place, mask=inside, other=0.0).to(tl.float32) * LOG2E
        weights = tl.math.exp2(scores - log[:, None])
        d_weights = tl.dot(d_out_tile, v_tile.T, input_precision=PRECISION)
        d_scores = weights * (d_weights - sums[:, None])
        mask = (row < rows)[:, None]
        if MASKED:
            mask = _sees(row[:, None], column[None, :], shift, rows, columns, window, CAUSAL, WINDOWED)
            d_scores = tl.where(mask, d_scores, 0.0)
        if LEARNED:
            tl.store(d_bias + spots + column[None, :], d_scores.to(d_bias.dtype.element_ty), mask=mask)
        total = tl.dot(d_scores.to(k_tile.dtype), k_tile, total, input_precision=PRECISION)
    return total


@triton.jit(do_not_specialize=_SIZES)
def backward_queries(
    q,
    k,
    v,
    bias,
    starts,
    out,
    logs,
    d_out,
    d_q,
    d_bias,
    delta,
    q_b,
    q_n,
    q_t,
    k_b,
    k_n,
    k_s,
    v_b,
    v_n,
    v_s,
    bias_b,
    bias_n,
    bias_t,
    bias_s,
    N,
    T,
    S,
    tiles,
    window,
    scale,
    GROUP: tl.constexpr,
    H: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CAUSAL: tl.constexpr,
    WINDOWED: tl.constexpr,
    BIASED: tl.constexpr,
    PACKED: tl.constexpr,
    LEARNED: tl.constexpr,
    WHOLE: tl.constexpr,
    FETCH: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Write the gradients of a tile of queries and, if it is learned, of their bias; and delta, for the keys'."""
    b, n, first, offset, rows, columns = _place(starts, T, S, N, tiles, ROWS, PACKED, CAUSAL)
    if first < rows:
        shift = columns - rows
        row = first + tl.arange(0, ROWS)
        line = (b * N + n) * T + offset
        spot = ((b * T + offset) * N + n) * H
        spots = (line + row)[:, None] * S + offset
        kept = n // GROUP
        keys = k
        values = v
        if FETCH != "lines":
            keys += b * k_b + kept.to(tl.int64) * k_n + offset * k_s
            values += b * v_b + kept.to(tl.int64) * v_n + offset * v_s
        bias_base = bias + b * bias_b + n.to(tl.int64) * bias_n + offset * (bias_t + bias_s)
        q_tile = _tile(q + b * q_b + n.to(tl.int64) * q_n + offset * q_t, first, rows, q_t, ROWS, WIDTH, H)
        d_out_tile = _tile(d_out + spot, first, rows, N * H, ROWS, WIDTH, H)
        out_tile = _tile(out + spot, first, rows, N * H, ROWS, WIDTH, H)
        sums = tl.sum(out_tile.to(tl.float32) * d_out_tile.to(tl.float32), 1)
        tl.store(delta + line + row, sums, mask=row < rows)
        log = tl.load(logs + line + row, mask=row < rows, other=float("inf"))
        total = tl.zeros([ROWS, WIDTH], tl.float32)

        begin, end = _keys_seen(first, shift, columns, window, ROWS, COLUMNS, CAUSAL, WINDOWED)
        whole = _keys_whole(first, shift, columns, begin, end, COLUMNS, CAUSAL, WINDOWED)
        total = _queries_back(
            total, q_tile, d_out_tile, sums, log, keys, values, k_s, v_s, bias_base, bias_t, bias_s,
            d_bias, spots, b, kept, row, begin, whole, shift, rows, columns, window, scale,
            H, WIDTH, COLUMNS, CAUSAL, WINDOWED, BIASED, LEARNED, False, FETCH, PRECISION,
        )  # fmt: skip
        if not WHOLE:
            total = _queries_back(
                total, q_tile, d_out_tile, sums, log, keys, values, k_s, v_s, bias_base, bias_t, bias_s,
                d_bias, spots, b, kept, row, whole, end, shift, rows, columns, window, scale,
                H, WIDTH, COLUMNS, CAUSAL, WINDOWED, BIASED, LEARNED, True, FETCH, PRECISION,
            )  # fmt: skip
        _store(d_q + spot, total * (scale / LOG2E), first, rows, N * H, ROWS, WIDTH, H)


@triton.jit
def _keys_back(
    total_k, total_v, k_tile, v_tile, queries, d_outs, q_t, d_out_t, logs, delta,
    bias_base, bias_t, bias_s, b, n, column, begin, end, shift, rows, columns, window, scale,
    H: tl.constexpr, WIDTH: tl.constexpr, ROWS: tl.constexpr, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr,
    BIASED: tl.constexpr, MASKED: tl.constexpr, FETCH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Add what the queries from begin to end give to the gradients of keys and values, as `_queries_back` does."""
    for start in tl.range(begin, end, ROWS):
        start = tl.multiple_of(start, ROWS)
        row = start + tl.arange(0, ROWS)
        q_tile = _fetched(queries, b, n, start, rows, q_t, ROWS, WIDTH, H, FETCH)
        d_out_tile = _fetched(d_outs, b, n, start, rows, d_out_t, ROWS, WIDTH, H, FETCH)
        log = tl.load(logs + row, mask=row < rows, other=float("inf"))
        sums = tl.load(delta + row, mask=row < rows, other=0.0)
        scores = tl.dot(k_tile, q_tile.T, input_precision=PRECISION) * scale
        if BIASED:
            inside = (row < rows)[None, :] & (column < columns)[:, None]
            place = row.to(tl.int64)[None, :] * bias_t + column.to(tl.int64)[:, None] * bias_s
            scores += tl.load(bias_base + place, mask=inside, other=0.0).to(tl.float32) * LOG2E
        weights = tl.math.exp2(scores - log[None, :])
        if MASKED:
            mask = _sees(row[None, :], column[:, None], shift, rows, columns, window, CAUSAL, WINDOWED)
            weights = tl.where(mask, weights, 0.0)
        total_v = tl.dot(weights.to(v_tile.dtype), d_out_tile, total_v, input_precision=PRECISION)
        d_weights = tl.dot(v_tile, d_out_tile.T, input_precision=PRECISION)
        d_scores = weights * (d_weights - sums[None, :])
        if MASKED:
            d_scores = tl.where(mask, d_scores, 0.0)
        total_k = tl.dot(d_scores.to(q_tile.dtype), q_tile, total_k, input_precision=PRECISION)
    return total_k, total_v


@triton.jit(do_not_specialize=_SIZES)
def backward_keys(
    q,
    k,
    v,
    bias,
    starts,
    logs,
    d_out,
    d_k,
    d_v,
    delta,
    q_b,
    q_n,
    q_t,
    k_b,
    k_n,
    k_s,
    v_b,
    v_n,
    v_s,
    bias_b,
    bias_n,
    bias_t,
    bias_s,
    N,
    T,
    S,
    tiles,
    window,
    scale,
    GROUP: tl.constexpr,
    H: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    CAUSAL: tl.constexpr,
    WINDOWED: tl.constexpr,
    BIASED: tl.constexpr,
    PACKED: tl.constexpr,
    FETCH: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Write the gradients of a tile of keys and values, of all query heads that share them, one after another."""
    heads = N // GROUP
    b, kept, first, offset, rows, columns = _place(starts, T, S, heads, tiles, COLUMNS, PACKED, False)
    if first < columns:
        shift = columns - rows
        column = first + tl.arange(0, COLUMNS)
        k_tile = _tile(k + b * k_b + kept.to(tl.int64) * k_n + offset * k_s, first, columns, k_s, COLUMNS, WIDTH, H)
        v_tile = _tile(v + b * v_b + kept.to(tl.int64) * v_n + offset * v_s, first, columns, v_s, COLUMNS, WIDTH, H)
        total_k = tl.zeros([COLUMNS, WIDTH], tl.float32)
        total_v = tl.zeros([COLUMNS, WIDTH], tl.float32)

        begin = 0
        end = rows
        if WINDOWED:
            end = tl.minimum(end, first + COLUMNS - 1 - shift + window)
            begin = tl.maximum(first - shift - window + 1, 0) // ROWS * ROWS
        if CAUSAL:
            begin = tl.maximum(first - shift, 0) // ROWS * ROWS
        # From there on queries see all of the keys; keys behind the last are not stored.
        whole = begin
        if WINDOWED:
            whole = tl.maximum(begin, end)
        elif CAUSAL:
            whole = tl.cdiv(tl.maximum(first + COLUMNS - 1 - shift, 0), ROWS) * ROWS
            whole = tl.minimum(tl.maximum(whole, begin), tl.maximum(begin, end))
        for member in tl.range(0, GROUP):
            n = kept * GROUP + member
            line = (b * N + n) * T + offset
            queries = q
            d_outs = d_out
            if FETCH != "lines":
                queries += b * q_b + n.to(tl.int64) * q_n + offset * q_t
                d_outs += ((b * T + offset) * N + n) * H
            bias_base = bias + b * bias_b + n.to(tl.int64) * bias_n + offset * (bias_t + bias_s)
            if CAUSAL or WINDOWED:
                total_k, total_v = _keys_back(
                    total_k, total_v, k_tile, v_tile, queries, d_outs, q_t, N * H, logs + line, delta + line,
                    bias_base, bias_t, bias_s, b, n, column, begin, whole, shift, rows, columns, window, scale,
                    H, WIDTH, ROWS, CAUSAL, WINDOWED, BIASED, True, FETCH, PRECISION,
                )  # fmt: skip
            total_k, total_v = _keys_back(
                total_k, total_v, k_tile, v_tile, queries, d_outs, q_t, N * H, logs + line, delta + line,
                bias_base, bias_t, bias_s, b, n, column, whole, end, shift, rows, columns, window, scale,
                H, WIDTH, ROWS, CAUSAL, WINDOWED, BIASED, False, FETCH, PRECISION,
            )  # fmt: skip
        spot = ((b * S + offset) * heads + kept) * H
        _store(d_k + spot, total_k * (scale / LOG2E), first, columns, heads * H, COLUMNS, WIDTH, H)
        _store(d_v + spot, total_v, first, columns, heads * H, COLUMNS, WIDTH, H)
