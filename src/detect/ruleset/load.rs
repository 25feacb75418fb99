//! From files to specs of rules and allow-list entries: reading, the top of the TOML, every unknown key, and the lines where
//! everything stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::allow::{self, AllowSpec};
use super::errors::{Lines, Reporter, RulesetError};
use super::phrase;
use super::schema::{KEYS, RuleSpec};

/// LIMIT: bytes of one ruleset file; the shipped ones have a few dozen KiB.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// A table of a ruleset file and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Sourced<T = RuleSpec> {
    pub(super) file: String,
    pub(super) lines: Lines,
    pub(super) spec: T,
}

/// Everything that ruleset files say.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) rules: Vec<Sourced>,
    pub(super) allows: Vec<Sourced<AllowSpec>>,
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
    for (path, name) in files {
        match read_one(&path) {
            Ok(text) => texts.push((name, text)),
            Err(e) => file_error(&path, &format!("cannot be read: {e}"), "check the path and its permissions", errors),
        }
    }
    texts
}

/// The files of a path, each with the name by which errors call it.
fn expand(path: &Path) -> std::io::Result<Vec<(PathBuf, String)>> {
    // INVARIANT: a symbolic link that is swapped meanwhile (a promotion, a ConfigMap) cannot mix the files of two versions:
    // it is followed once, here.
    let real = std::fs::canonicalize(path)?;
    if !real.is_dir() {
        return Ok(vec![(real, path.display().to_string())]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&real)? {
        let file = entry?.path();
        if file.extension().is_some_and(|e| e == "toml") {
            let name = path.join(file.file_name().unwrap_or_default()).display().to_string();
            files.push((file, name));
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
    Reporter { file: &file, rule: String::new(), lines: &Lines::default(), errors }.report(what, mend);
}

/// Parses one file into `loaded`. What can be read is taken even where other tables of the file are broken.
pub(super) fn parse(file: &str, text: &str, loaded: &mut Loaded, errors: &mut Vec<RulesetError>) {
    let places = Places::of(text);
    let (document, mistakes) = DeTable::parse_recoverable(text);
    for mistake in &mistakes {
        let lines = Lines { table: mistake.span().map(|span| places.line(span.start)), keys: Vec::new() };
        let mut reporter = Reporter { file, rule: String::new(), lines: &lines, errors };
        reporter.report(format!("is not TOML: {}", mistake.message()), "mend the syntax at that place");
    }
    if !mistakes.is_empty() {
        // What the parser guessed behind a syntax error would only raise false alarms.
        return;
    }
    let mut any = false;
    let first = loaded.rules.len();
    let mut classes = phrase::Classes::new();
    for (key, value) in document.into_inner() {
        match key.get_ref().as_ref() {
            "rule" => {
                any = true;
                Tables { file, places: &places, keys: &KEYS, errors }.parse("rule", value, &mut loaded.rules);
            }
            "allow" => {
                any = true;
                Tables { file, places: &places, keys: &allow::KEYS, errors }.parse("allow", value, &mut loaded.allows);
            }
            "class" => {
                let lines = Lines { table: Some(places.line(key.span().start)), keys: Vec::new() };
                match BTreeMap::<String, BTreeMap<String, Vec<String>>>::deserialize(ValueDeserializer::from(value)) {
                    Ok(found) => {
                        classes = found.into_iter().map(|(n, l)| (n, l.into_values().flatten().collect())).collect();
                    }
                    Err(e) => Reporter { file, rule: String::new(), lines: &lines, errors }
                        .report(e.message().to_owned(), "write `[class.NAME]` with a list of words for each language"),
                }
            }
            unknown => {
                let lines = Lines { table: Some(places.line(key.span().start)), keys: Vec::new() };
                let mut reporter = Reporter { file, rule: String::new(), lines: &lines, errors };
                let mend = "a ruleset file holds `[[rule]]`, `[[allow]]` and `[class.NAME]` tables only";
                reporter.report(format!("unknown key `{unknown}`"), mend);
            }
        }
    }
    for rule in loaded.rules.iter_mut().skip(first) {
        let named = rule.spec.phrase.iter().chain(rule.spec.unless.keys());
        rule.spec.classes =
            named.filter_map(|name| classes.get_key_value(name)).map(|(n, w)| (n.clone(), w.clone())).collect();
    }
    if !any {
        let mut reporter = Reporter { file, rule: String::new(), lines: &Lines::default(), errors };
        reporter.report("holds no `[[rule]]`", "add rules or remove the file");
    }
}

/// Reads the tables of one array of a file.
struct Tables<'a> {
    file: &'a str,
    places: &'a Places,
    keys: &'a [&'static str],
    errors: &'a mut Vec<RulesetError>,
}

impl Tables<'_> {
    fn parse<T: DeserializeOwned>(&mut self, name: &str, value: Spanned<DeValue<'_>>, out: &mut Vec<Sourced<T>>) {
        let lines = Lines { table: Some(self.places.line(value.span().start)), keys: Vec::new() };
        let DeValue::Array(tables) = value.into_inner() else {
            let mut reporter = Reporter { file: self.file, rule: String::new(), lines: &lines, errors: self.errors };
            reporter.report(format!("`{name}` is not a list of tables"), format!("write `[[{name}]]` above each"));
            return;
        };
        let tables = tables.into_iter().enumerate();
        out.extend(tables.filter_map(|(index, table)| self.one(index, table)));
    }

    fn one<T: DeserializeOwned>(&mut self, index: usize, value: Spanned<DeValue<'_>>) -> Option<Sourced<T>> {
        let id = value.get_ref().get("id").and_then(|id| id.get_ref().as_str());
        let rule = id.map_or_else(|| format!("#{}", index + 1), str::to_owned);
        let span = value.span();
        let mut lines = Lines { table: Some(self.places.line(span.start)), keys: Vec::new() };
        let DeValue::Table(table) = value.into_inner() else {
            let mut reporter = Reporter { file: self.file, rule, lines: &lines, errors: self.errors };
            reporter.report("is not a table", "write it as a table of its own");
            return None;
        };
        lines.keys = table.keys().map(|key| (key.get_ref().to_string(), self.places.line(key.span().start))).collect();
        let mut reporter = Reporter { file: self.file, rule, lines: &lines, errors: self.errors };
        let known = |key: &str| self.keys.contains(&key);
        for (key, _) in lines.keys.iter().filter(|(key, _)| !known(key)) {
            reporter.report_at(key, format!("unknown key `{key}`"), format!("keys are: {}", self.keys.join(", ")));
        }
        let table = table.into_iter().filter(|(key, _)| known(key.get_ref())).collect();
        match T::deserialize(ValueDeserializer::from(Spanned::new(span, DeValue::Table(table)))) {
            Ok(spec) => Some(Sourced { file: self.file.to_owned(), lines, spec }),
            Err(e) => {
                // The narrowest place that the deserializer knows; it quotes the file's own text only.
                let line = e.span().map(|span| self.places.line(span.start));
                let at = Lines { table: line.or(lines.table), keys: Vec::new() };
                let mut reporter = Reporter { lines: &at, ..reporter };
                reporter.report(e.message().trim_end().replace('\n', " "), "give the key with the right type");
                None
            }
        }
    }
}

/// Where lines begin in a text.
struct Places(Vec<usize>);

impl Places {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1).collect())
    }

    /// The line, from 1, of a byte offset.
    fn line(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|start| *start <= offset)
    }
}
