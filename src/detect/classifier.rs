//! The injection classifier: a small model that judges windows of a text, beside the rules.
//!
//! A model is a folder ([`spec`]): `model.onnx`, `tokenizer.json` and `model.toml`, which says how the two are used and what a logit is worth.
//! A text is cut into overlapping windows of tokens ([`windows`]); a session of ONNX Runtime judges them ([`session`]); the highest logit,
//! lowered for the number of chances it had, becomes a score of 0–100 ([`spec::Spec::score`]). [`pool`] does that on threads of its own.
//!
//! Only this room knows `ort` and `tokenizers`.

pub mod library;
pub mod pool;
mod session;
pub mod spec;
mod windows;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use tokenizers::Tokenizer;

use crate::detect::RuleInfo;
use crate::text::fold::{Oddities, fold_counting};
use crate::text::{Part, TextSpan};
use library::Library;
use session::Session;
use spec::Spec;
use windows::{Window, cut};

/// The id under which the classifier's findings are recorded.
pub const RULE: &str = "injection-classifier";
/// Their kind.
pub const KIND: &str = "injection.classifier";
/// The word that placeholders of the kind would carry.
const WORD: &str = "INJECTION";
/// LIMIT: windows that go through the model at once: on a CPU, larger batches are no faster, and the deadline is looked at between two.
const BATCH: usize = 4;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// ONNX Runtime's library is not to be had.
    #[error(transparent)]
    Library(#[from] library::LibraryError),
    /// A file of the folder is missing or cannot be read.
    #[error("{path}: {why}; a model is a folder with model.toml, model.onnx and tokenizer.json")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// `model.toml` is wrong.
    #[error("{path}: {why}")]
    Spec {
        /// The file.
        path: PathBuf,
        /// What is wrong, and how to mend it.
        why: String,
    },
    /// A file is not the one that `model.toml` names.
    #[error(
        "{path}: its SHA-256 is {found}, but model.toml says {expected}; the file is altered or incomplete: fetch the folder anew"
    )]
    Hash {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// The one that was expected.
        expected: String,
    },
    /// ONNX Runtime refuses the model, or the model does not answer as `model.toml` says.
    #[error("{path}: {why}")]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Why a text has no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gap {
    /// The queue was full.
    QueueFull,
    /// The deadline passed first.
    Late,
    /// The model failed, or answered something that is no score.
    Failed,
}

impl Gap {
    /// The name in audit records and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Late => "late",
            Self::Failed => "failed",
        }
    }
}

/// What the classifier says of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// 0–100, on the scale of the rules' scores; see [`spec::Spec::score`].
    pub value: u8,
    /// The window that decided, in the text that was asked about.
    pub span: TextSpan,
    /// Windows judged.
    pub windows: usize,
}

/// A model, ready for use. Several threads can use it at once, each with a session of its own.
pub struct Classifier {
    spec: Spec,
    tokenizer: Tokenizer,
    sessions: Vec<Mutex<Session>>,
    hash: Arc<str>,
}

/// How a model is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// ONNX Runtime's library; `None`: it is looked for.
    pub library: Option<PathBuf>,
    /// Sessions: as many texts are judged at once. Each has the weights in memory.
    pub sessions: usize,
    /// Execution providers in order of preference; empty: the CPU.
    pub providers: Vec<String>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self { library: None, sessions: 1, providers: Vec::new() }
    }
}

/// The rule whose findings weigh `score`: one for each score, since a finding weighs what its rule does.
#[must_use]
pub fn rule_of(score: u8) -> Option<Arc<RuleInfo>> {
    static RULES: LazyLock<Vec<Arc<RuleInfo>>> = LazyLock::new(|| {
        let rule = |weight| RuleInfo { id: RULE.into(), kind: KIND.into(), word: WORD.into(), weight };
        (0..=100).map(|weight| Arc::new(rule(weight))).collect()
    });
    RULES.get(usize::from(score)).map(Arc::clone)
}

