// A decoder of the Llama family, run as one call a step: all layers, all sequences, all threads.
//
// With few rows every arrow of layer.hpp is a phase that all threads share (team.hpp): they wait for
// the weights, each for its part. With many, rows are cut into blocks, and whoever is free takes the
// next piece of work:
//
//     piece (layer, block):  attention and the rest of the layer before; keys and values of this one
//     order:                 (0, 0) (0, 1) (0, 2)  (1, 0) (1, 1) (1, 2)  (2, 0) ...
//
// A piece needs the keys and values of its own block and those before it, so nobody waits at the end
// of a layer for a thread that was slower, and what a block needs stays in one core's cache.
//
// Behind the last layer's keys and values only rows with logits go on: of a prompt, one.
#pragma once
#include "layer.hpp"
#include "likeliest.hpp"

constexpr int FEW_ROWS = 6;     // of each thread: fewer do not pay for reading all weights
constexpr int BLOCK_ROWS = 28;  // at most: what a layer makes of them fits the second cache

class Decoder : public Layers {
  public:
    Decoder(const KwShape& shape, const KwLayer* layers, const float* norm, const KwMatrix& head,
            const KwMatrix& embeddings)
        : Layers(shape, layers),
          norm_(norm),
          head_{head, shape.vocabulary, shape.hidden},
          embeddings_{embeddings, shape.vocabulary, shape.hidden} {}

    void forward(const KwBatch& batch) {
        batch_ = &batch;
        resize(std::max(batch.rows, batch.samples));
        x_.resize(batch.rows, shape_.hidden);
        list_kept();
        cut();
        cut_kept();
        likeliest_.assign(size_t(batch.samples) * team_.size(), Likeliest{});
        last_ = Clock::now();
        team_.run([this](int thread) { run(thread); });
    }

  private:
    // Rows that go through a layer together, and who attends to what among them.
    struct alignas(64) Block {
        int first, end;
        std::vector<Attending> attending;
        std::atomic<int> layers{0};  // whose keys and values are in the cache
    };

    bool few(int rows) const { return rows < FEW_ROWS * team_.size(); }

    void run(int thread) {
        if (blocks_.size() == 1)
            together({0, batch_->rows, thread, true});
        else
            by_pieces(thread);
        attention(layers_.back(), last_attending_, thread);
        Share kept{0, int(kept_.size()), thread, true};
        take_kept(kept);
        finish(layers_.back(), kept_x_, kept);
        sample(thread);
    }

    void together(Share all) {
        embed(all);
        for (int i = 0; i < shape_.layers; i++) {
            if (i > 0) {
                attention(layers_[i - 1], blocks_[0].attending, all.thread);
                finish(layers_[i - 1], x_, all);
            }
            begin(layers_[i], x_, all);
        }
    }

    void by_pieces(int thread) {
        int blocks = int(blocks_.size());
        for (int i; (i = next_piece_.fetch_add(1)) < shape_.layers * blocks;) {
            int layer = i / blocks, at = i % blocks;
            for (int b = 0; b <= at; b++)
                Team::wait([&] { return blocks_[b].layers.load(std::memory_order_acquire) >= layer; });
            Block& block = blocks_[at];
            Share share{block.first, block.end, thread, false};
            if (layer == 0) {
                embed(share);
            } else {
                attention_of(layers_[layer - 1], block.attending, thread);
                finish(layers_[layer - 1], x_, share);
            }
            begin(layers_[layer], x_, share);
            block.layers.store(layer + 1, std::memory_order_release);
        }
        team_.barrier();
    }

    // Rows that somebody wants logits of, in order, each once.
    void list_kept() {
        kept_.assign(batch_->sample_rows, batch_->sample_rows + batch_->samples);
        std::sort(kept_.begin(), kept_.end());
        kept_.erase(std::unique(kept_.begin(), kept_.end()), kept_.end());
        kept_x_.resize(int(kept_.size()), shape_.hidden);
    }

