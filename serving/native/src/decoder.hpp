// A decoder of the Llama family, run as one call a step: all layers, all sequences, all threads.
//
//     x -> norm -> qkv -> rope -> cache -> attention -> +x -> norm -> gate, up -> silu * -> down -> +x
//          '--------- begin ----------'                '------------------ finish -----------------'
//
// With few rows every arrow is a phase that all threads share (team.hpp): they wait for the weights,
// each for its part. With many, a thread takes a block of rows from one attention to the next, which
// stays in its own cache; attention is shared out by sequence and head, whose lengths differ.
//
// Before a product its input rows become what its weight is made of: halves where they stand, or
// bytes elsewhere.
#pragma once
#include <chrono>
#include <vector>

#include "attention.hpp"
#include "matrix.hpp"
#include "rows.hpp"
#include "team.hpp"

constexpr int NORM_ROWS = 4;           // rows of a task in the row-wise phases
constexpr int ATTENTION_QUERIES = 48;  // query heads x tokens of an attention task
constexpr int FEW_ROWS = 6;            // of each thread: fewer do not pay for reading all weights
constexpr int BLOCK_ROWS = 32;         // at most: what a layer makes of them fits the second cache

// Where a step's time goes; named in library.py.
enum Phase { ROWS_PHASE, QKV_PHASE, ATTENTION_PHASE, OUTPUT_PHASE, MLP_PHASE, HEAD_PHASE, PHASES };

class Decoder {
  public:
    Decoder(const KwShape& shape, const KwLayer* layers, const float* norm, const KwMatrix& head,
            const KwMatrix& embeddings)
        : shape_(shape),
          layers_(layers, layers + shape.layers),
          norm_(norm),
          head_{head, shape.vocabulary, shape.hidden},
          embeddings_{embeddings, shape.vocabulary, shape.hidden},
          team_(shape.threads) {}

    // Seconds of each phase are added to `seconds` [PHASES] from now on; null for no clock.
    void time(double* seconds) { seconds_ = seconds; }

    void forward(const KwBatch& batch) {
        batch_ = &batch;
        resize();
        last_ = std::chrono::steady_clock::now();
        team_.run([this](int thread) {
            if (blocks_ == 0)
                together({0, batch_->rows, thread, true});
            else
                by_blocks(thread);
            sample(thread);
        });
    }

  private:
    using Clock = std::chrono::steady_clock;

    void resize() {
        int rows = batch_->rows;
        x_.resize(rows, shape_.hidden);
        normed_.resize(rows, shape_.hidden);
        qkv_.resize(rows, (shape_.heads + 2 * shape_.kv_heads) * shape_.dim);
        attended_.resize(rows, shape_.heads * shape_.dim);
        inner_.resize(rows, shape_.intermediate + WIDTH);
        bytes_.resize(rows, std::max({shape_.hidden, shape_.heads * shape_.dim, shape_.intermediate}));
        int shared = BLOCK_ROWS * team_.size();
        bool few = rows < FEW_ROWS * team_.size();
        blocks_ = few ? 0 : (rows + shared - 1) / shared * team_.size();
        tasks_.clear();
        const int most = std::max(1, ATTENTION_QUERIES / (shape_.heads / shape_.kv_heads));
        for (int s = 0; s < batch_->sequences; s++)
            for (int from = 0; from < batch_->count[s]; from += most)
                tasks_.push_back({s, from, std::min(most, batch_->count[s] - from)});
    }

    // The phases since the last mark were `phase`.
    void mark(Phase phase, int thread) {
        if (seconds_ == nullptr || thread != 0) return;
        Clock::time_point now = Clock::now();
        seconds_[phase] += std::chrono::duration<double>(now - last_).count();
        last_ = now;
    }

    void together(Share all) {
        embed(all);
        for (const KwLayer& layer : layers_) {
            begin(layer, all);
            attention(layer, all.thread);
            finish(layer, all);
        }
    }

    void by_blocks(int thread) {
        for (int i = 0; i <= shape_.layers; i++) {
            team_.each(thread, blocks_, [&](int index) {
                Share block = block_of(index, thread);
                if (i == 0)
                    embed(block);
                else
                    finish(layers_[i - 1], block);
                if (i < shape_.layers) begin(layers_[i], block);
            });
            if (i < shape_.layers) attention(layers_[i], thread);
        }
    }

