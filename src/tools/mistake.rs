//! One thing that is wrong with a file of tools or policies, and where.

use std::fmt;

use serde::Serialize;

/// What is wrong, with its place. The texts are the operator's own; nothing of a caller is in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The file, or the folder if it concerns no one file.
    pub file: String,
    /// Line in it, from 1, if it concerns one.
    pub line: Option<usize>,
    /// What is wrong and how to mend it.
    pub what: String,
}

impl Mistake {
    /// A mistake at a byte of a file's text.
    pub(crate) fn at(file: &str, text: &str, offset: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: Some(line_of(text, offset)), what: what.into() }
    }

    /// A mistake where `word` stands for the last time in a file's text; of the whole file, if it does not.
    pub(crate) fn near(file: &str, text: &str, word: &str, what: impl Into<String>) -> Self {
        let line = text.rfind(word).map(|offset| line_of(text, offset));
        Self { file: file.to_owned(), line, what: what.into() }
    }

    /// A mistake of a whole file.
    pub(crate) fn of(file: impl fmt::Display, what: impl Into<String>) -> Self {
        Self { file: file.to_string(), line: None, what: what.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
