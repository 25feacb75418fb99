//! `model.toml`: what a model's files are, how a text becomes its input, and what its output is worth.
//!
//! ```toml
//! name = "…"
//! [model]     file = "model.onnx"       sha256 = "…"
//! [tokenizer] file = "tokenizer.json"   sha256 = "…"
//! [input]     window = 128  overlap = 32  start = [0]  end = [2]  pad = 1  ids = "input_ids"  mask = "attention_mask"
//! [input.channels]                      # optional: a token after `start` that says where the text stands
//! user = 33000
//! [output]    name = "logits"  labels = ["benign", "injection"]  attack = ["injection"]
//! [scoring]   temperature = 1.0  windows = 0.5
//! [[scoring.curve]]                     # (logit, score), rising; the score at other logits lies on the line between two
//! parts = ["user", "system"]  points = [[-2.0, 10], [1.0, 50], [3.0, 70]]
//! [about]                               # free: base model, licence, training data, date, metrics
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use super::ModelError;
use crate::text::Part;

/// The file in a model's folder.
pub const FILE: &str = "model.toml";
/// LIMIT: tokens of a window: the positions that common encoders have.
const MAX_WINDOW: usize = 8192;
/// LIMIT: labels of a classifier: what the output's width may be.
const MAX_LABELS: usize = 64;

/// How a model is used.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The model's name, for reports.
    pub name: String,
    /// The ONNX graph.
    pub model: File,
    /// `tokenizer.json` of the crate `tokenizers`.
    pub tokenizer: File,
    /// From text to tensors.
    pub input: Input,
    /// From tensors to a logit.
    pub output: Output,
    /// From a logit to a score.
    pub scoring: Scoring,
    /// Where it comes from and how well it does; not read by the program.
    #[serde(default)]
    pub about: toml::Table,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name in the folder.
    pub file: String,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

/// From text to tensors `[batch, length]` of 64-bit integers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Most tokens of one window, those of `start`, `end` and the channel among them.
    pub window: usize,
    /// Tokens that neighbouring windows share.
    pub overlap: usize,
    /// Tokens before the text.
    pub start: Vec<i64>,
    /// Tokens after it.
    pub end: Vec<i64>,
    /// The token that fills up a row.
    pub pad: i64,
    /// Name of the graph's input for token ids.
    pub ids: String,
    /// Name of its input for the mask (1: a token, 0: filled up).
    pub mask: String,
    /// Name of its input for token types, all 0; absent: it has none.
    #[serde(default)]
    pub types: Option<String>,
    /// By part: the token that stands behind `start`.
    #[serde(default)]
    pub channels: BTreeMap<Part, i64>,
}

/// From the output `[batch, labels]` to one logit a row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Name of the graph's output.
    pub name: String,
    /// What its columns say, in order. One column is a logit by itself; several are softmax's.
    pub labels: Vec<String>,
    /// Those of them that mean an attack.
    pub attack: Vec<String>,
}

/// From a logit to a score.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scoring {
    /// Logits are divided by it.
    pub temperature: f32,
    /// A text of `n` windows has `n` chances of a false alarm: `windows · ln n` is taken off its highest logit.
    pub windows: f32,
    /// By parts.
    pub curve: Vec<Curve>,
}

/// What a logit is worth in some parts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Where it holds. Texts of a part that stands in no curve are not judged.
    pub parts: Vec<Part>,
    /// (logit, score 0–100), both rising.
    pub points: Vec<(f32, u8)>,
}

/// SHA-256 in hexadecimal digits.
#[must_use]
pub(super) fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first 16 digits of it: enough to tell models apart.
#[must_use]
pub(super) fn short_hash(toml: &str) -> Arc<str> {
    sha256(toml.as_bytes()).chars().take(16).collect::<String>().into()
}

