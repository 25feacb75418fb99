//! From files to rule specs: reading, the top of the TOML, and every unknown key.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::errors::{Reporter, RulesetError};
use super::schema::{KEYS, RuleSpec};

/// LIMIT: bytes of one ruleset file; the shipped ones have a few dozen KiB.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// A rule and the file it came from.
#[derive(Debug, Clone)]
pub(super) struct Sourced {
    pub(super) file: String,
    pub(super) spec: RuleSpec,
}

/// The contents of `paths` (files, or folders of `*.toml`, in order of their names).
pub(super) fn read(paths: &[PathBuf], errors: &mut Vec<RulesetError>) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for path in paths {
        match expand(path) {
            Ok(found) if found.is_empty() => {
                file_error(path, "the folder holds no *.toml file", "name a folder of ruleset files", errors);
            }
            Ok(found) => files.extend(found),
            Err(e) => file_error(path, &format!("cannot be read: {e}"), "check the path and its permissions", errors),
        }
    }
    let mut texts = Vec::new();
    for path in files {
        match read_one(&path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(e) => file_error(&path, &format!("cannot be read: {e}"), "check the path and its permissions", errors),
        }
    }
    texts
}

fn expand(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_one(path: &Path) -> std::io::Result<String> {
    let len = std::fs::metadata(path)?.len();
    if len > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("{len} bytes are more than the {MAX_FILE_BYTES} allowed")));
    }
    std::fs::read_to_string(path)
}

fn file_error(path: &Path, what: &str, mend: &str, errors: &mut Vec<RulesetError>) {
    let file = path.display().to_string();
    Reporter { file: &file, rule: String::new(), errors }.report(what, mend);
}

/// Parses one file. What can be read is returned even where other rules of the file are broken.
pub(super) fn parse(file: &str, text: &str, errors: &mut Vec<RulesetError>) -> Vec<Sourced> {
    let mut top = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(e) => {
            let what = format!("is not TOML: {}", e.to_string().trim_end().replace('\n', " "));
            Reporter { file, rule: String::new(), errors }.report(what, "mend the syntax at that place");
            return Vec::new();
        }
    };
    let rules = top.remove("rule");
    for key in top.keys() {
        Reporter { file, rule: String::new(), errors }
            .report(format!("unknown key `{key}`"), "a ruleset file holds `[[rule]]` tables only");
    }
    let Some(toml::Value::Array(rules)) = rules else {
        Reporter { file, rule: String::new(), errors }.report("holds no `[[rule]]`", "add rules or remove the file");
        return Vec::new();
    };
    rules.into_iter().enumerate().filter_map(|(i, rule)| parse_rule(file, i, rule, errors)).collect()
}

fn parse_rule(file: &str, index: usize, rule: toml::Value, errors: &mut Vec<RulesetError>) -> Option<Sourced> {
    let name = rule.get("id").and_then(toml::Value::as_str).map_or_else(|| format!("#{}", index + 1), str::to_owned);
    let mut reporter = Reporter { file, rule: name, errors };
    let toml::Value::Table(mut table) = rule else {
        reporter.report("is not a table", "write rules as `[[rule]]` tables");
        return None;
    };
    let unknown: Vec<String> = table.keys().filter(|k| !KEYS.contains(&k.as_str())).cloned().collect();
    for key in unknown {
        reporter.report(format!("unknown key `{key}`"), format!("keys are: {}", KEYS.join(", ")));
        table.remove(&key);
    }
    match RuleSpec::deserialize(toml::Value::Table(table)) {
        Ok(spec) => Some(Sourced { file: file.to_owned(), spec }),
        Err(e) => {
            reporter.report(e.to_string().trim_end().replace('\n', " "), "give the key with the right type");
            None
        }
    }
}
