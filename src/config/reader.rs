//! Typed reading of TOML that never stops at the first error.
//!
//! serde reports one error and stops; a person who mends a file wants all of them. So the document is parsed once into values
//! with spans, and every section takes its keys by name: what is missing, of the wrong type, out of range or unknown becomes a
//! [`Problem`], and reading goes on with a stand-in that never leaves this room (any problem refuses the whole file).

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::config::problem::Problem;
use crate::config::settings::MAX_TIMEOUT;

/// What is read besides the file, and what was found wrong so far.
pub(super) struct Reading<'t> {
    text: &'t str,
    base: &'t Path,
    env: &'t dyn Fn(&str) -> Option<String>,
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

/// A place in the file.
#[derive(Debug, Clone)]
pub(super) struct At {
    path: String,
    offset: Option<usize>,
}

impl At {
    /// A byte of the file that belongs to no key.
    pub(super) const fn offset(offset: Option<usize>) -> Self {
        Self { path: String::new(), offset }
    }

    /// A key that is absent but matters.
    pub(super) fn absent(key: &str) -> Self {
        Self { path: key.to_owned(), offset: None }
    }
}

impl<'t> Reading<'t> {
    pub(super) fn new(text: &'t str, base: &'t Path, env: &'t dyn Fn(&str) -> Option<String>) -> Self {
        Self { text, base, env, errors: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn error(&mut self, at: &At, what: impl Display, mend: impl Display) {
        let problem = self.problem(at, &what, &mend);
        self.errors.push(problem);
    }

    pub(super) fn warn(&mut self, at: &At, what: impl Display, mend: impl Display) {
        let problem = self.problem(at, &what, &mend);
        self.warnings.push(problem);
    }

    /// A path of the file, seen from the file's folder.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    pub(super) fn env(&self, name: &str) -> Option<String> {
        (self.env)(name)
    }

    fn problem(&self, at: &At, what: &dyn Display, mend: &dyn Display) -> Problem {
        let before = at.offset.and_then(|offset| self.text.as_bytes().get(..offset));
        let line = before.map(|before| 1 + before.iter().filter(|&&byte| byte == b'\n').count());
        Problem { line, path: at.path.clone(), what: what.to_string(), mend: mend.to_string() }
    }
}

/// A table whose keys are taken one by one; [`Table::finish`] reports those that nobody took.
pub(super) struct Table<'d> {
    pub(super) at: At,
    table: &'d DeTable<'d>,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    pub(super) fn root(table: &'d DeTable<'d>) -> Self {
        Self { at: At::offset(None), table, known: Vec::new() }
    }

    /// The value of `key`, if it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node<'d>> {
        self.known.push(key);
        let value = self.table.get(key)?;
        Some(Node { at: At { path: self.path_of(key), offset: Some(value.span().start) }, value: value.get_ref() })
    }

    /// The value of `key`, which must be there; `mend` says what to write.
    pub(super) fn need(&mut self, key: &'static str, reading: &mut Reading<'_>, mend: &str) -> Option<Node<'d>> {
        let node = self.take(key);
        if node.is_none() {
            let at = At { path: self.path_of(key), offset: self.at.offset };
            reading.error(&at, "is missing", mend);
        }
        node
    }

    /// The table under `key`, if it is there.
    pub(super) fn section(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<Table<'d>> {
        self.take(key)?.table(reading)
    }

    /// The tables of the array under `key`.
    pub(super) fn sections(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Vec<Table<'d>> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let nodes = node.array(reading, &format!("write [[{}]] above each entry", node.at.path));
        nodes.into_iter().filter_map(|node| node.table(reading)).collect()
    }

    /// Reports every key that was never asked for.
    pub(super) fn finish(self, reading: &mut Reading<'_>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !self.known.contains(&name) {
                let at = At { path: self.path_of(&printable(name)), offset: Some(key.span().start) };
                reading.error(
                    &at,
                    "is not a key that Sidewall knows",
                    format!("known here: {}", self.known.join(", ")),
                );
            }
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.at.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at.path) }
    }
}

/// LIMIT: 40 bytes of an unknown key are repeated; a longer one is not a slip of the pen.
const MAX_SHOWN_KEY: usize = 40;

/// An unknown key as it may be shown: a key is a name, but somebody may have pasted anything.
fn printable(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.len() <= MAX_SHOWN_KEY && key.bytes().all(plain) {
        key.to_owned()
    } else {
        "?".to_owned()
    }
}

