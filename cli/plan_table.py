"""Plans on the terminal: one line an instance type, and all of one when only one was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pipelines.plan.footprint import Footprint
    from pipelines.plan.instances import Catalogue
    from pipelines.plan.plan import InstancePlan

GIB = 1024**3
COLUMNS = (
    "instance", "GPU", "dtype", "weights", "KV", "warm", "runs", "in", "scale", "tok/s~", "USD/h",
    "USD/M~", "need",
)  # fmt: skip
WIDTH = 112  # of the table: a narrower terminal wraps it, rather than hiding numbers
SHORT = {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}


def print_plans(footprint: Footprint, plans: list[InstancePlan], catalogue: Catalogue) -> None:
    """The model in one line, the table, and what the numbers are worth."""
    console = _console()
    spec = footprint.spec
    console.print(
        f"{footprint.architecture}: {footprint.parameters:,} parameters, {len(spec.layers)} layers,"
        f" {spec.bytes_per_token:,} KV bytes a token in 16 bits, context {footprint.context:,}\n",
        markup=False,
    )
    console.print(_table(plans))
    prices = catalogue.price_sources["sagemaker"]
    console.print(
        "\nGiB, for one copy. warm: sessions whose KV stays; runs, in: requests computed, let in;\n"
        "scale: autoscaling target; need: instances for the sessions asked for.\n"
        "~: an estimate of decoding alone, with every copy at its limit: measure it.\n"
        f"USD: list prices of {catalogue.region}, {prices['date']}: check them. "
        f"Table of instances: {catalogue.version}.",
        markup=False,
    )
    for note in _shared_notes(plans):
        console.print(f"- {note}", markup=False)
    if not any(one.usable for one in plans):
        console.print("Nothing here both holds a session and starts the image.", markup=False)


def print_details(plan: InstancePlan) -> None:
    """Memory, limits, driver, settings and notes of one instance type."""
    console = _console()
    memory = plan.memory
    lines = [f"\n{plan.instance.name}"]
    for name in ("total", "reserve", "overhead", "weights", "activations", "kv_room"):
        lines.append(f"  {name.replace('_', ' '):<12}{getattr(memory, name) / GIB:10.2f} GiB")
    lines.append(
        f"  {plan.num_blocks} blocks of {plan.block_size} tokens, "
        f"{plan.kv_bytes_per_token:,} bytes a token in {plan.kv_dtype}"
    )
    lines += _limits(plan)
    lines.append(f"  driver: {plan.preflight.status}: {plan.preflight.message}")
    if plan.preflight.ami:
        lines.append(f"  set InferenceAmiVersion={plan.preflight.ami}")
    lines += [f"  {name}={value}" for name, value in sorted(plan.environment.items())]
    console.print("\n".join(lines), markup=False)


def _console() -> Console:
    """As wide as the table, and as the terminal if that is wider; a pipe gets no broken lines."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, WIDTH)
    return console


def _limits(plan: InstancePlan) -> list[str]:
    limits = plan.limits
    if limits is None:
        return ["  it does not fit: less than one session stays beside the weights"]
    lines = [
        f"  {limits.warm_sessions} sessions of {limits.context} tokens stay warm in each copy",
        f"  admission: {limits.running} run, {limits.waiting} wait, the next one gets 429",
        f"  autoscaling target: {limits.scaling_target} concurrent requests a copy",
        f"  PREFIX_AWARE ConcurrencyThreshold: {limits.prefix_threshold}",
    ]
    if plan.throughput is not None:
        milliseconds = plan.throughput.step_s * 1000
        lines.append(
            f"  estimate: a token every {milliseconds:.0f} ms for each, bound by "
            f"{plan.throughput.bound}"
        )
    return lines


def _table(plans: list[InstancePlan]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if number < 3 else "right", no_wrap=True)
    for plan in plans:
        table.add_row(*_row(plan), style="" if plan.fits else "dim")
    return table


def _row(plan: InstancePlan) -> list[str]:
    instance, limits, speed = plan.instance, plan.limits, plan.throughput
    gpu = f"{instance.gpus} x {instance.gpu.name}" if instance.gpu else f"{instance.vcpus} vCPU"
    row = [instance.name, gpu, SHORT[plan.dtype], f"{plan.memory.weights / GIB:.1f}"]
    price = _money(instance.price.sagemaker)
    if limits is None or speed is None:
        return [*row, "no", "", "", "", "", "", price, "", ""]
    used = plan.num_blocks * plan.block_size * plan.kv_bytes_per_token
    return [
        *row,
        f"{used / GIB:.1f}",
        str(limits.warm_sessions),
        str(limits.running),
        str(limits.admission),
        str(limits.scaling_target),
        f"{speed.tokens_per_s:,.0f}",
        price,
        _money(plan.usd_per_million_tokens),
        "" if plan.instances_needed is None else str(plan.instances_needed),
    ]


def _money(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _shared_notes(plans: list[InstancePlan]) -> list[str]:
    """Every note once, with the instances it is about."""
    about: dict[str, list[str]] = {}
    for plan in plans:
        for note in plan.notes:
            about.setdefault(note, []).append(plan.instance.name)
        if plan.preflight.status != "ok":
            about.setdefault(f"driver: {plan.preflight.message}", []).append(plan.instance.name)
        elif plan.preflight.ami:
            note = f"set InferenceAmiVersion={plan.preflight.ami}"
            about.setdefault(note, []).append(plan.instance.name)
    notes = []
    for note, names in about.items():
        few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        notes.append(note if len(names) == len(plans) else f"{few}: {note}")
    return notes
