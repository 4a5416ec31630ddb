// Rows of numbers as bytes, for the product of quantised.hpp.
//
// Each GROUP of a row has a scale of its own: one large value spoils its group alone. It is a power of
// two, which makes scaling free. An integer summed on top of the bits of 1.5 * 2^23 * scale is, as a
// float, that number plus scale times the integer, exactly. An addition takes the number away again,
// where another scale would need a multiplication, whose units are busy with the sums.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "byte_dot.hpp"

constexpr int GROUP = 32;

static inline int groups_of(int k) { return (k + GROUP - 1) / GROUP; }

// GROUP numbers of a row. All of it in one place: the product walks along several rows, and three
// addresses for each would not fit the registers.
struct ByteGroup {
    ByteInput data[GROUP];
    float base;     // 1.5 * 2^23 * scale; no number if one of the group's is none, or beyond LARGEST
    int32_t start;  // its bits, less what OFFSET adds too much to the group's sum
};

// Rows of such groups.
class Bytes {
  public:
    // Room for `rows` of up to k numbers.
    void resize(int rows, int k) {
        stride_ = groups_of(k);
        size_t count = size_t(rows) * stride_;
        if (groups_.size() < count) groups_.resize(count);
    }

    // Groups of a row, of whatever product: one row's never reach into another's.
    int stride() const { return stride_; }
    const ByteGroup* row(int index) const { return groups_.data() + size_t(index) * stride_; }

    // Keep k numbers, padded with zeros to a whole number of groups, as row `row`.
    void quantise(const float* in, int k, int row) {
        ByteGroup* to = groups_.data() + size_t(row) * stride_;
        for (int g = 0, many = groups_of(k); g < many; g += WIDTH)
            quantise(in + g * GROUP, std::min(many - g, WIDTH), to + g);
    }

  private:
    typedef ByteInput ByteVec __attribute__((vector_size(WIDTH * sizeof(ByteInput))));

    static constexpr int32_t MANTISSA = 0x7fffff, NO_NUMBER = 0x7fc00000;
    static constexpr int32_t OF_127 = 0x7e0000;  // mantissa of 127 and of its multiples by 2^n
    static constexpr int32_t LARGEST = 237 << 23 | OF_127;  // 127 * 2^104: its base is a float
    static constexpr int32_t LEAST = 27;  // of 2^-100: what is smaller counts as little more than nothing
    static constexpr int32_t ROUND_BITS = 0x4b400000;  // 1.5 * 2^23: leaves no bits for a fraction

    // Up to WIDTH groups: what is found of each becomes a lane, and is done to all at once.
    static void quantise(const float* in, int count, ByteGroup* to) {
        IntVec highest[WIDTH], totals[WIDTH];
        for (int g = count; g < WIDTH; g++) highest[g] = totals[g] = IntVec{};
        for (int g = 0; g < count; g++) {
            IntVec high = {};
            for (int i = 0; i < GROUP; i += WIDTH)
                high = larger(load_ints(in + g * GROUP + i) & 0x7fffffff, high);
            highest[g] = high;
        }
        // As bits, infinity is above all numbers, and what is no number above infinity.
        IntVec peaks = fold_each(highest, larger<IntVec>);
        // The scale is 2^(exponent - 133), the least by which the peak is at most 127.
        IntVec exponent = (peaks >> 23) - ((peaks & MANTISSA) > OF_127);  // true is -1
        exponent = larger(exponent, LEAST - IntVec{});
        IntVec base = peaks > LARGEST ? NO_NUMBER - IntVec{} : ((exponent + 17) << 23 | 0x400000);
        float inverse[WIDTH];
        store(inverse, (Vec)((260 - exponent) << 23));
        const Vec round = (Vec)(ROUND_BITS - IntVec{});
        for (int g = 0; g < count; g++) {
            IntVec total = {};
            for (int i = 0; i < GROUP; i += WIDTH) {
                Vec scaled = load(in + g * GROUP + i) * inverse[g];
                IntVec whole = (IntVec)(scaled + round) - ROUND_BITS;
                total += whole;
                ByteVec bytes = __builtin_convertvector(whole, ByteVec);
                std::memcpy(&to[g].data[i], &bytes, sizeof bytes);
            }
            totals[g] = total;
        }
        IntVec start = base;
        if (OFFSET) start -= OFFSET * fold_each(totals, [](IntVec a, IntVec b) { return a + b; });
        int32_t bases[WIDTH], starts[WIDTH];
        std::memcpy(bases, &base, sizeof base);
        std::memcpy(starts, &start, sizeof start);
        for (int g = 0; g < count; g++) {
            std::memcpy(&to[g].base, &bases[g], sizeof(float));
            to[g].start = starts[g];
        }
    }

    Array<ByteGroup> groups_;
    int stride_ = 0;
};