/// A value and its place.
pub(super) struct Node<'d> {
    pub(super) at: At,
    value: &'d DeValue<'d>,
}

impl<'d> Node<'d> {
    pub(super) fn string(&self, reading: &mut Reading<'_>) -> Option<&'d str> {
        let found = self.value.as_str();
        if found.is_none() {
            self.mistyped(reading, "a string", "put it in quotation marks");
        }
        found
    }

    pub(super) fn boolean(&self, reading: &mut Reading<'_>) -> Option<bool> {
        let found = self.value.as_bool();
        if found.is_none() {
            self.mistyped(reading, "true or false", "write true or false, without quotation marks");
        }
        found
    }

    pub(super) fn integer(&self, reading: &mut Reading<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        let (low, high) = (range.start(), range.end());
        let Some(number) = self.value.as_integer() else {
            self.mistyped(reading, "a whole number", &format!("write a number from {low} to {high}"));
            return None;
        };
        let found = u64::from_str_radix(number.as_str(), number.radix()).ok().filter(|found| range.contains(found));
        if found.is_none() {
            reading.error(&self.at, "is out of range", format!("write a number from {low} to {high}"));
        }
        found
    }

    /// One of the words of `table`, which is all that a person may write.
    pub(super) fn word<T: Copy>(&self, reading: &mut Reading<'_>, table: &[(&str, T)]) -> Option<T> {
        let word = self.string(reading)?;
        let found = table.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
            reading.error(&self.at, "is not one of the known words", format!("write one of: {}", names.join(", ")));
        }
        found
    }

    /// Whole seconds, or a string of a number and `ms`, `s`, `m` or `h`; over zero and at most [`MAX_TIMEOUT`].
    pub(super) fn duration(&self, reading: &mut Reading<'_>) -> Option<Duration> {
        const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
        let found = match self.value {
            DeValue::String(text) => in_units(text, &UNITS).map(Duration::from_millis),
            DeValue::Integer(_) => return self.integer(reading, 1..=MAX_TIMEOUT.as_secs()).map(Duration::from_secs),
            _ => None,
        };
        let found = found.filter(|found| !found.is_zero() && *found <= MAX_TIMEOUT);
        if found.is_none() {
            let mend = "write seconds as a number, or a text such as \"500ms\", \"30s\", \"5m\", \"1h\"; over zero, at most 24h";
            reading.error(&self.at, "is not a length of time", mend);
        }
        found
    }

    /// Bytes as a number, or a string of a number and `KiB`, `MiB` or `GiB`.
    pub(super) fn bytes(&self, reading: &mut Reading<'_>, range: RangeInclusive<u64>) -> Option<usize> {
        const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        let found = match self.value {
            DeValue::String(text) => in_units(text, &UNITS).filter(|found| range.contains(found)),
            DeValue::Integer(_) => self.integer(reading, range.clone()),
            _ => None,
        };
        if found.is_none() && !matches!(self.value, DeValue::Integer(_)) {
            let mend = format!(
                "write bytes as a number, or a text such as \"32MiB\"; from {} to {}",
                range.start(),
                range.end()
            );
            reading.error(&self.at, "is not a number of bytes in range", mend);
        }
        found.and_then(|found| usize::try_from(found).ok())
    }

