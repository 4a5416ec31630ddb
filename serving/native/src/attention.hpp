// Attention of new tokens over the paged cache, by online softmax (Milakov and Gimelshein, 2018)
// as in FlashAttention: scores exist for SPAN tokens at a time.
//
//     a block, for one KV head:   keys    tile 0: [dim, TILE]  tile 1: [dim, TILE] ...  (transposed)
//                                 values  [block_size, dim]
//
// With keys transposed in tiles of TILE tokens, scores are a product like any other: TILE tokens'
// sums for several queries stay in registers and nothing is summed across a vector. The query
// heads that share a KV head, and the tokens of a chunk, go over its keys and values together.
//
// Spans begin at multiples of SPAN of the position, never at a chunk's begin, and tokens that a
// query must not see weigh exactly nothing: what a token attends to is summed in the same order
// when it was prefilled in one chunk, in many, or decoded, alone or in a batch.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "simd.hpp"

constexpr int TILE = 16;
constexpr int TILE_VECS = TILE / WIDTH;
constexpr int SPAN = 64;
constexpr int SPAN_TILES = SPAN / TILE;
constexpr int MAX_QUERIES = 64;  // query heads of a KV head x tokens, in one task
constexpr int QUERIES = WIDTH == 4 ? 2 : 6;  // at once in registers

struct Cache {
    float* keys;    // [blocks, kv_heads, block_size / TILE, dim, TILE]
    float* values;  // [blocks, kv_heads, block_size, dim]
    int kv_heads, dim, block_size;

    size_t block(int id, int head) const {
        return (size_t(id) * kv_heads + head) * block_size * dim;
    }

    // Keep one token's key and value of one head.
    void write(int64_t slot, int head, const float* key, const float* value) const {
        size_t base = block(int(slot / block_size), head);
        int offset = int(slot % block_size);
        std::copy(value, value + dim, values + base + size_t(offset) * dim);
        float* to = keys + base + size_t(offset / TILE) * TILE * dim + offset % TILE;
        for (int d = 0; d < dim; d++) to[d * TILE] = key[d];
    }
};

// The tiles of the tokens [first, first + count) of a sequence; first is a multiple of TILE.
struct Span {
    const float* keys[SPAN_TILES];
    const float* values[SPAN_TILES];
    int count;

    Span(const Cache& cache, const int32_t* table, int head, int first, int tokens) : count(tokens) {
        for (int i = 0; i * TILE < count; i++) {
            int position = first + i * TILE;
            size_t at = cache.block(table[position / cache.block_size], head) +
                        size_t(position % cache.block_size) * cache.dim;
            keys[i] = cache.keys + at;
            values[i] = cache.values + at;
        }
    }
};

// What one task needs, kept by each thread between tasks.
struct Scratch {
    std::vector<float> query, output;
    alignas(64) float scores[MAX_QUERIES][SPAN];
    float peak[MAX_QUERIES], weight[MAX_QUERIES];
    int begin[MAX_QUERIES], end[MAX_QUERIES];  // positions that a query sees: [begin, end)
};

// scores[q][0..TILE) = query[q] . keys, for Q queries.
template <int Q>
static inline void score(const float* query, int dim, const float* keys, float (*scores)[SPAN]) {
    Vec sums[Q][TILE_VECS] = {};
    for (int d = 0; d < dim; d++, keys += TILE) {
        Vec parts[TILE_VECS];
        for (int v = 0; v < TILE_VECS; v++) parts[v] = load(keys + v * WIDTH);
#pragma GCC unroll 8
        for (int q = 0; q < Q; q++) {
            Vec value = broadcast(query[size_t(q) * dim + d]);
#pragma GCC unroll 4
            for (int v = 0; v < TILE_VECS; v++) sums[q][v] += value * parts[v];
        }
    }
    for (int q = 0; q < Q; q++)
        for (int v = 0; v < TILE_VECS; v++) store(&scores[q][v * WIDTH], sums[q][v]);
}

// output[q][d .. d + C vectors) += sum over the span of scores[q][i] * values[i].
template <int Q, int C>
static inline void gather(
    const float (*scores)[SPAN], const Span& span, int dim, int d, float* output) {
    Vec sums[Q][C];
    for (int q = 0; q < Q; q++)
        for (int c = 0; c < C; c++) sums[q][c] = load(output + size_t(q) * dim + d + c * WIDTH);
    for (int tile = 0; tile * TILE < span.count; tile++) {
        const float* value = span.values[tile] + d;
        int tokens = std::min(TILE, span.count - tile * TILE);
        const float* weights = &scores[0][tile * TILE];
        for (int i = 0; i < tokens; i++, value += dim) {
            Vec parts[C];
            for (int c = 0; c < C; c++) parts[c] = load(value + c * WIDTH);
#pragma GCC unroll 8
            for (int q = 0; q < Q; q++) {
                Vec weight = broadcast(weights[q * SPAN + i]);
#pragma GCC unroll 2
                for (int c = 0; c < C; c++) sums[q][c] += weight * parts[c];
            }
        }
    }
    for (int q = 0; q < Q; q++)
        for (int c = 0; c < C; c++) store(output + size_t(q) * dim + d + c * WIDTH, sums[q][c]);
}

