"""The classifier: an encoder of a few layers, pooled by attention over the text's tokens, and one logit. Lower layers are fixed, so that what
they make of a text is computed once."""

import math

import torch
from torch import nn
from torch.nn import functional

import base

# Layers that are fixed; those above are trained.
FIXED = 4
# Queries of the pooling: each finds its own kind of evidence in the text.
QUERIES = 4
HIDDEN, HEADS, INNER, EPSILON = 384, 12, 1536, 1e-12


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.mix = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.mixed, self.out = nn.LayerNorm(HIDDEN, EPSILON), nn.LayerNorm(HIDDEN, EPSILON)
        self.up, self.down = nn.Linear(HIDDEN, INNER), nn.Linear(INNER, HIDDEN)
        self.drop = nn.Dropout(0.1)

    def forward(self, x, mask):
        batch, length, _ = x.shape

        def heads(linear):
            return linear(x).view(batch, length, HEADS, HIDDEN // HEADS).transpose(1, 2)

        # Written out: for short texts on a CPU this is faster than the fused function.
        scores = heads(self.query) @ heads(self.key).transpose(2, 3) / math.sqrt(HIDDEN // HEADS)
        share = scores.masked_fill(~mask[:, None, None, :], -1e4).softmax(3)
        context = share.to(x.dtype) @ heads(self.value).to(x.dtype)
        x = self.mixed(x + self.drop(self.mix(context.transpose(1, 2).reshape(batch, length, HIDDEN))))
        return self.out(x + self.drop(self.down(functional.gelu(self.up(x)))))


class Classifier(nn.Module):
    def __init__(self, words, positions=512):
        super().__init__()
        self.words, self.positions = nn.Embedding(words, HIDDEN), nn.Embedding(positions, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(base.LAYERS))
        self.pool = nn.Linear(HIDDEN, QUERIES)
        self.dense, self.head = nn.Linear(HIDDEN * (QUERIES + 1), 128), nn.Linear(128, 1)
        self.drop = nn.Dropout(0.2)

    def lower(self, ids, mask):
        """What the fixed layers make of tokens `[batch, length]`."""
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]])
        for layer in self.layers[:FIXED]:
            x = layer(x, mask)
        return x

    def upper(self, x, mask):
        """The logit of each text."""
        for layer in self.layers[FIXED:]:
            x = layer(x, mask)
        share = self.pool(x).float().masked_fill(~mask[:, :, None], -1e4).softmax(1)
        pooled = torch.einsum("btq,bth->bqh", share.to(x.dtype), x).flatten(1)
        features = self.drop(torch.cat([x[:, 0], pooled], 1))
        return self.head(self.drop(functional.gelu(self.dense(features)))).squeeze(1).float()

    def forward(self, ids, mask):
        return self.upper(self.lower(ids, mask), mask)

    def load_base(self, found):
        """Takes the base model's weights (see base.weights)."""
        state = self.state_dict()
        names = {"words": "words.weight", "positions": "positions.weight"}
        for name, values in found.items():
            name = names.get(name, name if name.startswith("norm.") else f"layers.{name}")
            state[name].copy_(torch.from_numpy(values))
        nn.init.normal_(self.pool.weight, std=1 / math.sqrt(HIDDEN))
        return self
