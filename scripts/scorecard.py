"""`make scorecard`: what the shipped rules find and what they flag for nothing, on labelled data, as a table and a picture.

Usage: scorecard.py PROGRAM

Reads the data of SIDEWALL_DATA (../shared/data without it), which is no part of the repository, and writes rulesets/SCORECARD.md and
rulesets/scorecard.svg. Every figure is one that `sidewall eval` prints; this script only groups types into families and adds sums up.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib
from html import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("SIDEWALL_DATA", ROOT.parent / "shared" / "data"))
CARD, PICTURE = ROOT / "rulesets" / "SCORECARD.md", ROOT / "rulesets" / "scorecard.svg"

LABELLED = ["synth_payloads_dev", "presidio_recognizer_tests", "datafog_corpus", "pan_dev", "iban_registry", "libphonenumber_examples", "python_stdnum"]
SECRETS = ["gitleaks", "kingfisher", "noseyparker", "creddata_neg_dev", "hardneg_dev"]
# Texts in which hardly anything is personal: conversations, questions, prose in many languages, code with its documents.
CLEAN = ["promptshield_ultrachat", "bitext_support", "alpaca_5000", "belle_eval_zh", "xquad", "code_problems", "repo_code_docs_dev"]

# Family, the beginnings of the kinds in it, and the F1 that we aim at.
FAMILIES = [
    ("E-mail", ("pii.email",), 0.99),
    ("IBAN", ("pii.iban",), 0.99),
    ("IP address", ("pii.ip_address",), 0.99),
    ("Payment card", ("pci.pan",), 0.97),
    ("US SSN", ("pii.us_ssn",), 0.95),
    ("Crypto wallet", ("pii.crypto_wallet",), 0.95),
    ("Phone", ("pii.phone",), 0.85),
    ("National, tax and health ids", ("pii.national_id", "pii.tax_id", "pii.health_id"), 0.92),
    ("Passport, driving licence", ("pii.passport", "pii.driving_licence"), None),
    ("MAC address", ("pii.mac_address",), None),
    ("IMEI", ("pii.imei",), None),
    ("VIN", ("pii.vin",), None),
    ("Licence plate", ("pii.licence_plate",), None),
    ("BIC", ("pii.bic",), None),
    ("US routing number", ("pii.us_routing",), None),
    ("US bank account", ("pii.bank_account",), None),
    ("Date of birth", ("pii.date_of_birth",), None),
    ("Postal address", ("pii.address",), None),
    ("Password in a sentence", ("secret.",), None),
]
# Addresses of private networks and machines are labelled as other addresses are; the profile balanced acts on none of them.
NETWORK = "IP address of a network or machine (`net.*`)"
NETWORK_RULES = ("ipv4-local", "ipv6-local")


def main(program):
    missing = [d for d in ("pii", "secrets", "injection") if not (DATA / d).is_dir()]
    if missing:
        print(f"scorecard: {DATA} has no {', '.join(missing)}; set SIDEWALL_DATA to the labelled data. Nothing was written.")
        return 0
    family = families()
    per_file = {name: evaluate(program, "pii", [DATA / "pii" / f"{name}.jsonl"]) for name in LABELLED}
    # `neg_for` says which types a row is known to have none of; here every finding counts.
    code = evaluate_clean(program, ["pii/hardneg_dev"])
    chat = evaluate_clean(program, [f"injection/{name}" for name in CLEAN])
    secrets = evaluate(program, "secrets", [DATA / "secrets" / f"{name}.jsonl" for name in SECRETS])

    scores = {name: [0, 0, 0] for name, *_ in FAMILIES}
    by_source = {}
    for source, report in per_file.items():
        for label, tally in report["types"].items():
            name = family(label)
            if name is None or tally["tp"] + tally["fn"] + tally["fp"] == 0:
                continue
            for sums in (scores[name], by_source.setdefault((name, source), [0, 0, 0])):
                for i, part in enumerate(("tp", "fp", "fn")):
                    sums[i] += tally[part]
    false = {where: per_megabyte(report, family) for where, report in (("code and logs", code), ("chat and prose", chat))}
    bands = calibration(per_file)
    hash_ = code["ruleset"]
    CARD.write_text(card(scores, by_source, false, bands, secrets, hash_, (code, chat)), encoding="utf-8")
    PICTURE.write_text(picture(scores, bands, secrets, false), encoding="utf-8")
    print(CARD.read_text(encoding="utf-8"))
    return 0


def evaluate(program, task, files, *options):
    command = [program, "eval", task, "--json", "--rules-only", *options, "--data", *map(str, files)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def evaluate_clean(program, names):
    """As `evaluate`, over rows without labels, with the findings of each rule."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl", encoding="utf-8") as found:
        report = evaluate(program, "pii", rows_without_labels(names), "--list", found.name)
        rules = [json.loads(line)["rule"] for line in found]
    report["network"] = sum(rule in NETWORK_RULES for rule in rules), len(rules)
    return report


