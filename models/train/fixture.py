"""Writes the tiny model that the program's tests run: tests/fixtures/classifier. Its answers can be worked out by hand.

A word is a token; the logit of a window is (highest token − 100) / 10. The token 999 (`poison`) makes it no number.
"""

import hashlib
import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parents[2] / "tests/fixtures/classifier"
WORDS = {"<unk>": 3, "harmless": 10, "odd": 130, "attack": 150, "poison": 999}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["present"]),
        helper.make_node("Cast", ["present"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["floats", "axis"], ["highest"], keepdims=1),
        helper.make_node("Sub", ["highest", "hundred"], ["over"]),
        helper.make_node("Div", ["over", "ten"], ["sound"]),
        helper.make_node("Sub", ["limit", "highest"], ["left"]),
        helper.make_node("Log", ["left"], ["log"]),
        helper.make_node("Mul", ["log", "zero"], ["nothing"]),
        helper.make_node("Add", ["sound", "nothing"], ["logits"]),
    ]
    weights = [numpy_helper.from_array(np.array(v, t), n) for n, v, t in
               [("axis", [1], np.int64), ("hundred", 100, np.float32), ("ten", 10, np.float32), ("limit", 500, np.float32), ("zero", 0, np.float32)]]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "length"]) for n in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])
    model = helper.make_model(helper.make_graph(nodes, "tiny", inputs, [output], weights), opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, FOLDER / "model.onnx")
    tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": {"type": "Lowercase"},
                 "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
                 "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "<unk>"}}
    (FOLDER / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1) + "\n")
    digest = {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")}
    (FOLDER / "model.toml").write_text(f'''# The tiny model of the tests: written by models/train/fixture.py, which says what it answers.
name = "tiny"
model = {{ file = "model.onnx", sha256 = "{digest["model.onnx"]}" }}
tokenizer = {{ file = "tokenizer.json", sha256 = "{digest["tokenizer.json"]}" }}
input = {{ window = 8, overlap = 2, start = [0], end = [2], pad = 1, ids = "input_ids", mask = "attention_mask" }}
output = {{ name = "logits", labels = ["injection"], attack = ["injection"] }}

[scoring]
temperature = 1.0
windows = 0.0
[[scoring.curve]]
parts = ["user", "system", "tool_result", "document"]
points = [[0.0, 0], [3.0, 40], [5.0, 90]]
''')


if __name__ == "__main__":
    main()
