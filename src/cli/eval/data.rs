//! Labelled rows: JSON Lines in, checked row by row. A bad row ends the evaluation with its file and line: a figure over
//! half of the data would be a wrong figure.
//!
//! SECURITY: errors name places and fields, never what a row holds.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::cli::Failure;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::text::Part;

/// LIMIT: bytes of one row. The longest labelled texts are books of a few MiB.
const MAX_ROW_BYTES: u64 = 64 << 20;

/// One labelled row: the fields that every task knows, and the rest by name.
pub(super) struct Row {
    /// The text to scan.
    pub(super) text: String,
    /// Where it comes from: the row's `source`, or the file's name.
    pub(super) source: String,
    /// Where it stands: `file:line`.
    pub(super) place: String,
    fields: Map<String, Value>,
}

impl Row {
    pub(super) fn parse(line: &str, source: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|e| match e.classify() {
            serde_json::error::Category::Data => "is not a row that can be read".to_owned(),
            // These messages speak of the syntax alone. A row is one line, so only the column says anything.
            _ => format!("is not JSON at column {}", e.column()),
        })?;
        let Value::Object(mut fields) = value else { return Err("is not a JSON object".to_owned()) };
        let Some(Value::String(text)) = fields.remove("text") else { return Err("`text` is not a string".to_owned()) };
        let mut row = Self { text, source: source.to_owned(), place: String::new(), fields };
        if let Some(own) = row.string("source")? {
            row.source = own.to_owned();
        }
        Ok(row)
    }

    /// The field, if it is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A field that is a string, if it is there.
    pub(super) fn string(&self, name: &str) -> Result<Option<&str>, String> {
        self.get(name).map(|v| v.as_str().ok_or(format!("`{name}` is not a string"))).transpose()
    }

    /// A field that is true or false; false if it is not there.
    pub(super) fn flag(&self, name: &str) -> Result<bool, String> {
        Ok(self.truth(name)?.unwrap_or(false))
    }

    /// A field that is true or false, also as 1 or 0, if it is there.
    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, String> {
        let truth = |value: &Value| match (value.as_bool(), value.as_u64()) {
            (Some(truth), _) => Some(truth),
            (_, Some(0)) => Some(false),
            (_, Some(1)) => Some(true),
            _ => None,
        };
        self.get(name).map(|v| truth(v).ok_or(format!("`{name}` is neither true nor false"))).transpose()
    }

    /// Whether the field stands in the row at all, be it null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Who speaks: the row's `channel`, else the user.
    pub(super) fn channel(&self) -> Result<Part, String> {
        let Some(name) = self.string("channel")? else { return Ok(Part::User) };
        Part::ALL
            .into_iter()
            .find(|part| part.name() == name)
            .ok_or_else(|| format!("`channel` is none of {}", Part::ALL.map(Part::name).join(", ")))
    }
}

/// Hands every row of the files to `each`, but for rows with `"ambiguous": true`; a bar on the terminal says how far it is.
///
/// # Errors
/// What cannot be read or understood, as `file:line: what`.
pub(super) fn for_each(
    files: &[PathBuf],
    out: &mut Output,
    mut each: impl FnMut(Row) -> Result<(), String>,
) -> Result<(), Failure> {
    let sizes = files.iter().map(|file| std::fs::metadata(file).map_or(0, |meta| meta.len()));
    let mut progress = Progress::new("evaluating", sizes.sum());
    for file in files {
        let outcome = one_file(file, out, &mut progress, &mut each);
        if outcome.is_err() {
            progress.finish(out);
            return outcome;
        }
    }
    progress.finish(out);
    Ok(())
}

fn one_file(
    file: &Path,
    out: &mut Output,
    progress: &mut Progress,
    each: &mut impl FnMut(Row) -> Result<(), String>,
) -> Result<(), Failure> {
    let unreadable = |e: std::io::Error| Failure::new(format!("{}: cannot be read: {e}", file.display()));
    let mut reader = BufReader::new(File::open(file).map_err(unreadable)?);
    let source = file.file_stem().map_or_else(|| "-".into(), |stem| stem.to_string_lossy().into_owned());
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        let read = reader.by_ref().take(MAX_ROW_BYTES + 1).read_until(b'\n', &mut line).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        let bad = |what: String| Failure::new(format!("{}:{number}: {what}", file.display()));
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        if read > MAX_ROW_BYTES {
            return Err(bad(format!("is longer than {} MiB; split the text", MAX_ROW_BYTES >> 20)));
        }
        let text = std::str::from_utf8(&line).map_err(|_| bad("is not UTF-8".to_owned()))?;
        // A byte order mark is what some editors put in front of a file.
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.is_empty() {
            let mut row = Row::parse(text, &source).map_err(bad)?;
            row.place = format!("{}:{number}", file.display());
            if !row.flag("ambiguous").map_err(bad)? {
                each(row).map_err(bad)?;
            }
        }
        progress.advance(read, out);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_whatever_else_they_hold() {
        let row = Row::parse(r#"{"text":"a","source":null,"x":{"y":[1]},"label":1,"z":false}"#, "file").unwrap();
        assert_eq!((row.text.as_str(), row.source.as_str()), ("a", "file"));
        assert_eq!(row.truth("label"), Ok(Some(true)));
        assert_eq!((row.flag("z"), row.flag("absent")), (Ok(false), Ok(false)));
        assert_eq!(row.channel(), Ok(Part::User));
        let row = Row::parse(r#"{"text":"a","source":"s","channel":"tool_result"}"#, "file").unwrap();
        assert_eq!((row.source.as_str(), row.channel()), ("s", Ok(Part::ToolResult)));
    }

    #[test]
    fn bad_rows_say_what_and_never_the_text() {
        for (line, what) in [
            (r#"{"text":"hidden""#, "is not JSON at column 16"),
            (r#"["hidden"]"#, "is not a JSON object"),
            (r#"{"text":7}"#, "`text` is not a string"),
            (r#"{"txt":"hidden"}"#, "`text` is not a string"),
            (r#"{"text":"a","source":7}"#, "`source` is not a string"),
        ] {
            assert_eq!(Row::parse(line, "file").err().as_deref(), Some(what), "{line}");
        }
        let row = Row::parse(r#"{"text":"a","label":2,"channel":"letter"}"#, "file").unwrap();
        assert_eq!(row.truth("label"), Err("`label` is neither true nor false".to_owned()));
        assert!(row.channel().is_err());
    }
}