KEPT = []


def rows_without_labels(names):
    """The benign rows of files as rows in which nothing is labelled, in a file that lives as long as the process."""
    out = tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8")
    KEPT.append(out)
    for name in names:
        with open(DATA / f"{name}.jsonl", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                if row.get("label", 0) == 0 and not row.get("spans") and not row.get("ambiguous"):
                    out.write(json.dumps({"text": row["text"], "spans": [], "source": name.split("/")[-1]}) + "\n")
    out.flush()
    return [pathlib.Path(out.name)]


def families():
    """From a type of labels to its family, by the kinds that stand for it."""
    table = tomllib.loads((ROOT / "rulesets" / "eval" / "types.toml").read_text(encoding="utf-8"))["type"]

    def family(label):
        kind = next((row["kinds"][0] for row in table if label in row["names"]), f"pii.{label.lower()}")
        return next((name for name, kinds, _ in FAMILIES if kind.startswith(kinds)), None)

    return family


def per_megabyte(report, family):
    sums = {}
    for label, tally in report["types"].items():
        per_mb = report["false_positives_per_mb"].get(label, 0.0)
        name = family(label) or label
        sums[name] = sums.get(name, 0.0) + per_mb
    network, found = report["network"]
    share = sum(sums.values()) * network / max(1, found)
    sums["IP address"] = max(0.0, sums.get("IP address", 0.0) - share)
    sums[NETWORK] = share
    return sums


def calibration(per_file):
    """By tens of confidence: findings, right ones, and the share that is right in each source."""
    bands = {}
    for source, report in per_file.items():
        for ten, band in report["calibration"].items():
            all_, right, shares = bands.setdefault(int(ten), (0, 0, {}))
            if band["findings"] >= 20:
                shares[source] = band["right"] / band["findings"]
            bands[int(ten)] = (all_ + band["findings"], right + band["right"], shares)
    return dict(sorted(bands.items()))


def ratios(sums):
    tp, fp, fn = sums
    share = lambda part, whole: part / whole if whole else 0.0
    return share(tp, tp + fp), share(tp, tp + fn), share(2 * tp, 2 * tp + fp + fn)


def card(scores, by_source, false, bands, secrets, hash_, clean):
    lines = [
        "# Scorecard",
        "",
        f"Written by `make scorecard` on {datetime.date.today()}; ruleset `{hash_[:12]}`, the default threshold, all views.",
        "",
        "The data is not part of the repository (`SIDEWALL_DATA`). It was at hand while the rules were written, so these figures flatter:",
        "sources that nobody tuned to score lower. `sidewall eval pii … --list FILE` names every miss and false positive behind a figure.",
        "",
        "![F1 by family, and how often findings are right by confidence](scorecard.svg)",
        "",
        "## By family",
        "",
        "| Family | found | missed | false | precision | recall | F1 | goal |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, _, goal in FAMILIES:
        tp, fp, fn = scores[name]
        if tp + fn == 0:
            continue
        precision, recall, f1 = ratios(scores[name])
        aim = "" if goal is None else f"{goal:.2f}"
        lines.append(f"| {name} | {tp} | {fn} | {fp} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {aim} |")
    lines += [
        "",
        "`python_stdnum` and `presidio_recognizer_tests` are mostly lists of bare values without a word beside them. Bare numbers of eight to ten",
        "digits, of which a tenth passes any one check, are not reported there, by design: they would flag every counter. Some of their",
        "labels contradict each other (`123-45-6789` is an SSN in one and none in another; IBANs without valid check digits are labelled).",
        "",
        "## False positives in a megabyte",
        "",
        "Findings at or over the threshold in texts in which hardly anything is personal: code, logs, lock files and machine identifiers",
        f"({clean[0]['texts']} texts), and conversations, prose and code with its documents ({clean[1]['texts']} texts; what real addresses",
        "and sample data they hold counts as false here).",
        "",
        "| Family | code and logs | chat and prose |",
        "|---|--:|--:|",
    ]
    names = sorted({name for sums in false.values() for name in sums}, key=lambda name: -sum(sums.get(name, 0) for sums in false.values()))
    for name in names:
        a, b = (false[where].get(name, 0.0) for where in ("code and logs", "chat and prose"))
        if a >= 0.005 or b >= 0.005:
            lines.append(f"| {name} | {a:.2f} | {b:.2f} |")
    lines += ["", "## By family and source", "", "| Family | source | found | missed | false | F1 |", "|---|---|--:|--:|--:|--:|"]
    for name, *_ in FAMILIES:
        for source in LABELLED:
            tp, fp, fn = by_source.get((name, source), (0, 0, 0))
            if tp + fn:
                lines.append(f"| {name} | `{source}` | {tp} | {fn} | {fp} | {ratios((tp, fp, fn))[2]:.3f} |")
            elif fp:
                lines.append(f"| {name} | `{source}` (not labelled there) | – | – | {fp} | – |")
    lines += [
        "",
        "## Calibration",
        "",
        "How often a finding is right, by its confidence: in all sources, and in the worst of those with at least twenty such findings. From 50",
        "on the default profile acts. A 90 is meant to be right nine times in ten.",
        "",
        "| confidence | findings | right | worst source |",
        "|---|--:|--:|---|",
    ]
    for ten, (all_, right, shares) in bands.items():
        worst = min(shares.items(), key=lambda item: item[1], default=None)
        told = "" if worst is None else f"{100 * worst[1]:.0f} % (`{worst[0]}`)"
        lines.append(f"| {ten}–{ten + 9} | {all_} | {100 * right / max(1, all_):.0f} % | {told} |")
    lines += ["", "## Secrets", "", "| source | secrets | found | others | flagged |", "|---|--:|--:|--:|--:|"]
    for source, sides in sorted(secrets["per_source"].items()):
        found = "–" if sides["recall"] is None else f"{100 * sides['recall']:.1f} %"
        flagged = "–" if sides["false_positive_rate"] is None else f"{100 * sides['false_positive_rate']:.2f} %"
        lines.append(f"| `{source}` | {sides['positives']} | {found} | {sides['negatives']} | {flagged} |")
    lines += ["", f"Precision {secrets['precision']:.3f}, recall {secrets['recall']:.3f}, F1 {secrets['f1']:.3f} (goals: precision 0.97, recall 0.80).", ""]
    return "\n".join(lines)


def picture(scores, bands, secrets, false):
    """Bars of F1 with a mark at each goal, and bars of how often a confidence is right."""
    rows = [(name, ratios(scores[name])[2], goal) for name, _, goal in FAMILIES if scores[name][0] + scores[name][2]]
    rows.append(("Secrets", secrets["f1"], None))
    left, width, step, top = 212, 420, 26, 84
    right = left + width + 96
    height = top + step * len(rows) + 46
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="1120" height="{height}" viewBox="0 0 1120 {height}" font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="1120" height="{height}" rx="10" fill="#fbfbf9"/>',
        '<text x="28" y="36" font-size="18" font-weight="600" fill="#1d2b36">What the rules find</text>',
        '<text x="28" y="58" fill="#5b6b76">F1 by family; the mark is the goal</text>',
        f'<text x="{right}" y="36" font-size="18" font-weight="600" fill="#1d2b36">How sure is a finding?</text>',
        f'<text x="{right}" y="58" fill="#5b6b76">share of right findings by confidence</text>',
    ]
    bottom = top + step * len(rows)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + width * tick
        out.append(f'<line x1="{x:.1f}" y1="{top - 8}" x2="{x:.1f}" y2="{bottom}" stroke="#e3e5e2"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#8a969e">{tick:.2f}</text>')
    for i, (name, f1, goal) in enumerate(rows):
        y = top + step * i
        met = goal is None or round(f1, 3) >= goal
        out.append(f'<text x="{left - 12}" y="{y + 13}" text-anchor="end" fill="#1d2b36">{escape(name)}</text>')
        out.append(f'<rect x="{left}" y="{y + 1}" width="{width * f1:.1f}" height="16" rx="3" fill="{"#2f7f86" if met else "#c9803a"}"/>')
        if goal is not None:
            x = left + width * goal
            out.append(f'<line x1="{x:.1f}" y1="{y - 3}" x2="{x:.1f}" y2="{y + 21}" stroke="#1d2b36" stroke-width="2"/>')
        out.append(f'<text x="{left + width + 10}" y="{y + 13}" fill="#1d2b36">{f1:.3f}</text>')
    base, tall, bar = top + 240, 220, 34
    for tick in (0, 25, 50, 75, 100):
        y = base - tall * tick / 100
        out.append(f'<line x1="{right + 30}" y1="{y:.1f}" x2="{right + 360}" y2="{y:.1f}" stroke="#e3e5e2"/>')
        out.append(f'<text x="{right + 22}" y="{y + 4:.1f}" text-anchor="end" fill="#8a969e">{tick} %</text>')
    shown = [(ten, band) for ten, band in bands.items() if ten >= 30]
    for i, (ten, (all_, good, _)) in enumerate(shown):
        share, x = good / max(1, all_), right + 40 + i * 46
        fill = "#2f7f86" if ten >= 50 else "#b9c3c4"
        out.append(f'<rect x="{x}" y="{base - tall * share:.1f}" width="{bar}" height="{tall * share:.1f}" rx="3" fill="{fill}"/>')
        # Where the confidence itself stands: at its band's middle.
        y = base - tall * (ten + 5) / 100
        out.append(f'<line x1="{x - 4}" y1="{y:.1f}" x2="{x + bar + 4}" y2="{y:.1f}" stroke="#1d2b36" stroke-width="2"/>')
        out.append(f'<text x="{x + bar / 2}" y="{base + 18}" text-anchor="middle" fill="#1d2b36">{ten}+</text>')
        out.append(f'<text x="{x + bar / 2}" y="{base + 34}" text-anchor="middle" font-size="11" fill="#8a969e">{all_}</text>')
    out.append(f'<text x="{right}" y="{base + 62}" fill="#5b6b76">Below: findings. The mark: what the number promises.</text>')
    out.append(f'<text x="{right}" y="{base + 80}" fill="#5b6b76">From 50 on the default profile acts.</text>')
    out.append(f'<text x="{right}" y="{base + 128}" font-size="18" font-weight="600" fill="#1d2b36">What they flag for nothing</text>')
    out.append(f'<text x="{right}" y="{base + 150}" fill="#5b6b76">findings in a megabyte without a label, but for net.*</text>')
    for i, (where, sums) in enumerate(false.items()):
        y = base + 182 + 26 * i
        sums = {name: per_mb for name, per_mb in sums.items() if name != NETWORK}
        out.append(f'<text x="{right}" y="{y}" fill="#1d2b36">{escape(where)}</text>')
        out.append(f'<text x="{right + 200}" y="{y}" text-anchor="end" font-weight="600" fill="#1d2b36">{sum(sums.values()):.2f}</text>')
    out.append("</svg>\n")
    return "\n".join(out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
