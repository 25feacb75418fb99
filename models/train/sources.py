"""Which labelled files there are, what may be done with them, and in which channel their texts stand.

Weights that are shipped are trained on files of licence class `permissive` alone. Sources in `HELD_OUT` and files of the other classes are
never trained on: they are what the model is measured with.
"""

import json
import os
import pathlib

# Where the labelled data is; it is no part of the repository.
DATA = pathlib.Path(os.environ.get("SIDEWALL_DATA", pathlib.Path(__file__).parents[2] / "../shared/data")) / "injection"

# Whole sources that are left out beside those that the manifest suggests: the only attacks in documents of five to nine languages.
HELD_OUT = {"tasktracker_composed", "longdoc_composed_dev"}
# Not learned from: attacks whose text shows no technique (`codeattack` hides harm in code), and requests that are plainly harmful.
UNUSED = {"codeattack", "harmful_plain"}

# Channel by the beginning of a row's category; the first that fits. What fits none stands in `user`.
CHANNELS = [
    ("benign_tool_output", "tool_result"),
    ("benign_tool_description", "tool_definition"),
    ("benign_system_prompt", "system"),
    ("hard_benign_agent_instructions", "system"),
    ("benign_doc", "document"),
    ("benign_long_doc", "document"),
    ("benign_code_request", "user"),
    ("benign_code", "document"),
    ("benign_task_data", "document"),
    ("benign_support_response", "assistant"),
    ("indirect_injecagent", "tool_result"),
    ("indirect_asb", "tool_result"),
    ("indirect_", "document"),
]


def channel(category):
    return next((name for start, name in CHANNELS if category.startswith(start)), "user")


class Source:
    def __init__(self, entry):
        self.name, self.file = entry["source"], DATA / entry["file"]
        self.permissive = entry["licence_class"] == "permissive"
        self.licence = entry["licence"]
        self.suggested = entry["role"] == "suggested_validation"

    def trains(self):
        """True if its rows may be learned from."""
        return self.permissive and not self.suggested and self.name not in HELD_OUT | UNUSED

    def rows(self):
        """Rows with `text`, `label` (0 or 1), `explicit` (1, 0 or None), `category`, `lang`, `source`, `channel`."""
        with self.file.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row["label"] is not None:
                    row["channel"] = row.get("channel") or channel(row["category"])
                    yield row


def all_sources():
    if not (DATA / "manifest.json").exists():
        raise SystemExit(f"sources: there is no labelled data in {DATA}: set SIDEWALL_DATA to the folder that holds it")
    return [Source(entry) for entry in json.loads((DATA / "manifest.json").read_text())["sources"]]
