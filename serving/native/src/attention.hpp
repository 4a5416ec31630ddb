// Attention of new tokens over the paged cache, by online softmax (Milakov and Gimelshein, 2018)
// as in FlashAttention: scores exist for SPAN tokens at a time. The query heads that share a KV
// head, and the tokens of a chunk, go over its keys and values together.
//
// Spans begin at multiples of SPAN of the position, never at a chunk's begin, and tokens that a
// query must not see weigh exactly nothing: what a token attends to is summed in the same order
// when it was prefilled in one chunk, in many, or decoded, alone or in a batch.
//
// Of a cache of halves, queries and weights are rounded to halves as well; sums, peaks and the
// weights' total stay floats.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

#include "cache.hpp"

constexpr int TILE_VECS = TILE / WIDTH;
constexpr int MAX_QUERIES = 64;              // query heads of a KV head x tokens, in one task
constexpr int QUERIES = WIDTH == 4 ? 2 : 6;  // at once in registers
// Tiles, and vectors of values, that each query takes at once: 24 sums of 32 registers, or 12 of 16.
constexpr int TILES = WIDTH == 16 ? 4 : 1;
constexpr int VALUE_VECS = WIDTH == 16 ? 4 : 2;
constexpr float PEAK_SLACK = 8;  // weights are below 2^8

// What one task needs, kept by each thread between tasks.
struct Scratch {
    Array<float> query, output;  // [queries, dim]; the query in lanes
    alignas(64) float scores[MAX_QUERIES][SPAN];
    Vec weight[MAX_QUERIES];  // what was given so far, in parts
    float peak[MAX_QUERIES];
    int begin[MAX_QUERIES], end[MAX_QUERIES];  // positions that a query sees: [begin, end)
};

// scores[q][t * TILE ..] = query[q] . keys[t], for Q queries and T tiles. With AHEAD, as many lines of
// the tiles `ahead` are fetched: one by one, since many at once would wait for each other.
template <class Kind, int Q, int T, bool AHEAD>
static inline void score(
    const float* query, int dim, const float* const* tiles, const float* const* ahead,
    float (*scores)[SPAN]) {
    Vec sums[Q][T][TILE_VECS] = {};
    int lanes = dim / Kind::PER_LANE;
    for (int d = 0; d < lanes; d++) {
        if (AHEAD)
            for (int t = 0; t < T; t++) prefetch(ahead[t] + d * TILE);
        Vec parts[T][TILE_VECS];
#pragma GCC unroll 4
        for (int t = 0; t < T; t++)
#pragma GCC unroll 4
            for (int v = 0; v < TILE_VECS; v++) parts[t][v] = load(tiles[t] + d * TILE + v * WIDTH);
#pragma GCC unroll 8
        for (int q = 0; q < Q; q++)
#pragma GCC unroll 4
            for (int t = 0; t < T; t++)
#pragma GCC unroll 4
                for (int v = 0; v < TILE_VECS; v++)
                    sums[q][t][v] = Kind::add(sums[q][t][v], parts[t][v], query + q * lanes + d);
    }
    // Unrolled like the loops above, or the sums would be in memory and not in registers.
#pragma GCC unroll 8
    for (int q = 0; q < Q; q++)
#pragma GCC unroll 4
        for (int t = 0; t < T; t++)
#pragma GCC unroll 4
            for (int v = 0; v < TILE_VECS; v++)
                store(&scores[q][t * TILE + v * WIDTH], sums[q][t][v]);
}

