"""Trains the classifier. Seeded: the same data, seed and library versions give the same model within rounding.

Usage: train.py OUT [--epochs N] [--seed N] [--leave-out SOURCE …] [--scale S] [--steps N] [--begun N]
Writes OUT/weights.pt, OUT/tokenizer.json and OUT/train.json (rows by source, seconds, losses).
"""

import argparse
import collections
import json
import pathlib
import time

import numpy as np
import torch
from torch.nn import functional

import base
import data
from model import FIXED, HIDDEN, Classifier

# Tokens of one window, with start, channel and end.
WINDOW = 128
# Tokens of one training step.
STEP_TOKENS = 3000
# Step sizes of the encoder's layers and of what is new.
RATE, HEAD_RATE = 1.5e-4, 1e-3
# Windows longer than this cost the most and teach the least: one in so many is learned from.
LONG, LONG_STEP = 103, 6
# Share of the step sizes at which a run goes on that was cut off half way.
RESUMED = 0.6
# Share of wrong labels that is reckoned with: labels of public sources are noisy.
SMOOTHING = 0.02


def encode(tokenizer, words, rows):
    """Token ids of every row, cut to one window: start, channel, text, end."""
    found = []
    for encoding, (_, channel, *_) in zip(tokenizer.encode_batch([r[0] for r in rows], add_special_tokens=False), rows):
        token = words - len(base.CHANNELS) + base.CHANNELS.index(channel)
        found.append(np.array([base.SPECIAL["bos"], token, *encoding.ids[: WINDOW - 3], base.SPECIAL["eos"]], np.int64))
    return found


def batches(ids, chosen, rng=None, tokens=STEP_TOKENS):
    """Indices of the chosen rows, of about the same length, in batches of about `tokens` tokens."""
    lengths = np.array([len(ids[i]) for i in chosen], float)
    order = np.argsort(lengths + (rng.random(len(chosen)) * 8 if rng is not None else 0), kind="stable")
    groups, group = [], []
    for i in (chosen[place] for place in order):
        if group and len(ids[i]) * (len(group) + 1) > tokens:
            groups.append(group)
            group = []
        group.append(i)
    groups.append(group)
    if rng is not None:
        rng.shuffle(groups)
    return groups


def padded(ids, group):
    width = max(len(ids[i]) for i in group)
    tokens = np.full((len(group), width), base.SPECIAL["pad"], np.int64)
    for row, i in enumerate(group):
        tokens[row, : len(ids[i])] = ids[i]
    return torch.from_numpy(tokens)


def fixed(model, ids, chosen, path):
    """What the fixed layers make of the chosen rows, in one file; and where each row begins in it. A file that is there already goes on from
    where it was cut off."""
    starts = np.concatenate([[0], np.cumsum([len(i) for i in ids])])
    store = np.memmap(path, np.float16, "r+" if path.exists() else "w+", shape=(int(starts[-1]), HIDDEN))
    missing = [i for i in chosen if not np.any(store[starts[i + 1] - 1])]
    groups, began = batches(ids, missing, tokens=6000) if missing else [], time.time()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for number, group in enumerate(groups):
            tokens = padded(ids, group)
            made = model.lower(tokens, tokens != base.SPECIAL["pad"]).to(torch.float16).numpy()
            for row, i in enumerate(group):
                store[starts[i] : starts[i + 1]] = made[row, : len(ids[i])]
            if number % 50 == 0:
                print(f"lower layers: {number}/{len(groups)}, {time.time() - began:.0f} s", flush=True)
    return store, starts


def train(model, ids, chosen, labels, store, starts, epochs, seed, save, steps, begun):
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    new = [*model.pool.parameters(), *model.dense.parameters(), *model.head.parameters()]
    upper = [p for layer in model.layers[FIXED:] for p in layer.parameters()]
    for parameter in new + upper:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW([{"params": upper, "lr": RATE}, {"params": new, "lr": HEAD_RATE}], weight_decay=0.01)
    plan = [group for _ in range(epochs) for group in batches(ids, chosen, rng)]
    warm = max(20, len(plan) // 20)
    # Of a plan that is cut short, what is left is done at falling step sizes all the same.
    plan = plan[: steps or len(plan)][begun:]

    def rate(step):
        left = max(0.02, 1 - step / len(plan))
        return left * RESUMED if begun else min((step + 1) / warm, left)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    model.train()
    losses, began = [], time.time()
    for step, group in enumerate(plan):
        width = max(len(ids[i]) for i in group)
        x = np.zeros((len(group), width, HIDDEN), np.float16)
        mask = np.zeros((len(group), width), bool)
        for row, i in enumerate(group):
            x[row, : len(ids[i])] = store[starts[i] : starts[i + 1]]
            mask[row, : len(ids[i])] = True
        target = torch.tensor([labels[i] for i in group], dtype=torch.float32) * (1 - 2 * SMOOTHING) + SMOOTHING
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model.upper(torch.from_numpy(x).to(torch.bfloat16), torch.from_numpy(mask))
        loss = functional.binary_cross_entropy_with_logits(logits, target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(new + upper, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step % 25 == 0 or step + 1 == len(plan):
            print(f"step {step}/{len(plan)} loss {np.mean(losses[-50:]):.4f} {time.time() - began:.0f} s", flush=True)
        if step % 200 == 199:
            save()
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--leave-out", nargs="*", default=[])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--steps", type=int, help="steps in all; the whole plan, if it is not given")
    parser.add_argument("--begun", type=int, default=0, help="steps that OUT/weights.pt has behind it: the run goes on from there")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    began = time.time()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = data.build(arguments.seed, frozenset(arguments.leave_out), arguments.scale)
    size, pieces, tensor = base.read()
    # The vocabulary depends on the training texts alone, and on the tokenizer's own frequencies.
    kept = base.choose(pieces, [text for text, *_ in rows])
    base.save_tokenizer(kept, pieces, arguments.out / "tokenizer.json")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(arguments.out / "tokenizer.json"))
    words = len(kept) + len(base.CHANNELS)
    model = Classifier(words).load_base(base.weights(size, tensor, kept, pieces)).eval()
    if arguments.begun:
        model.load_state_dict(torch.load(arguments.out / "weights.pt", weights_only=True))
    ids, labels = encode(tokenizer, words, rows), [label for _, _, label, _ in rows]
    unknown = sum(int((i == base.SPECIAL["unk"]).sum()) for i in ids)
    print(f"{len(rows)} rows, {sum(map(len, ids))} tokens, {unknown} unknown, {words} pieces", flush=True)

    def save():
        torch.save(model.state_dict(), arguments.out / "weights.pt")

    chosen = [i for i, row in enumerate(ids) if len(row) <= LONG or i % LONG_STEP == 0]
    print(f"{len(chosen)} rows chosen, {sum(len(ids[i]) for i in chosen)} tokens", flush=True)
    file = arguments.out / "lower.f16"
    store, starts = fixed(model, ids, chosen, file)
    losses = train(model, ids, chosen, labels, store, starts, arguments.epochs, arguments.seed, save, arguments.steps, arguments.begun)
    save()
    file.unlink()
    counts = collections.Counter(f"{source}:{label}" for _, _, label, source in (rows[i] for i in chosen))
    report = {"seconds": round(time.time() - began), "rows": dict(sorted(counts.items())), "seed": arguments.seed, "epochs": arguments.epochs,
              "left_out": arguments.leave_out, "steps": arguments.begun + len(losses), "loss": [round(float(np.mean(losses[i : i + 50])), 4) for i in range(0, len(losses), 50)]}
    (arguments.out / "train.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
