// A team of threads that walk through the phases of a step together.
//
//     phase 1         | phase 2              | ...
//     thread 0: t0 t2 | t0 t1 t4             |
//     thread 1: t1 t3 | t2 t3                |
//                     ^ barrier: everybody is done, the next phase's tasks start from 0
//
// Tasks are claimed one by one: first those of a thread's own range, the same ones in every phase of
// as many, whose data is in its cache; then what the others have left. So a thread that the system
// took the core from costs one task, not its whole share. Between steps the threads sleep; inside a
// step they spin, since a phase lasts microseconds, and yield when it takes longer.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <sched.h>

static inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

class Team {
  public:
    explicit Team(int size) : size_(size), next_(size) {
        for (int i = 1; i < size; i++) threads_.emplace_back([this, i] { serve(i); });
    }

    ~Team() {
        {
            std::lock_guard<std::mutex> hold(mutex_);
            leaving_ = true;
        }
        wake_.notify_all();
        for (auto& thread : threads_) thread.join();
    }

    int size() const { return size_; }

    // Run `work(number)` on every thread of the team; the caller's is number 0.
    void run(const std::function<void(int)>& work) {
        if (size_ > 1) {
            std::lock_guard<std::mutex> hold(mutex_);
            work_ = &work;
            running_.store(size_ - 1);
            generation_++;
        }
        wake_.notify_all();
        work(0);
        wait([&] { return running_.load(std::memory_order_acquire) == 0; });
    }

    // Wait for what another thread is about to make true.
    template <class Truth>
    static void wait(Truth truth) {
        for (int spins = 0; !truth(); spins++) {
            if (spins < 4000)
                relax();
            else
                sched_yield();
        }
    }

    // Inside `run`: do tasks [0, count) among all threads, then wait for the last one.
    template <class Task>
    void each(int thread, int count, Task task) {
        for (int i = 0; i < size_; i++) {
            int owner = (thread + i) % size_;
            int begin = edge(owner, count), own = edge(owner + 1, count) - begin;
            std::atomic<int>& next = next_[owner].value;
            while (next.load(std::memory_order_relaxed) < own) {
                int index = next.fetch_add(1, std::memory_order_relaxed);
                if (index < own) task(begin + index);
            }
        }
        barrier();
    }

    // Inside `run`: wait for everybody.
    void barrier() {
        uint32_t phase = phase_.load(std::memory_order_relaxed);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) == size_ - 1) {
            arrived_.store(0, std::memory_order_relaxed);
            for (auto& next : next_) next.value.store(0, std::memory_order_relaxed);
            phase_.store(phase + 1, std::memory_order_release);
            return;
        }
        wait([&] { return phase_.load(std::memory_order_acquire) != phase; });
    }

  private:
    int edge(int thread, int count) const { return int(int64_t(count) * thread / size_); }

    void serve(int number) {
        long seen = 0;
        for (;;) {
            const std::function<void(int)>* work;
            {
                std::unique_lock<std::mutex> hold(mutex_);
                wake_.wait(hold, [&] { return leaving_ || generation_ != seen; });
                if (leaving_) return;
                seen = generation_;
                work = work_;
            }
            (*work)(number);
            running_.fetch_sub(1, std::memory_order_release);
        }
    }

    struct alignas(64) Counter {
        std::atomic<int> value{0};
    };

    const int size_;
    std::mutex mutex_;
    std::condition_variable wake_;
    const std::function<void(int)>* work_ = nullptr;
    long generation_ = 0;
    bool leaving_ = false;
    alignas(64) std::atomic<int> running_{0};
    std::vector<Counter> next_;  // claimed of each thread's range
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<uint32_t> phase_{0};
    std::vector<std::thread> threads_;  // last: they use all the others
};