template <int Q>
static inline void gather_all(
    const float (*scores)[SPAN], const Span& span, int dim, float* output) {
    int d = 0;
    for (; d + 2 * WIDTH <= dim; d += 2 * WIDTH) gather<Q, 2>(scores, span, dim, d, output);
    for (; d < dim; d += WIDTH) gather<Q, 1>(scores, span, dim, d, output);
}

// Calls work.template operator()<Q>(first) over all queries, in groups of nearly equal size.
template <class Work>
static inline void in_groups(int queries, Work work) {
    int groups = (queries + QUERIES - 1) / QUERIES;
    for (int first = 0; groups > 0; groups--) {
        int size = (queries - first + groups - 1) / groups;
        as_constant<QUERIES>(size, [&](auto constant) { work(constant, first); });
        first += size;
    }
}

// Scores of query q to weights, in place; rescales what was gathered under a lower peak.
static inline void soften(Scratch& use, int q, int first, int count, int dim) {
    constexpr float NOTHING = -std::numeric_limits<float>::infinity();
    float* scores = use.scores[q];
    int from = std::max(0, use.begin[q] - first), to = std::min(count, use.end[q] - first);
    if (to <= from) {
        std::fill(scores, scores + count, 0.0f);
        return;
    }
    std::fill(scores, scores + from, NOTHING);
    std::fill(scores + to, scores + SPAN, NOTHING);
    Vec highest = load(scores);
    for (int i = WIDTH; i < SPAN; i += WIDTH) {
        Vec other = load(scores + i);
        highest = other > highest ? other : highest;
    }
    float peak = use.peak[q];
    for (int i = 0; i < WIDTH; i++) peak = std::max(peak, highest[i]);
    Vec total = {};
    for (int i = 0; i < SPAN; i += WIDTH) {
        Vec seen = load(scores + i);
        // Not e^-87 for what is not seen, but nothing.
        Vec weights = seen == broadcast(NOTHING) ? Vec{} : exp(seen - peak);
        store(scores + i, weights);
        total += weights;
    }
    float factor = std::exp(use.peak[q] - peak);
    use.weight[q] = use.weight[q] * factor + sum(total);
    use.peak[q] = peak;
    if (factor != 1.0f) {
        float* output = use.output.data() + size_t(q) * dim;
        for (int d = 0; d < dim; d += WIDTH) store(output + d, load(output + d) * factor);
    }
}

// `tokens` query tokens at positions [position, position + tokens), one KV head, causal.
//   query:  token t's heads at query + t * query_stride, [group, dim] contiguous
//   output: likewise, at output + t * output_stride
//   window: tokens that a query sees, itself among them; 0 for all
static inline void attend(
    const Cache& cache, const int32_t* table, int head, int position, int tokens,
    const float* query, size_t query_stride, int group, float scale, int window, float* output,
    size_t output_stride, Scratch& use) {
    int dim = cache.dim, queries = tokens * group;
    use.query.resize(size_t(MAX_QUERIES) * dim);
    use.output.assign(size_t(queries) * dim, 0.0f);
    for (int t = 0; t < tokens; t++)
        for (int h = 0; h < group; h++) {
            int q = t * group + h;
            use.peak[q] = -std::numeric_limits<float>::infinity();
            use.weight[q] = 0;
            use.end[q] = position + t + 1;
            use.begin[q] = window ? std::max(0, use.end[q] - window) : 0;
            for (int d = 0; d < dim; d++)
                use.query[size_t(q) * dim + d] = query[t * query_stride + h * dim + d] * scale;
        }
    int last = position + tokens;
    for (int first = use.begin[0] / SPAN * SPAN; first < last; first += SPAN) {
        Span span(cache, table, head, first, std::min(SPAN, last - first));
        for (int tile = 0; tile * TILE < span.count; tile++)
            in_groups(queries, [&](auto size, int q) {
                float (*to)[SPAN] = reinterpret_cast<float (*)[SPAN]>(&use.scores[q][tile * TILE]);
                score<size()>(&use.query[size_t(q) * dim], dim, span.keys[tile], to);
            });
        for (int q = 0; q < queries; q++) soften(use, q, first, span.count, dim);
        in_groups(queries, [&](auto size, int q) {
            gather_all<size()>(&use.scores[q], span, dim, &use.output[size_t(q) * dim]);
        });
    }
    for (int t = 0; t < tokens; t++)
        for (int h = 0; h < group; h++) {
            int q = t * group + h;
            float* to = output + t * output_stride + size_t(h) * dim;
            for (int d = 0; d < dim; d++) to[d] = use.output[size_t(q) * dim + d] / use.weight[q];
        }
}