impl Spec {
    /// Reads and checks `model.toml` in `folder`. Returns its text too.
    ///
    /// # Errors
    /// [`ModelError`], with what is wrong and how to mend it.
    pub(super) fn load(folder: &Path) -> Result<(String, Self), ModelError> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path)
            .map_err(|error| ModelError::File { path: path.clone(), why: error.to_string() })?;
        let spec = Self::parse(&text).map_err(|why| ModelError::Spec { path, why })?;
        Ok((text, spec))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let spec: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        spec.check()?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), String> {
        for file in [&self.model, &self.tokenizer] {
            let plain = Path::new(&file.file).components().all(|part| matches!(part, Component::Normal(_)));
            if !plain || file.file.is_empty() {
                return Err(format!("{:?} is no file of the folder; name one without `..`", file.file));
            }
            if file.sha256.len() != 64 || !file.sha256.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')) {
                return Err(format!("sha256 of {:?} is not 64 lower-case hexadecimal digits", file.file));
            }
        }
        let input = &self.input;
        if input.window > MAX_WINDOW || input.room() == 0 || input.overlap * 2 > input.room() {
            return Err(format!(
                "input.window is {} with an overlap of {}: a window holds {} tokens of text; it needs at least twice the overlap, and at most {MAX_WINDOW} in all",
                input.window,
                input.overlap,
                input.room()
            ));
        }
        let output = &self.output;
        if output.labels.is_empty() || output.labels.len() > MAX_LABELS {
            return Err(format!("output.labels must name 1 to {MAX_LABELS} columns"));
        }
        if output.attack.is_empty() || output.attack.iter().any(|label| !output.labels.contains(label)) {
            return Err("output.attack must name labels of output.labels, at least one".to_owned());
        }
        if output.labels.len() > 1 && output.attack.len() == output.labels.len() {
            return Err(
                "every label of output.labels is an attack; leave the benign ones out of output.attack".to_owned()
            );
        }
        let scoring = &self.scoring;
        if !(scoring.temperature.is_finite()
            && scoring.temperature > 0.0
            && scoring.windows.is_finite()
            && scoring.windows >= 0.0)
        {
            return Err("scoring.temperature must be over 0, scoring.windows not under 0, both finite".to_owned());
        }
        for (at, curve) in scoring.curve.iter().enumerate() {
            let rising = curve.points.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0 && a.1 <= b.1));
            let sound = curve.points.iter().all(|(logit, score)| logit.is_finite() && *score <= 100);
            if curve.points.len() < 2 || !rising || !sound {
                return Err(format!(
                    "scoring.curve {}: needs two points or more, logits rising, scores 0 to 100",
                    at + 1
                ));
            }
            let twice = scoring.curve.iter().take(at).any(|other| other.parts.iter().any(|p| curve.parts.contains(p)));
            if twice {
                return Err(format!("scoring.curve {}: one of its parts stands in an earlier one", at + 1));
            }
        }
        if scoring.curve.is_empty() {
            return Err("there is no [[scoring.curve]], so no text would be judged".to_owned());
        }
        Ok(())
    }

    pub(super) fn curve(&self, part: Part) -> Option<&Curve> {
        self.scoring.curve.iter().find(|curve| curve.parts.contains(&part))
    }

    /// The score of a text in `part` whose highest window, of `windows`, has this logit; 0 where there is no curve.
    #[must_use]
    pub fn score(&self, part: Part, logit: f32, windows: usize) -> u8 {
        let Some(curve) = self.curve(part) else { return 0 };
        #[expect(clippy::cast_precision_loss, reason = "a count of windows is far below 2^24")]
        let chances = windows.max(1) as f32;
        let logit = logit / self.scoring.temperature - self.scoring.windows * chances.ln();
        let mut from: Option<(f32, u8)> = None;
        for (to, score) in &curve.points {
            if logit < *to {
                let Some((left, least)) = from else { return *score };
                let share = (logit - left) / (to - left);
                let between = f32::from(least) + share * (f32::from(*score) - f32::from(least));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two scores")]
                return between.round() as u8;
            }
            from = Some((*to, *score));
        }
        from.map_or(0, |(_, score)| score)
    }
}

impl Input {
    /// Tokens of text in one window.
    pub(super) fn room(&self) -> usize {
        let fixed = self.start.len() + self.end.len() + usize::from(!self.channels.is_empty());
        self.window.saturating_sub(fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"
name = "test"
model = { file = "model.onnx", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
tokenizer = { file = "tokenizer.json", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
input = { window = 8, overlap = 2, start = [0], end = [2], pad = 1, ids = "input_ids", mask = "attention_mask" }
output = { name = "logits", labels = ["benign", "injection"], attack = ["injection"] }
[scoring]
temperature = 2.0
windows = 1.0
[[scoring.curve]]
parts = ["user"]
points = [[-1.0, 0], [1.0, 50], [2.0, 90]]
"#;

    #[test]
    fn a_score_lies_on_the_line_between_two_points_and_more_windows_need_more() {
        let spec = Spec::parse(SOUND).unwrap();
        for (logit, windows, score) in [
            (-9.0, 1, 0),
            (-2.0, 1, 0),
            (0.0, 1, 25),
            (2.0, 1, 50),
            (3.0, 1, 70),
            (4.0, 1, 90),
            (99.0, 1, 90),
            (4.0, 3, 46 + 1),
        ] {
            let got = spec.score(Part::User, logit, windows);
            assert!(got.abs_diff(score) <= 1, "{logit} {windows}: {got}, not {score}");
        }
        assert_eq!(spec.score(Part::System, 99.0, 1), 0, "a part without a curve");
        assert_eq!(spec.score(Part::User, f32::NAN, 1), 90, "compares as no logit under any point");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (from, to, said) in [
            ("window = 8", "window = 3", "input.window"),
            ("overlap = 2", "overlap = 4", "input.window"),
            ("attack = [\"injection\"]", "attack = [\"evil\"]", "output.attack"),
            ("attack = [\"injection\"]", "attack = [\"injection\", \"benign\"]", "every label"),
            ("temperature = 2.0", "temperature = 0.0", "temperature"),
            ("temperature = 2.0", "temperature = nan", "temperature"),
            ("[2.0, 90]", "[0.5, 90]", "rising"),
            ("[2.0, 90]", "[2.0, 101]", "0 to 100"),
            ("model.onnx", "../model.onnx", "no file of the folder"),
            ("model.onnx", "/model.onnx", "no file of the folder"),
            ("00000000\" }\ntok", "0000000x\" }\ntok", "hexadecimal"),
            ("name = \"test\"", "name = \"test\"\nsurprise = 1", "surprise"),
        ] {
            let text = SOUND.replacen(from, to, 1);
            assert_ne!(text, SOUND, "{from}");
            let error = Spec::parse(&text).unwrap_err();
            assert!(error.contains(said), "{to}: {error}");
        }
    }
}
