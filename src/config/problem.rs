//! What is wrong with a configuration: where, what, and how to mend it. All of it at once.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong or risky.
///
/// SECURITY: `what` and `mend` never repeat a value that could be a secret pasted into the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the file, from 1; `None` if it concerns the whole file.
    pub line: Option<usize>,
    /// Path of the key, such as `upstream[1].url`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}; {}", self.what, self.mend)
    }
}

/// Everything that keeps a configuration from being used; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    /// The file, if it came from one.
    pub file: Option<PathBuf>,
    /// In the order of the file's lines.
    pub problems: Vec<Problem>,
}

impl ConfigErrors {
    /// The same errors, said of `file`.
    #[must_use]
    pub fn of_file(self, file: &Path) -> Self {
        Self { file: Some(file.to_owned()), ..self }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let errors = if count == 1 { "error" } else { "errors" };
        match &self.file {
            Some(file) => write!(f, "{}: {count} {errors}", file.display())?,
            None => write!(f, "configuration: {count} {errors}")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}
