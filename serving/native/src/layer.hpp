// What is done to rows in a layer, as a share of all threads or of one.
//
//     x -> norm -> qkv -> rope -> cache -> attention -> +x -> norm -> gate, up -> silu * -> down -> +x
//          '--------- begin ----------'                '------------------ finish -----------------'
//
// Before a product its input rows become what its weight is multiplied by: halves where they stand, or
// bytes (bytes.hpp) elsewhere.
#pragma once
#include <chrono>
#include <vector>

#include "attention.hpp"
#include "matrix.hpp"
#include "rows.hpp"
#include "team.hpp"

constexpr int NORM_ROWS = 4;           // rows of a task in the row-wise phases
constexpr int ATTENTION_QUERIES = 48;  // query heads x tokens of an attention task

// Where a step's time goes; named in library.py.
enum Phase { ROWS_PHASE, QKV_PHASE, ATTENTION_PHASE, OUTPUT_PHASE, MLP_PHASE, HEAD_PHASE, PHASES };

// Rows [first, end): all of the step's, done together by all threads, or a block of one thread's.
struct Share {
    int first, end, thread;
    bool together;
};

// Tokens of a sequence that attend together: packed row `row` is the token at `position`, and the
// result of the first is row `to`.
struct Attending {
    int sequence, row, position, count, to;
};

class Layers {
  public:
    Layers(const KwShape& shape, const KwLayer* layers)
        : shape_(shape),
          layers_(layers, layers + shape.layers),
          team_(shape.threads),
          scratch_(shape.threads) {}

    // Seconds of each phase are added to `seconds` [PHASES] from now on; null for no clock.
    void time(double* seconds) { seconds_ = seconds; }

  protected:
    using Clock = std::chrono::steady_clock;

    void resize(int rows) {
        normed_.resize(rows, shape_.hidden);
        qkv_.resize(rows, (shape_.heads + 2 * shape_.kv_heads) * shape_.dim);
        attended_.resize(rows, shape_.heads * shape_.dim);
        inner_.resize(rows, shape_.intermediate + WIDTH);
        bytes_.resize(rows, std::max({shape_.hidden, shape_.heads * shape_.dim, shape_.intermediate}));
    }

    // The phases since the last mark were `phase`.
    void mark(Phase phase, int thread) {
        if (seconds_ == nullptr || thread != 0) return;
        Clock::time_point now = Clock::now();
        seconds_[phase] += std::chrono::duration<double>(now - last_).count();
        last_ = now;
    }

    template <class Work>
    void rows(Share share, Work work) {
        auto some = [&](int first, int end) {
            for (int row = first; row < end; row++) work(row);
        };
        if (!share.together) return some(share.first, share.end);
        team_.each(share.thread, (share.end + NORM_ROWS - 1) / NORM_ROWS, [&](int task) {
            some(task * NORM_ROWS, std::min(share.end, (task + 1) * NORM_ROWS));
        });
    }

    // As far as attention, which needs the keys and values of all rows.
    void begin(const KwLayer& layer, Buffer& x, Share share) {
        int heads = shape_.heads + 2 * shape_.kv_heads;
        norm_rows(x, layer.input_norm, layer.qkv, share);
        mark(ROWS_PHASE, share.thread);
        product({layer.qkv, heads * shape_.dim, shape_.hidden}, share);
        mark(QKV_PHASE, share.thread);
        rows(share, [&](int row) { rotate_and_keep(layer, row); });
        mark(ROWS_PHASE, share.thread);
    }

    void finish(const KwLayer& layer, Buffer& x, Share share) {
        add_product(attended_, {layer.output, shape_.hidden, shape_.heads * shape_.dim}, x, share);
        mark(OUTPUT_PHASE, share.thread);
        norm_rows(x, layer.post_norm, layer.gate_up, share);
        mark(ROWS_PHASE, share.thread);
        gated(layer.gate_up, share);
        add_product(inner_, {layer.down, shape_.hidden, shape_.intermediate}, x, share);
        mark(MLP_PHASE, share.thread);
    }

    // Rows of x, normalised, in the form that the product by `next` wants.
    void norm_rows(Buffer& x, const float* weight, const KwMatrix& next, Share share) {
        rows(share, [&](int row) {
            normalise(x.row(row), weight, shape_.hidden, x.width, shape_.epsilon, normed_.row(row));
            prepare(normed_, row, shape_.hidden, next.bits);
        });
    }

    // k numbers of a row as a weight of that many bits wants them.
    void prepare(Buffer& in, int row, int k, int bits) {
        if (bits == 8) bytes_.quantise(in.row(row), k, row);
        if (bits == 16)
            for (int i = 0; i < k; i += WIDTH) Halves::put(in.row(row), i, load(in.row(row) + i));
    }

