"""`keepwarm plan`: which instances a model fits on, how many sessions stay warm, what it costs."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import CliError
from cli.model_report import translated
from cli.plan_table import print_details, print_plans

if TYPE_CHECKING:
    from pipelines.plan.footprint import Footprint
    from pipelines.plan.plan import InstancePlan
    from pipelines.plan.wishes import Wishes

NONE_USABLE = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `plan` takes."""
    add = parser.add_argument
    add("--model", required=True, metavar="PATH", help="a model folder, or its config.json alone")
    add(
        "--instance",
        action="append",
        default=[],
        metavar="TYPE",
        help="ml.g6e.2xlarge, a family (g6e) or a pattern; may be repeated (default: all)",
    )
    add("--context", type=_natural, default=0, help="tokens of a session (default: 8192 at most)")
    add("--sessions", type=_natural, default=0, help="sessions that shall stay warm")
    add("--dtype", default="auto", help="of the weights: auto, float32, bfloat16, float16")
    add("--kv-dtype", default="auto", help="of the KV cache: auto (as the weights), int8, ...")
    add("--tensor", type=_natural, default=1, metavar="GPUS", help="GPUs that share a copy")
    add("--block-size", type=_natural, default=0, help="tokens a block (default: the engine's)")
    add("--max-num-seqs", type=_natural, default=0, help="sequences in a step (default: 64)")
    add("--cuda", metavar="VERSION", help="CUDA of the image (default: torch's)")
    add("--ami", metavar="NAME", help="the InferenceAmiVersion to be set (default: chosen)")
    add("--json", action="store_true", help="print all of it as JSON")
    add("--plot", metavar="FILE", help="draw memory and cost into an .svg or .png")


def plan(args: argparse.Namespace) -> int:
    """Plan, print, draw; 1 when no instance both holds the model and starts the image."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from pipelines.plan.document import render
    from pipelines.plan.footprint import footprint
    from pipelines.plan.identity import identify
    from pipelines.plan.instances import catalogue
    from pipelines.plan.plan import plan_instance

    _check_plot(args.plot)
    with translated():
        wishes = _wishes(args)
        instances = catalogue().select(args.instance)
        path = Path(args.model).expanduser()
        measured = footprint(path)
        plans = [plan_instance(measured, instance, wishes) for instance in instances]
    if args.plot:
        _draw(plans, args.plot)
    if args.json:
        print(json.dumps(render(identify(path), measured, plans, wishes), indent=2))
    else:
        _show(measured, plans)
    return 0 if any(one.usable for one in plans) else NONE_USABLE


def _show(measured: Footprint, plans: list[InstancePlan]) -> None:
    from pipelines.plan.instances import catalogue

    print_plans(measured, plans, catalogue())
    if len(plans) == 1:
        print_details(plans[0])


def _wishes(args: argparse.Namespace) -> Wishes:
    from pipelines.plan.instances import parse_version
    from pipelines.plan.wishes import Wishes

    given: dict[str, Any] = {}
    if args.max_num_seqs:
        given["max_num_seqs"] = args.max_num_seqs
    if args.cuda:
        given["image_cuda"] = parse_version(args.cuda)
    return Wishes(
        context=args.context,
        sessions=args.sessions,
        dtype=args.dtype,
        kv_dtype=args.kv_dtype,
        tensor=args.tensor,
        block_size=args.block_size,
        ami=args.ami,
        **given,
    )


def _check_plot(path: str | None) -> None:
    if path is not None and Path(path).suffix.lower() not in (".svg", ".png"):
        raise CliError(f"--plot {path} must end in .svg or .png", exit_code=2)


def _draw(plans: list[InstancePlan], path: str) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise CliError("--plot needs matplotlib: pip install matplotlib") from error
    from pipelines.plan.plot import draw

    with translated():
        draw(plans, Path(path).expanduser())


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text!r}")
    return int(text)
