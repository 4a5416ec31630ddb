"""A fleet of engines in virtual time: real schedulers and block pools, steps that only cost time.

workload -> simulation -> routing -> instance (EngineCore, Scheduler, BlockPool) -> summary
                |                       |-> runner + latency: what a step takes
                `-> events of a fleet   `-> host_tier: blocks kept in the host's memory
"""