    // emit(row, panel, low, high) for each panel and prepared row.
    template <class Emit>
    void each_product(Buffer& in, const Matrix& by, Share share, Emit emit) {
        auto one = [&](int first, int end, int panel) {
            auto kept = [&](int row, Vec low, Vec high) { emit(row, panel, low, high); };
            if (by.in_bytes())
                multiply(bytes_, first, end, by.bytes(), panel, kept);
            else if (by.in_halves())
                multiply<Halves>(in.row(0), in.width, first, end, by.lanes(), panel, kept);
            else
                multiply<Floats>(in.row(0), in.width, first, end, by.lanes(), panel, kept);
        };
        int panels = (by.n + PANEL - 1) / PANEL;
        if (!share.together) {
            for (int panel = 0; panel < panels; panel++) one(share.first, share.end, panel);
            return;
        }
        Tiles tiles(panels, by.input_bytes(), share.end, team_.size());
        team_.each(share.thread, tiles.tasks(), [&](int task) { tiles.task(task, one); });
    }

    void product(const Matrix& by, Share share) {
        each_product(normed_, by, share, [&](int row, int panel, Vec low, Vec high) {
            float* to = qkv_.row(row) + size_t(panel) * PANEL;
            store(to, low);
            store(to + WIDTH, high);
        });
    }

    void add_product(Buffer& in, const Matrix& by, Buffer& x, Share share) {
        if (by.of.bits != 32)
            rows(share, [&](int row) { prepare(in, row, by.k, by.of.bits); });
        each_product(in, by, share, [&](int row, int panel, Vec low, Vec high) {
            float* to = x.row(row) + size_t(panel) * PANEL;
            store(to, load(to) + low);
            store(to + WIDTH, load(to + WIDTH) + high);
        });
    }

    // A panel holds WIDTH gates and the WIDTH ups beside them.
    void gated(const KwMatrix& weight, Share share) {
        int panels = (shape_.intermediate + WIDTH - 1) / WIDTH;
        Matrix by{weight, panels * PANEL, shape_.hidden};
        each_product(normed_, by, share, [&](int row, int panel, Vec gate, Vec up) {
            Vec silu = gate / (1.0f + exp2(gate * -LOG2_E));
            store(inner_.row(row) + size_t(panel) * WIDTH, silu * up);
        });
    }

    void rotate_and_keep(const KwLayer& layer, int row) {
        int dim = shape_.dim, kv = shape_.kv_heads;
        size_t at = size_t(row) * shape_.rotary;
        float* query = qkv_.row(row);
        float* key = query + size_t(shape_.heads) * dim;
        float* value = key + size_t(kv) * dim;
        for (int h = 0; h < shape_.heads + kv; h++) {
            float* head = query + size_t(h) * dim;
            const float* weight = h < shape_.heads ? layer.q_norm : layer.k_norm;
            if (weight) normalise(head, weight, dim, dim, shape_.epsilon, head);
            rotate(head, batch_->cosine + at, batch_->sine + at, shape_.rotary);
        }
        with_cache(layer, [&](auto cache) {
            for (int h = 0; h < kv; h++)
                cache.write(batch_->slots[row], h, key + size_t(h) * dim, value + size_t(h) * dim);
        });
    }

    template <class Work>
    void with_cache(const KwLayer& layer, Work work) const {
        int heads = shape_.kv_heads, dim = shape_.dim, size = shape_.block_size;
        if (shape_.cache_bits == 16)
            work(Cache<Halves>{layer.keys, layer.values, heads, dim, size});
        else
            work(Cache<Floats>{layer.keys, layer.values, heads, dim, size});
    }

    // All of `tasks`, by all threads.
    void attention(const KwLayer& layer, const std::vector<Attending>& tasks, int thread) {
        int many = int(tasks.size());
        team_.each(thread, many * shape_.kv_heads, [&](int index) {
            attend_with(layer, tasks[index % many], index / many, scratch_[thread]);
        });
        mark(ATTENTION_PHASE, thread);
    }

    // Likewise, by this thread alone.
    void attention_of(const KwLayer& layer, const std::vector<Attending>& tasks, int thread) {
        for (int head = 0; head < shape_.kv_heads; head++)
            for (const Attending& task : tasks) attend_with(layer, task, head, scratch_[thread]);
        mark(ATTENTION_PHASE, thread);
    }

    // Heads are outside, sequences inside: the prefix that sequences share stays in cache.
    void attend_with(const KwLayer& layer, const Attending& task, int head, Scratch& scratch) {
        int dim = shape_.dim, group = shape_.heads / shape_.kv_heads;
        size_t offset = size_t(head) * group * dim;
        with_cache(layer, [&](auto cache) {
            attend(cache, batch_->tables + batch_->table[task.sequence], head, task.position,
                   task.count, qkv_.row(task.row) + offset, qkv_.width, group, layer.scale,
                   layer.window, attended_.row(task.to) + offset, attended_.width, scratch);
        });
    }

    const KwShape shape_;
    const std::vector<KwLayer> layers_;
    Team team_;
    std::vector<Scratch> scratch_;  // of each thread
    Buffer normed_, qkv_, attended_, inner_;
    Bytes bytes_;
    const KwBatch* batch_ = nullptr;
    double* seconds_ = nullptr;
    Clock::time_point last_;
};