// output[q][d .. d + C vectors) += sum over the span of weights[q][i] * values[i]. AHEAD as above.
template <class Kind, int Q, int C, bool AHEAD>
static inline void gather(
    float (*weights)[SPAN], const Span& span, const Span& next, int dim, int d, float* output) {
    Vec sums[Q][C];
#pragma GCC unroll 8
    for (int q = 0; q < Q; q++)
#pragma GCC unroll 4
        for (int c = 0; c < C; c++) sums[q][c] = load(output + size_t(q) * dim + d + c * WIDTH);
    auto add = [&](const float* values, const float* lane, auto filter) {
        Vec parts[C];
        for (int c = 0; c < C; c++) parts[c] = filter(load(values + c * WIDTH));
#pragma GCC unroll 8
        for (int q = 0; q < Q; q++)
#pragma GCC unroll 4
            for (int c = 0; c < C; c++) sums[q][c] = Kind::add(sums[q][c], parts[c], lane + q * SPAN);
    };
    for (int tile = 0; tile * TILE < span.count; tile++) {
        const float* values = span.values[tile] + d;
        const float* ahead = next.values[tile] + d;
        const float* lane = &weights[0][tile * TILE / Kind::PER_LANE];
        int tokens = std::min(TILE, span.count - tile * TILE);
        int lanes = tokens / Kind::PER_LANE;
        for (int i = 0; i < lanes; i++, values += dim, lane++) {
            if (AHEAD)
                for (int c = 0; c < C * WIDTH; c += LINE) prefetch(ahead + size_t(i) * dim + c);
            add(values, lane, [](Vec v) { return v; });
        }
        if (tokens % Kind::PER_LANE) add(values, lane, Kind::first_only);
    }
#pragma GCC unroll 8
    for (int q = 0; q < Q; q++)
#pragma GCC unroll 4
        for (int c = 0; c < C; c++) store(output + size_t(q) * dim + d + c * WIDTH, sums[q][c]);
}

// Calls work(integral_constant<Q>, first) over all queries, in groups of nearly equal size.
template <class Work>
static inline void in_groups(int queries, Work work) {
    int groups = (queries + QUERIES - 1) / QUERIES;
    for (int first = 0; groups > 0; groups--) {
        int size = (queries - first + groups - 1) / groups;
        as_constant<QUERIES>(size, [&](auto constant) { work(constant, first); });
        first += size;
    }
}

template <class Kind>
static inline void score_all(
    Scratch& use, int queries, const Span& span, const Span& next, int dim) {
    in_groups(queries, [&](auto size, int q) {
        const float* query = use.query.data() + size_t(q) * dim / Kind::PER_LANE;
        auto to = [&](int tile) { return reinterpret_cast<float(*)[SPAN]>(&use.scores[q][tile * TILE]); };
        bool ahead = q == 0 && next.count > 0;
        int tile = 0;
        for (; span.tiles() - tile >= TILES; tile += TILES)
            if (ahead)
                score<Kind, size(), TILES, true>(
                    query, dim, span.keys + tile, next.keys + tile, to(tile));
            else
                score<Kind, size(), TILES, false>(query, dim, span.keys + tile, nullptr, to(tile));
        for (; tile < span.tiles(); tile++)
            score<Kind, size(), 1, false>(query, dim, span.keys + tile, nullptr, to(tile));
    });
}

template <class Kind>
static inline void gather_all(
    Scratch& use, int queries, const Span& span, const Span& next, int dim) {
    in_groups(queries, [&](auto size, int q) {
        float* output = use.output.data() + size_t(q) * dim;
        bool ahead = q == 0 && next.count > 0;
        int d = 0;
        for (; d + VALUE_VECS * WIDTH <= dim; d += VALUE_VECS * WIDTH)
            if (ahead)
                gather<Kind, size(), VALUE_VECS, true>(&use.scores[q], span, next, dim, d, output);
            else
                gather<Kind, size(), VALUE_VECS, false>(&use.scores[q], span, next, dim, d, output);
        for (; d < dim; d += WIDTH)
            gather<Kind, size(), 1, false>(&use.scores[q], span, next, dim, d, output);
    });
}

