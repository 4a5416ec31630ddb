// The paged cache of one layer, in lanes of one Kind (lanes.hpp).
//
//     a block, for one KV head:   keys    tile 0: [dim, TILE]  tile 1: [dim, TILE] ...  (transposed)
//                                 values  [block_size, dim]
//
// With keys transposed in tiles of TILE tokens, scores are a product like any other: TILE tokens'
// sums for several queries stay in registers and nothing is summed across a vector. Halves pair
// neighbouring dimensions of a key, [dim / 2, TILE, 2], and neighbouring tokens of a value,
// [block_size / 2, dim, 2]: what is summed over.
#pragma once
#include <algorithm>

#include "lanes.hpp"

constexpr int TILE = 16;
constexpr int SPAN = 64;
constexpr int SPAN_TILES = SPAN / TILE;

template <class Kind>
struct Cache {
    float* keys;    // [blocks, kv_heads, block_size / TILE, dim, TILE]
    float* values;  // [blocks, kv_heads, block_size, dim]
    int kv_heads, dim, block_size;

    // Lanes before token `offset` of a head's block; a multiple of TILE.
    size_t at(int id, int head, int offset) const {
        return ((size_t(id) * kv_heads + head) * block_size + offset) * dim / Kind::PER_LANE;
    }

    // Keep one token's key and value of one head; both are lanes when it returns.
    void write(int64_t slot, int head, float* key, float* value) const {
        int offset = int(slot % block_size), inside = offset % TILE;
        size_t tile = at(int(slot / block_size), head, offset - inside);
        for (int d = 0; d < dim; d += WIDTH) {
            Kind::put(key, d, load(key + d));
            Kind::put(value, d, load(value + d));
        }
        for (int d = 0; d < dim / Kind::PER_LANE; d++)
            std::memcpy(keys + tile + d * TILE + inside, key + d, sizeof(float));
        float* row = values + tile + size_t(inside / Kind::PER_LANE) * dim;
        Kind::interleave(value, dim, inside % Kind::PER_LANE, row);
    }
};

// The tiles of the tokens [first, first + count) of a sequence; first is a multiple of TILE.
struct Span {
    const float* keys[SPAN_TILES];
    const float* values[SPAN_TILES];
    int count;

    template <class Kind>
    Span(const Cache<Kind>& cache, const int32_t* table, int head, int first, int tokens)
        : count(std::min(SPAN, tokens)) {
        for (int i = 0; count > 0 && i < SPAN_TILES; i++) {
            // Where there are fewer tiles, the last one again: what is fetched ahead exists.
            int position = first + std::min(i, tiles() - 1) * TILE;
            int block = table[position / cache.block_size];
            size_t at = cache.at(block, head, position % cache.block_size);
            keys[i] = cache.keys + at;
            values[i] = cache.values + at;
        }
    }

    int tiles() const { return (count + TILE - 1) / TILE; }
};

constexpr int LINE = 16;  // lanes of a cache line

// Into the second cache. Blocks lie apart, which no processor foresees.
static inline void prefetch(const float* line) { __builtin_prefetch(line, 0, 2); }
