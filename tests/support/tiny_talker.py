"""A tiny checkpoint that has learnt which bytes follow which, so that it can become worse."""

from __future__ import annotations

from pathlib import Path

from tests.unit.pipelines.model.artifacts import checkpoint

STEPS, BATCH, LENGTH = 60, 8, 64
CONTEXT = 2048
BROKEN_BY = 2.0  # noise by the spread of the weights themselves


def tiny_talker(folder: Path) -> Path:
    """A byte model of two layers, trained a little on the shipped passages."""
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForCausalLM

    from pipelines.evaluation.sample import shipped_sample

    checkpoint(folder, max_position_embeddings=CONTEXT)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for one another cost such a model many times more
    text = "".join(passage.text for passage in shipped_sample())
    ids = torch.tensor(_tokens(folder, text))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
        optimiser = torch.optim.AdamW(model.parameters(), lr=2e-2)
        for _ in range(STEPS):
            begins = torch.randint(len(ids) - LENGTH, (BATCH,)).tolist()
            batch = torch.stack([ids[at : at + LENGTH] for at in begins])
            logits = model(batch).logits[:, :-1].flatten(0, 1)
            loss = cross_entropy(logits, batch[:, 1:].flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    return folder


def with_noise(model: Path, folder: Path, share: float = BROKEN_BY) -> Path:
    """The same checkpoint with noise on every matrix, of `share` times that matrix's own spread."""
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, folder)
    path = folder / "model.safetensors"
    chooser = torch.Generator().manual_seed(0)
    weights = load_file(path)
    for name, weight in weights.items():
        noise = torch.randn(weight.shape, generator=chooser) * weight.float().std() * share
        if weight.ndim > 1:
            weights[name] = (weight + noise.to(weight.dtype)).contiguous()
    save_file(weights, path, metadata={"format": "pt"})
    return folder


def _tokens(folder: Path, text: str) -> list[int]:
    from tokenizers import Tokenizer

    ids: list[int] = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    return ids