    Share block_of(int index, int thread) const {
        auto edge = [&](int i) { return int(int64_t(batch_->rows) * i / blocks_); };
        return {edge(index), edge(index + 1), thread, false};
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

    void embed(Share share) {
        rows(share, [&](int row) {
            embeddings_.column(int(batch_->ids[row]), x_.row(row));
            std::fill(x_.row(row) + shape_.hidden, x_.row(row) + x_.width, 0.0f);
        });
    }

    // As far as attention, which needs the keys and values of all rows.
    void begin(const KwLayer& layer, Share share) {
        int heads = shape_.heads + 2 * shape_.kv_heads;
        norm_rows(layer.input_norm, layer.qkv, share);
        mark(ROWS_PHASE, share.thread);
        product({layer.qkv, heads * shape_.dim, shape_.hidden}, share);
        mark(QKV_PHASE, share.thread);
        rows(share, [&](int row) { rotate_and_keep(layer, row); });
        mark(ROWS_PHASE, share.thread);
    }

    void finish(const KwLayer& layer, Share share) {
        add_product(attended_, {layer.output, shape_.hidden, shape_.heads * shape_.dim}, share);
        mark(OUTPUT_PHASE, share.thread);
        norm_rows(layer.post_norm, layer.gate_up, share);
        mark(ROWS_PHASE, share.thread);
        gated(layer.gate_up, share);
        add_product(inner_, {layer.down, shape_.hidden, shape_.intermediate}, share);
        mark(MLP_PHASE, share.thread);
    }

    // Rows of x, normalised, in the form that the product by `next` wants.
    void norm_rows(const float* weight, const KwMatrix& next, Share share) {
        rows(share, [&](int row) {
            normalise(x_.row(row), weight, shape_.hidden, x_.width, shape_.epsilon, normed_.row(row));
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

    void add_product(Buffer& in, const Matrix& by, Share share) {
        if (by.of.bits != 32)
            rows(share, [&](int row) { prepare(in, row, by.k, by.of.bits); });
        each_product(in, by, share, [&](int row, int panel, Vec low, Vec high) {
            float* to = x_.row(row) + size_t(panel) * PANEL;
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

    // Heads outside, sequences inside: the prefix that sequences share stays in cache.
    void attention(const KwLayer& layer, int thread) {
        int dim = shape_.dim, group = shape_.heads / shape_.kv_heads, many = int(tasks_.size());
        team_.each(thread, many * shape_.kv_heads, [&](int index) {
            static thread_local Scratch scratch;
            int head = index / many;
            const Task& task = tasks_[index % many];
            int row = batch_->first[task.sequence] + task.from;
            size_t offset = size_t(head) * group * dim;
            with_cache(layer, [&](auto cache) {
                attend(cache, batch_->tables + batch_->table[task.sequence], head,
                       batch_->cached[task.sequence] + task.from, task.count,
                       qkv_.row(row) + offset, qkv_.width, group, layer.scale, layer.window,
                       attended_.row(row) + offset, attended_.width, scratch);
            });
        });
        mark(ATTENTION_PHASE, thread);
    }

    void sample(int thread) {
        int vocabulary = shape_.vocabulary;
        Share all{0, batch_->samples, thread, true};
        rows(all, [&](int row) {
            const float* from = x_.row(batch_->sample_rows[row]);
            normalise(from, norm_, shape_.hidden, x_.width, shape_.epsilon, normed_.row(row));
            prepare(normed_, row, shape_.hidden, head_.of.bits);
        });
        each_product(normed_, head_, all, [&](int row, int panel, Vec low, Vec high) {
            float sums[PANEL];
            store(sums, low);
            store(sums + WIDTH, high);
            int first = panel * PANEL, end = std::min(vocabulary, first + PANEL);
            std::copy(sums, sums + end - first, batch_->logits + size_t(row) * vocabulary + first);
        });
        mark(HEAD_PHASE, thread);
    }

    struct Task {
        int sequence, from, count;
    };

    const KwShape shape_;
    const std::vector<KwLayer> layers_;
    const float* norm_;
    const Matrix head_, embeddings_;
    Team team_;
    Buffer x_, normed_, qkv_, attended_, inner_;
    Bytes bytes_;
    std::vector<Task> tasks_;
    int blocks_ = 0;  // of rows, each one thread's; 0: all threads share all rows
    const KwBatch* batch_ = nullptr;
    double* seconds_ = nullptr;
    Clock::time_point last_;
};
