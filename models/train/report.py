"""Pictures and tables of what calibrate.py measured, and of rules and model together.

Usage: report.py TRAINED OUT [--program target/debug/sidewall]
Writes report/*.svg and report/README.md beside this file. Only the half of the rows that set nothing is reported. The program measures rules alone and rules
with the model on the same rows (`sidewall eval injection`).
"""

import argparse
import json
import pathlib
import subprocess
import time

import numpy as np

from calibrate import Model

HERE = pathlib.Path(__file__).parent / "report"


def roc(positive, negative):
    """(rate of false alarms, recall), one point a score."""
    cuts = np.unique(np.concatenate([positive, negative]))[::-1]
    return [(0.0, 0.0), *((float((negative >= c).mean()), float((positive >= c).mean())) for c in cuts)]


def draw(rows, latency):
    import matplotlib

    matplotlib.use("svg")
    # No date and no random ids: the same measurement gives the same file.
    matplotlib.rcParams["svg.hashsalt"] = "sidewall"
    from matplotlib import pyplot

    negative = np.array([r["score"] for r in rows if r["label"] == 0])
    kinds = {"explicit": 1, "not marked": None, "naive": 0}
    figures = {}
    figure, axis = pyplot.subplots(figsize=(5, 4))
    for name, explicit in kinds.items():
        positive = np.array([r["score"] for r in rows if r["label"] == 1 and r["explicit"] == explicit])
        x, y = zip(*roc(positive, negative))
        axis.plot(np.maximum(x, 5e-4), y, label=f"{name} ({len(positive)})")
    axis.set(xscale="log", xlabel="false positives (share of harmless texts)", ylabel="recall", ylim=(0, 1), title="ROC, left-out sources, model alone")
    axis.legend()
    figures["roc"] = figure
    figure, axis = pyplot.subplots(figsize=(5, 4))
    for name, explicit in kinds.items():
        positive = np.array([r["score"] for r in rows if r["label"] == 1 and r["explicit"] == explicit])
        points = [(r, len(positive) * r / max(1e-9, len(positive) * r + len(negative) * f)) for f, r in roc(positive, negative)[1:]]
        x, y = zip(*points)
        axis.plot(x, y, label=name)
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1), title="Precision and recall")
    axis.legend()
    figures["precision-recall"] = figure
    figure, axis = pyplot.subplots(figsize=(5, 4))
    scores = np.array([r["score"] for r in rows])
    labels = np.array([r["label"] for r in rows])
    edges = np.array([0, 5, 15, 30, 50, 60, 70, 84, 97])
    share = [labels[(scores >= a) & (scores < b)].mean() if ((scores >= a) & (scores < b)).any() else np.nan for a, b in zip(edges, edges[1:])]
    axis.plot((edges[:-1] + edges[1:]) / 2, share, marker="o")
    axis.set(xlabel="score", ylabel="share of attacks among texts of that score", ylim=(0, 1), title="Calibration on left-out sources")
    figures["calibration"] = figure
    figure, axis = pyplot.subplots(figsize=(5, 4))
    axis.plot(*zip(*latency), marker="o")
    axis.set(xlabel="characters", ylabel="ms of one core", title="Latency of one text", xscale="log", yscale="log")
    figures["latency"] = figure
    for name, figure in figures.items():
        figure.tight_layout()
        figure.savefig(HERE / f"{name}.svg", metadata={"Date": None})


def measure_latency(model):
    text = "The committee met on Tuesday to discuss the budget for the coming year and agreed on several points. "
    points = []
    for length in (50, 100, 250, 500, 1000, 2000, 8000):
        sample = (text * (length // len(text) + 1))[:length]
        times = []
        for _ in range(7):
            began = time.process_time()
            model.judge(sample, "document")
            times.append((time.process_time() - began) * 1000)
        points.append((length, round(float(np.median(times)), 2)))
    return points


def program(path, sample, model, kept):
    """What the program measures on a sample; `kept` is what it said before, if there is such a file."""
    if kept.exists():
        return json.loads(kept.read_text())
    more = ["--model", str(model)] if model else ["--rules-only"]
    done = subprocess.run([path, "eval", "injection", "--json", *more, "--data", sample], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"report: {done.stderr.strip()}")
    kept.write_text(done.stdout)
    return json.loads(done.stdout)


def percent(value):
    return "–" if value is None else f"{100 * value:.1f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--program", default="target/debug/sidewall")
    arguments = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    rows = [r for r in json.loads((arguments.trained / "scores.json").read_text()) if r["half"] == 1]
    latency = measure_latency(Model(arguments.out))
    draw(rows, latency)
    lines = ["# What was measured", "", "Written by `report.py`. All rows are of sources that nothing was learned from, and of the half that set no threshold.", ""]
    negative = np.array([r["score"] for r in rows if r["label"] == 0])
    sample = str(arguments.trained / "sample-explicit.jsonl")
    rules = program(arguments.program, sample, None, arguments.trained / "eval-rules.json")
    both = program(arguments.program, sample, arguments.out, arguments.trained / "eval-both.json")
    lines += [f"## Explicit attacks, and those that nobody marked ({both['positives']}), against {both['negatives']} harmless texts", ""]
    lines += ["| | AUC | recall at 0.1 % false positives | at 1 % | at 5 % | at the threshold | false positives there |", "|---|---|---|---|---|---|---|"]
    for label, got in (("rules", rules), ("rules and model", both)):
        at = got["recall_at_fpr"]
        lines.append(f"| {label} | {got['auc']:.3f} | {percent(at['0.001'])} | {percent(at['0.01'])} | {percent(at['0.05'])} | "
                     f"{percent(got['at_threshold']['recall'])} | {percent(got['at_threshold']['false_positive_rate'])} |")
    for kind, keep in (("model, these", lambda r: r["explicit"] != 0), ("model, naive instructions in data", lambda r: r["explicit"] == 0)):
        found = np.array([r["score"] for r in rows if r["label"] == 1 and keep(r)])
        alone = [float((found > np.quantile(negative, 1 - rate)).mean()) for rate in (0.001, 0.01, 0.05)]
        lines.append(f"| {kind} | | {' | '.join(percent(value) for value in alone)} | | |")
    lines += ["", "| source | attacks | recall: rules | rules and model | harmless | false positives: rules | rules and model |", "|---|---|---|---|---|---|---|"]
    for source, side in sorted(both["per_source"].items()):
        before = rules["per_source"][source]
        lines.append(f"| {source} | {side['positives']} | {percent(before['recall'])} | {percent(side['recall'])} | {side['negatives']} | "
                     f"{percent(before['false_positive_rate'])} | {percent(side['false_positive_rate'])} |")
    lines += ["", "| language | attacks | recall: rules | rules and model |", "|---|---|---|---|"]
    languages = sorted((item for item in both["per_language"].items() if item[1]["positives"] >= 5), key=lambda item: -item[1]["positives"])
    lines += [f"| {language} | {side['positives']} | {percent(rules['per_language'][language]['recall'])} | {percent(side['recall'])} |" for language, side in languages]
    lines.append("")
    lines += ["## Latency of one text (8 bits, one thread, CPU time)", "", "| characters | ms |", "|---|---|", *(f"| {n} | {ms} |" for n, ms in latency), ""]
    lines += [f"![{name}]({name}.svg)" for name in ("roc", "precision-recall", "calibration", "latency")]
    (HERE / "README.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines[:12]))


if __name__ == "__main__":
    main()
