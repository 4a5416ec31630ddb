"""The job that a `WorkerPeer` hands its worker, as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from pipelines.speed.workload import ChatWorkload, SessionScript, WorkloadSettings


def job_to_json(workload: ChatWorkload, time_limit_s: float) -> str:
    """One line, without its newline."""
    return json.dumps({"workload": asdict(workload), "time_limit_s": time_limit_s})


def job_from_json(line: str) -> tuple[ChatWorkload, float]:
    """The inverse of `job_to_json`."""
    job = json.loads(line)
    fields = job["workload"]
    scripts = tuple(
        SessionScript(script["index"], tuple(script["questions"]), script["late"])
        for script in fields["scripts"]
    )
    settings = WorkloadSettings(**fields["settings"])
    return ChatWorkload(settings, fields["system_prompt"], scripts), float(job["time_limit_s"])