    /// The elements of an array; none, after a report, if it is something else.
    pub(super) fn array(&self, reading: &mut Reading<'_>, mend: &str) -> Vec<Node<'d>> {
        let Some(array) = self.value.as_array() else {
            self.mistyped(reading, "a list", mend);
            return Vec::new();
        };
        let nodes = array.iter().enumerate().map(|(index, value)| Node {
            at: At { path: format!("{}[{index}]", self.at.path), offset: Some(value.span().start) },
            value: value.get_ref(),
        });
        nodes.collect()
    }

    /// The elements of a list that may not be empty.
    pub(super) fn filled_array(&self, reading: &mut Reading<'_>, mend: &str) -> Vec<Node<'d>> {
        if self.value.as_array().is_some_and(|array| array.is_empty()) {
            reading.error(&self.at, "is empty", mend);
        }
        self.array(reading, mend)
    }

    pub(super) fn table(&self, reading: &mut Reading<'_>) -> Option<Table<'d>> {
        let Some(table) = self.value.as_table() else {
            self.mistyped(reading, "a table", &format!("write [{}] and its keys below", self.at.path));
            return None;
        };
        Some(Table { at: self.at.clone(), table, known: Vec::new() })
    }

    /// A date-time without quotation marks, or a string, as text.
    pub(super) fn date_text(&self, reading: &mut Reading<'_>) -> Option<String> {
        match self.value.as_datetime() {
            Some(date) => Some(date.to_string()),
            None => self.string(reading).map(str::to_owned),
        }
    }

    /// True if it is a string.
    pub(super) fn is_string(&self) -> bool {
        self.value.as_str().is_some()
    }

    /// True if it is the string `*`.
    pub(super) fn is_star(&self) -> bool {
        self.value.as_str() == Some("*")
    }

    fn mistyped(&self, reading: &mut Reading<'_>, wanted: &str, mend: &str) {
        reading.error(&self.at, format!("is {}, not {wanted}", kind_of(self.value)), mend);
    }
}

/// The type of a value as a person would say it.
fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A number directly followed by one of `units`, in the base unit.
fn in_units(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    units.iter().find_map(|(unit, factor)| {
        let digits = text.strip_suffix(unit)?.trim_end();
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| plain)?.checked_mul(*factor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(text: &str, read: impl Fn(&Node<'_>, &mut Reading<'_>) -> Option<T>) -> Option<T> {
        let document = DeTable::parse(text).unwrap();
        let mut reading = Reading::new(text, Path::new("/base"), &|_| None);
        let node = Table::root(document.get_ref()).take("x").unwrap();
        let found = read(&node, &mut reading);
        assert_eq!(found.is_none(), reading.errors.len() == 1, "{text}: {:?}", reading.errors);
        found
    }

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("x = 30", Some(30_000)),
            ("x = \"30s\"", Some(30_000)),
            ("x = \"30 s\"", Some(30_000)),
            ("x = \"250ms\"", Some(250)),
            ("x = \"2m\"", Some(120_000)),
            ("x = \"24h\"", Some(86_400_000)),
            ("x = \"25h\"", None),
            ("x = 0", None),
            ("x = \"0s\"", None),
            ("x = -1", None),
            ("x = \"-1s\"", None),
            ("x = \"+1s\"", None),
            ("x = \"s\"", None),
            ("x = \"30\"", None),
            ("x = 1.5", None),
            ("x = \"99999999999999999999h\"", None),
            ("x = [1]", None),
        ] {
            let found = read(text, |node, reading| node.duration(reading));
            assert_eq!(found.map(|found| found.as_millis()), milliseconds, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("x = 1024", Some(1024)),
            ("x = 0x400", Some(1024)),
            ("x = \"1KiB\"", Some(1024)),
            ("x = \"3 MiB\"", Some(3 << 20)),
            ("x = \"1GiB\"", Some(1 << 30)),
            ("x = \"2GiB\"", None),
            ("x = 0", None),
            ("x = \"1MB\"", None),
            ("x = true", None),
        ] {
            assert_eq!(read(text, |node, reading| node.bytes(reading, 1..=1 << 30)), bytes, "{text}");
        }
    }

    #[test]
    fn problems_say_the_line_and_the_path() {
        let text = "a = 1\n\n[s]\nfirst = true\nnope = 2\n";
        let document = DeTable::parse(text).unwrap();
        let mut reading = Reading::new(text, Path::new("/base"), &|_| None);
        let mut root = Table::root(document.get_ref());
        let mut section = root.section("s", &mut reading).unwrap();
        section.take("first").unwrap().string(&mut reading);
        section.need("second", &mut reading, "write it");
        section.finish(&mut reading);
        root.finish(&mut reading);
        let found: Vec<_> = reading.errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "line 4: s.first: is true or false, not a string; put it in quotation marks",
                "line 3: s.second: is missing; write it",
                "line 5: s.nope: is not a key that Sidewall knows; known here: first, second",
                "line 1: a: is not a key that Sidewall knows; known here: s",
            ]
        );
    }

    #[test]
    fn unknown_keys_that_look_like_pasted_text_are_not_repeated() {
        assert_eq!(printable("listne"), "listne");
        assert_eq!(printable("sk live"), "?");
        assert_eq!(printable(&"k".repeat(MAX_SHOWN_KEY + 1)), "?");
    }
}