    // Blocks of rows, and their tasks of attention.
    void cut() {
        int rows = batch_->rows;
        int count = few(rows) ? 1 : std::max(team_.size(), (rows + BLOCK_ROWS - 1) / BLOCK_ROWS);
        blocks_ = std::vector<Block>(count);
        next_piece_ = 0;
        for (int b = 0; b < count; b++) {
            blocks_[b].first = int(int64_t(rows) * b / count);
            blocks_[b].end = int(int64_t(rows) * (b + 1) / count);
        }
        for (int s = 0, b = 0; s < batch_->sequences; s++) {
            int row = batch_->first[s], end = row + batch_->count[s];
            while (row < end) {
                while (blocks_[b].end <= row) b++;
                int stop = std::min(end, blocks_[b].end);
                add_tasks(s, row, stop, row, blocks_[b].attending);
                row = stop;
            }
        }
    }

    // Tasks of attention of the rows that are kept, for each run of neighbours.
    void cut_kept() {
        last_attending_.clear();
        int at = 0, count = int(kept_.size());
        for (int s = 0; s < batch_->sequences; s++) {
            int end = batch_->first[s] + batch_->count[s];
            while (at < count && kept_[at] < end) {
                int begin = at;
                do at++;
                while (at < count && kept_[at] == kept_[at - 1] + 1 && kept_[at] < end);
                add_tasks(s, kept_[begin], kept_[at - 1] + 1, begin, last_attending_);
            }
        }
    }

    // Rows [row, end) of a sequence, whose results go to `to` and behind it.
    void add_tasks(int sequence, int row, int end, int to, std::vector<Attending>& tasks) {
        const int most = std::max(1, ATTENTION_QUERIES / (shape_.heads / shape_.kv_heads));
        for (; row < end; row += most, to += most) {
            int position = batch_->cached[sequence] + row - batch_->first[sequence];
            tasks.push_back({sequence, row, position, std::min(most, end - row), to});
        }
    }

    void embed(Share share) {
        rows(share, [&](int row) {
            embeddings_.column(int(batch_->ids[row]), x_.row(row));
            std::fill(x_.row(row) + shape_.hidden, x_.row(row) + x_.width, 0.0f);
        });
    }

    void take_kept(Share share) {
        rows(share, [&](int place) {
            const float* from = x_.row(kept_[place]);
            std::copy(from, from + x_.width, kept_x_.row(place));
        });
    }

    void sample(int thread) {
        int vocabulary = shape_.vocabulary;
        Share all{0, batch_->samples, thread, true};
        rows(all, [&](int row) {
            auto place = std::lower_bound(kept_.begin(), kept_.end(), batch_->sample_rows[row]);
            const float* from = kept_x_.row(int(place - kept_.begin()));
            normalise(from, norm_, shape_.hidden, kept_x_.width, shape_.epsilon, normed_.row(row));
            prepare(normed_, row, shape_.hidden, head_.of.bits);
        });
        each_product(normed_, head_, all, [&](int row, int panel, Vec low, Vec high) {
            float sums[PANEL];
            store(sums, low);
            store(sums + WIDTH, high);
            int first = panel * PANEL, end = std::min(vocabulary, first + PANEL);
            std::copy(sums, sums + end - first, batch_->logits + size_t(row) * vocabulary + first);
            Likeliest& best = likeliest(thread, row);
            best.see(low, first, end);
            best.see(high, first + WIDTH, end);
        });
        rows(all, [&](int row) {
            float peak = -std::numeric_limits<float>::infinity();
            int32_t token = std::numeric_limits<int32_t>::max();
            for (int i = 0; i < team_.size(); i++) likeliest(i, row).into(peak, token);
            batch_->peaks[row] = peak;
            batch_->likeliest[row] = token;
        });
        mark(HEAD_PHASE, thread);
    }

    Likeliest& likeliest(int thread, int row) {
        return likeliest_[size_t(thread) * batch_->samples + row];
    }

    const float* norm_;
    const Matrix head_, embeddings_;
    Buffer x_, kept_x_;
    std::vector<int> kept_;
    std::vector<Attending> last_attending_;
    std::vector<Block> blocks_;
    std::vector<Likeliest> likeliest_;  // [threads, samples]
    std::atomic<int> next_piece_{0};
};