// Scores of query q, as powers of two, to weights in lanes, in place. Weights are relative to 2^peak,
// which follows the highest score only when that is PEAK_SLACK above it: the sums stay in range, and
// what was gathered need not be rescaled at every span (as in FlashAttention 4).
template <class Kind>
static inline void soften(Scratch& use, int q, int first, int count, int dim) {
    constexpr float NOTHING = -std::numeric_limits<float>::infinity();
    float* scores = use.scores[q];
    int from = std::max(0, use.begin[q] - first), to = std::min(count, use.end[q] - first);
    if (to <= from) {
        std::fill(scores, scores + count, 0.0f);
        return;
    }
    if (to - from < SPAN) {
        std::fill(scores, scores + from, NOTHING);
        std::fill(scores + to, scores + SPAN, NOTHING);
    }
    Vec seen[SPAN / WIDTH], highest = seen[0] = load(scores);
#pragma GCC unroll 16
    for (int i = 1; i < SPAN / WIDTH; i++) {
        seen[i] = load(scores + i * WIDTH);
        highest = larger(seen[i], highest);
    }
    if (any(highest > broadcast(use.peak[q] + PEAK_SLACK))) {
        float peak = fold(highest, larger<Vec>)[0], factor = std::exp2(use.peak[q] - peak);
        use.peak[q] = peak;
        use.weight[q] *= factor;
        float* output = use.output.data() + size_t(q) * dim;
        for (int d = 0; d < dim; d += WIDTH) store(output + d, load(output + d) * factor);
    }
    Vec total = use.weight[q];
#pragma GCC unroll 16
    for (int i = 0; i < SPAN / WIDTH; i++) {
        Vec weights = exp2<Kind::EXP2_DEGREE>(seen[i] - use.peak[q]);
        Kind::put(scores, i * WIDTH, weights);
        total += weights;
    }
    use.weight[q] = total;
}

// `tokens` query tokens at positions [position, position + tokens), one KV head, causal.
//   query:  token t's heads at query + t * query_stride, [group, dim] contiguous
//   output: likewise, at output + t * output_stride
//   window: tokens that a query sees, itself among them; 0 for all
template <class Kind>
static inline void attend(
    const Cache<Kind>& cache, const int32_t* table, int head, int position, int tokens,
    const float* query, size_t query_stride, int group, float scale, int window, float* output,
    size_t output_stride, Scratch& use) {
    int dim = cache.dim, queries = tokens * group;
    use.query.resize(size_t(MAX_QUERIES) * dim);
    use.output.assign(size_t(queries) * dim, 0.0f);
    for (int t = 0; t < tokens; t++)
        for (int h = 0; h < group; h++) {
            int q = t * group + h;
            use.peak[q] = -std::numeric_limits<float>::infinity();
            use.weight[q] = Vec{};
            use.end[q] = position + t + 1;
            use.begin[q] = window ? std::max(0, use.end[q] - window) : 0;
            float* to = use.query.data() + size_t(q) * dim / Kind::PER_LANE;
            for (int d = 0; d < dim; d += WIDTH)
                Kind::put(to, d, load(query + t * query_stride + h * dim + d) * (scale * LOG2_E));
        }
    int last = position + tokens, first = use.begin[0] / SPAN * SPAN;
    for (Span span(cache, table, head, first, last - first); first < last; first += SPAN) {
        Span next(cache, table, head, first + SPAN, std::max(0, last - first - SPAN));
        score_all<Kind>(use, queries, span, next, dim);
        for (int q = 0; q < queries; q++) soften<Kind>(use, q, first, span.count, dim);
        gather_all<Kind>(use, queries, span, next, dim);
        span = next;
    }
    for (int t = 0; t < tokens; t++)
        for (int h = 0; h < group; h++) {
            int q = t * group + h;
            const float* from = use.output.data() + size_t(q) * dim;
            float* to = output + t * output_stride + size_t(h) * dim;
            float share = 1.0f / sum(use.weight[q]);
            for (int d = 0; d < dim; d += WIDTH) store(to + d, load(from + d) * share);
        }
}