impl Classifier {
    /// Loads the model in `folder`, and tries it once.
    ///
    /// # Errors
    /// [`ModelError`] says which file, what is wrong, and how to mend it.
    pub fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let (toml, spec) = Spec::load(folder)?;
        let model = checked(folder, &spec.model)?;
        let text = checked(folder, &spec.tokenizer)?;
        let library = Library::load(runtime.library.as_deref())?;
        let path = folder.join(&spec.tokenizer.file);
        let tokenizer =
            Tokenizer::from_bytes(&text).map_err(|error| ModelError::File { path, why: error.to_string() })?;
        let path = folder.join(&spec.model.file);
        let wrong = |why| ModelError::Model { path: path.clone(), why };
        let mut sessions = Vec::new();
        for _ in 0..runtime.sessions.max(1) {
            let mut session = Session::new(&library, &model, &spec, &runtime.providers).map_err(wrong)?;
            session.probe(&spec).map_err(wrong)?;
            sessions.push(Mutex::new(session));
        }
        Ok(Self { spec, tokenizer, sessions, hash: spec::short_hash(&toml) })
    }

    /// Identifies the model and its settings: the hash of `model.toml`, which holds the hashes of the other files.
    #[must_use]
    pub const fn hash(&self) -> &Arc<str> {
        &self.hash
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// How many texts can be judged at once.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// True if texts of this part are judged.
    #[must_use]
    pub fn judges(&self, part: Part) -> bool {
        self.spec.curve(part).is_some()
    }

    /// Judges one text as it is and, where it holds what is meant to mislead (look-alikes, invisible characters), folded too; the higher score
    /// counts. Forms that mean the same (case, full width) are the tokenizer's to unite. `session`: which thread asks.
    ///
    /// # Errors
    /// [`Gap::Late`] if `deadline` passes between two batches, [`Gap::Failed`] if the model does.
    pub fn judge(&self, session: usize, part: Part, text: &str, deadline: Option<Instant>) -> Result<Score, Gap> {
        let whole = TextSpan::new(0, text.len());
        if text.trim().is_empty() || !self.judges(part) {
            return Ok(Score { value: 0, span: whole, windows: 0 });
        }
        let raw = self.judge_view(session, part, text, deadline)?;
        let (view, odd) = fold_counting(text);
        if odd == Oddities::default() {
            return Ok(raw);
        }
        let folded = self.judge_view(session, part, &view.text, deadline)?;
        let windows = raw.windows + folded.windows;
        if folded.value > raw.value {
            return Ok(Score { span: view.to_raw(folded.span), windows, ..folded });
        }
        Ok(Score { windows, ..raw })
    }

    fn judge_view(&self, session: usize, part: Part, text: &str, deadline: Option<Instant>) -> Result<Score, Gap> {
        let late = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let mut windows = cut(&self.tokenizer, &self.spec.input, part, text, &late)?;
        // Of about the same length, so that little is padding.
        windows.sort_by_key(|window| window.ids.len());
        let session = self.sessions.get(session % self.sessions.len()).ok_or(Gap::Failed)?;
        let mut highest: Option<(f32, TextSpan)> = None;
        for batch in windows.chunks(BATCH) {
            if late() {
                return Err(Gap::Late);
            }
            let ids: Vec<&[i64]> = batch.iter().map(|window: &Window| &*window.ids).collect();
            let logits = {
                // A session that another thread left in a panic is asked all the same: what it answers is checked.
                let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
                session.run(&self.spec, &ids).map_err(|_why| Gap::Failed)?
            };
            for (logit, window) in logits.into_iter().zip(batch) {
                if highest.is_none_or(|(best, _)| logit > best) {
                    highest = Some((logit, window.span));
                }
            }
        }
        let (logit, span) = highest.unwrap_or((f32::NEG_INFINITY, TextSpan::new(0, text.len())));
        Ok(Score { value: self.spec.score(part, logit, windows.len()), span, windows: windows.len() })
    }
}

/// Shows no content.
impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classifier").field("name", &self.spec.name).field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// Reads a file of the folder, and holds it against its digest.
fn checked(folder: &Path, named: &spec::File) -> Result<Vec<u8>, ModelError> {
    let path = folder.join(&named.file);
    let bytes = fs::read(&path).map_err(|error| ModelError::File { path: path.clone(), why: error.to_string() })?;
    let found = spec::sha256(&bytes);
    if found == named.sha256 {
        return Ok(bytes);
    }
    Err(ModelError::Hash { path, found, expected: named.sha256.clone() })
}
