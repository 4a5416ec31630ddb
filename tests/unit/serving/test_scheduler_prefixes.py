"""What is computed once and used again: shared prefixes, warm hints, turns of a conversation."""

from serving.request import FinishReason
from tests.unit.serving.small_engine import SmallEngine, prompt_of


class TestHoldBack:
    def test_sixteen_equal_system_prompts_at_once_are_computed_once(self):
        system = prompt_of(100)
        engine = SmallEngine(budget=64, max_num_seqs=16)
        questions = {f"s{index}": prompt_of(5, index + 1) for index in range(16)}
        for name, question in questions.items():
            engine.add(name, system + question, max_tokens=1)
        steps = engine.run()
        computed = sum(sum(step.values()) for step in steps)
        assert computed == 100 + 16 * 5, "the shared prefix once, each question once"
        for name, question in questions.items():
            assert engine.outputs[name] == engine.runner.expected_output(system + question, 1)
        cached = sorted(delta.cached_tokens for delta in engine.deltas.values())
        assert cached == [0] + [100] * 15

    def test_they_start_as_soon_as_the_prefix_is_there(self):
        system = prompt_of(100)
        engine = SmallEngine(budget=64, max_num_seqs=4)
        for name in "abcd":
            engine.add(name, [*system, ord(name)], max_tokens=20)
        assert set(engine.step()) == {"a"}
        assert set(engine.step()) == {"a", "b", "c", "d"}

    def test_the_prefix_is_found_within_the_step_that_computes_it(self):
        engine = SmallEngine(budget=64)
        engine.add("a", [*prompt_of(40), 1], max_tokens=1)
        engine.add("b", [*prompt_of(40), 2], max_tokens=1)
        assert engine.step() == {"a": 41, "b": 1}

    def test_one_that_waits_for_a_prefix_holds_up_nobody_else(self):
        system = prompt_of(80)
        engine = SmallEngine(budget=64)
        engine.add("a", [*system, 1])
        engine.add("same", [*system, 2])
        engine.add("other", prompt_of(6, 9))
        assert engine.step() == {"a": 64}
        assert engine.step() == {"a": 17, "same": 1, "other": 6}

    def test_while_it_waits_a_later_request_goes_ahead(self):
        system = prompt_of(200)
        engine = SmallEngine(budget=64, share=0.5)
        engine.add("runs", prompt_of(8, 5), max_tokens=20)
        engine.step()
        engine.add("a", [*system, 1])
        engine.add("same", [*system, 2])
        engine.add("other", prompt_of(6, 9))
        assert engine.step() == {"runs": 1, "a": 32, "other": 6}

    def test_a_short_shared_prefix_is_not_waited_for(self):
        engine = SmallEngine(budget=16, share=0.5)
        engine.add("runs", prompt_of(8, 5), max_tokens=20)
        engine.step()
        engine.add("a", prompt_of(31))
        engine.add("b", prompt_of(31))
        assert engine.step() == {"runs": 1, "a": 8, "b": 7}

    def test_another_tenants_equal_prompt_is_not_waited_for(self):
        engine = SmallEngine(budget=64, share=0.5)
        engine.add("runs", prompt_of(8, 5), max_tokens=20)
        engine.step()
        engine.add("a", prompt_of(200), salt="x")
        engine.add("b", prompt_of(200), salt="y")
        assert engine.step() == {"runs": 1, "a": 32, "b": 31}
        engine.run()
        assert engine.deltas["b"].cached_tokens == 0

    def test_when_the_one_that_computes_leaves_the_next_takes_over(self):
        engine = SmallEngine(budget=16)
        engine.add("a", prompt_of(100))
        engine.add("b", prompt_of(100))
        assert set(engine.step()) == {"a"}
        engine.core.abort("a")
        assert set(engine.step()) == {"b"}
        engine.run()
        assert engine.deltas["b"].cached_tokens == 16, "what a had computed is not lost"


class TestWarmHints:
    """max_tokens = 0: prefill only."""

    def test_it_ends_without_a_token_and_the_next_request_hits(self):
        engine = SmallEngine(budget=8)
        engine.add("hint", prompt_of(20), max_tokens=0)
        assert engine.run() == [{"hint": 8}, {"hint": 8}, {"hint": 4}]
        assert engine.deltas["hint"].finish_reason is FinishReason.LENGTH
        assert engine.outputs["hint"] == []
        assert not any(chunk.samples for work in engine.runner.work for chunk in work.chunks)
        engine.add("turn", [*prompt_of(20), 5, 6], max_tokens=1)
        assert engine.run() == [{"turn": 2}]
        assert engine.deltas["turn"].cached_tokens == 20

    def test_it_may_fill_the_whole_cache(self):
        engine = SmallEngine(num_blocks=4, block_size=4)
        engine.add("hint", prompt_of(16), max_tokens=0)
        engine.run()
        assert engine.deltas["hint"].finish_reason is FinishReason.LENGTH
        assert engine.cache.pool.num_free == 4


class TestConversations:
    def test_each_turn_computes_only_what_is_new(self):
        engine = SmallEngine(block_size=4, budget=256)
        history = prompt_of(50)
        computed = []
        for turn in range(4):
            engine.add(f"t{turn}", history, max_tokens=10)
            computed.append(sum(sum(step.values()) for step in engine.run()) - 9)
            history = [*history, *engine.outputs[f"t{turn}"], *prompt_of(6, turn + 5)]
        # Behind the last whole block: at most 3 tokens, the answer's last one, the question's 6.
        assert computed[0] == 50
        assert all(count <= 3 + 1 + 6 for count in computed[1:])

    def test_tenants_with_equal_prompts_compute_each_their_own(self):
        engine = SmallEngine()
        for tenant in ("a", "b", "a"):
            engine.add(tenant, prompt_of(41), salt=tenant)
            engine.run()
        costs = [sum(len(c.token_ids) for c in work.chunks) for work in engine.runner.work]
        assert costs == [41, 41, 1]


class TestMemoryLayout:
    def test_sequences_of_a_fresh_pool_are_contiguous_runs_even_while_they_grow_together(self):
        engine = SmallEngine(num_blocks=512, block_size=4, budget=64)
        tables = {}
        for index in range(4):
            engine.add(f"r{index}", prompt_of(40, index), max_tokens=30)
        while engine.core.has_work:
            engine.step()
            for chunk in engine.runner.work[-1].chunks:
                tables[chunk.request_id] = list(chunk.block_ids) or tables[chunk.request_id]
        for table in tables.values():
            assert table == list(range(table[0], table[0] + len(table)))
