"""Writes a trained classifier as ONNX: the graph by hand (a few operators of opset 20), then dynamic 8-bit quantisation.

Usage: export.py TRAINED OUT
TRAINED is what train.py wrote; OUT gets model.onnx and tokenizer.json. Says how far quantised and exact logits are apart.
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

import base
from model import EPSILON, HEADS, HIDDEN, QUERIES, Classifier

# What specials are called in the tokenizer: with a line feed, which no word has, so that no text can spell them.
UNSPELLABLE = "\n{}"


class Graph:
    """Collects nodes and weights; every method returns the name of its result."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def constant(self, name, values):
        self.weights.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def node(self, kind, inputs, **attributes):
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def linear(self, x, name, layer):
        made = self.node("MatMul", [x, self.constant(name + ".w", layer.weight.detach().numpy().T)])
        return self.node("Add", [made, self.constant(name + ".b", layer.bias.detach().numpy())])

    def norm(self, x, name, layer):
        scale, bias = self.constant(name + ".w", layer.weight.detach().numpy()), self.constant(name + ".b", layer.bias.detach().numpy())
        return self.node("LayerNormalization", [x, scale, bias], axis=-1, epsilon=EPSILON)

    def shape(self, name, values):
        return self.constant(name, np.array(values, np.int64))


def build(model, path):
    g = Graph()
    heads = g.shape("heads", [0, 0, HEADS, HIDDEN // HEADS])
    flat = g.shape("flat", [0, 0, HIDDEN])
    words = g.node("Gather", [g.constant("words", model.words.weight.detach().numpy()), "input_ids"])
    length = g.node("Slice", [g.node("Shape", ["input_ids"]), g.shape("one", [1]), g.shape("two", [2])])
    places = g.node("Slice", [g.constant("positions", model.positions.weight.detach().numpy()[:256]), g.shape("zero", [0]), length])
    x = g.norm(g.node("Add", [words, places]), "norm", model.norm)
    # 0 for a token, −10,000 where a row was filled up.
    absent = g.node("Sub", [g.constant("ones", np.array(1, np.float32)), g.node("Cast", ["attention_mask"], to=TensorProto.FLOAT)])
    penalty = g.node("Mul", [absent, g.constant("never", np.array(-10000, np.float32))])
    over_keys = g.node("Unsqueeze", [penalty, g.shape("axes12", [1, 2])])
    over_tokens = g.node("Unsqueeze", [penalty, g.shape("axes1", [1])])
    scale = g.constant("scale", np.array((HIDDEN // HEADS) ** -0.5, np.float32))
    for number, layer in enumerate(model.layers):
        def split(part, order, name):
            made = g.node("Reshape", [g.linear(x, f"{number}.{name}", part), heads])
            return g.node("Transpose", [made], perm=order)

        query, key, value = split(layer.query, [0, 2, 1, 3], "q"), split(layer.key, [0, 2, 3, 1], "k"), split(layer.value, [0, 2, 1, 3], "v")
        scores = g.node("Add", [g.node("Mul", [g.node("MatMul", [query, key]), scale]), over_keys])
        context = g.node("MatMul", [g.node("Softmax", [scores], axis=-1), value])
        context = g.node("Reshape", [g.node("Transpose", [context], perm=[0, 2, 1, 3]), flat])
        x = g.norm(g.node("Add", [x, g.linear(context, f"{number}.mix", layer.mix)]), f"{number}.mixed", layer.mixed)
        inner = g.node("Gelu", [g.linear(x, f"{number}.up", layer.up)])
        x = g.norm(g.node("Add", [x, g.linear(inner, f"{number}.down", layer.down)]), f"{number}.out", layer.out)
    share = g.node("Transpose", [g.linear(x, "pool", model.pool)], perm=[0, 2, 1])
    share = g.node("Softmax", [g.node("Add", [share, over_tokens])], axis=-1)
    pooled = g.node("Reshape", [g.node("MatMul", [share, x]), g.shape("pooled", [0, QUERIES * HIDDEN])])
    first = g.node("Gather", [x, g.constant("first", np.array(0, np.int64))], axis=1)
    features = g.node("Concat", [first, pooled], axis=1)
    logits = g.linear(g.node("Gelu", [g.linear(features, "dense", model.dense)]), "head", model.head)
    g.nodes.append(helper.make_node("Identity", [logits], ["logits"]))
    tokens = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])
    graph = helper.make_graph(g.nodes, "injection", tokens, [output], g.weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(made)
    onnx.save(made, path)


def load(folder):
    state = torch.load(folder / "weights.pt", weights_only=True)
    model = Classifier(state["words.weight"].shape[0])
    model.load_state_dict(state)
    return model.eval()


def logits(path, ids, mask):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0][:, 0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = load(arguments.trained)
    exact, final = arguments.trained / "exact.onnx", arguments.out / "model.onnx"
    build(model, exact)
    quantize_dynamic(exact, final, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul", "Gather"],
                     extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT})
    text = json.loads((arguments.trained / "tokenizer.json").read_text())
    for place, name in enumerate(["bos", "pad", "eos", "unk"]):
        text["model"]["vocab"][place][0] = UNSPELLABLE.format(name)
    (arguments.out / "tokenizer.json").write_text(json.dumps(text, ensure_ascii=False, separators=(",", ":")))
    rng = np.random.default_rng(0)
    ids = rng.integers(4, 30000, (16, 64))
    ids[:, 0], ids[:, 1] = base.SPECIAL["bos"], len(model.words.weight) - 6
    mask = np.ones_like(ids)
    mask[8:, 40:] = 0
    ids[8:, 40:] = base.SPECIAL["pad"]
    with torch.inference_mode():
        torch_logits = model(torch.from_numpy(ids), torch.from_numpy(mask).bool()).numpy()
    exact_logits, final_logits = logits(exact, ids, mask), logits(final, ids, mask)
    print(f"torch to ONNX: {np.abs(torch_logits - exact_logits).max():.5f}; ONNX to 8 bits: {np.abs(exact_logits - final_logits).max():.3f}; "
          f"{final.stat().st_size / 1e6:.1f} MB")
    assert np.abs(torch_logits - exact_logits).max() < 1e-2, "the graph does not say what the model says"
    exact.unlink()


if __name__ == "__main__":
    main()
