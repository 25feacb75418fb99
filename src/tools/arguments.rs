//! The arguments of a call, as the caller's program would read them.

use serde_json::{Map, Value};

use crate::wire::json::{self, ScanError};

/// What a call brings, after redaction and restoration: the very text that would be released.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Arguments {
    /// Nothing.
    #[default]
    None,
    /// A JSON document.
    Json(String),
    /// Free text, of tools that are declared to take it.
    Text(String),
    /// Given in two places that may contradict each other.
    Twice,
}

impl Arguments {
    /// True if they say nothing: absent, blank, or an object without members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Json(text) => matches!(text.trim(), "" | "{}"),
            Self::Text(text) => text.is_empty(),
            Self::Twice => false,
        }
    }

    /// Adds what another place of the call says.
    pub fn add(&mut self, more: Self) {
        if self.is_empty() {
            *self = more;
        } else if !more.is_empty() {
            *self = Self::Twice;
        }
    }
}

/// Reads a JSON document of arguments: an absent one is an empty object.
///
/// # Errors
/// What two parsers may read differently (equal keys in one object, halves of surrogate pairs …) or no parser reads.
pub fn parse(text: &str) -> Result<Value, ScanError> {
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    json::scan(text.as_bytes(), &mut ())?;
    // What the scanner accepts, serde_json accepts too; it has just seen that no key is there twice.
    serde_json::from_str(text).map_err(|_| ScanError { kind: json::ScanErrorKind::TrailingData, offset: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_places_that_both_speak_contradict() {
        let json = |text: &str| Arguments::Json(text.to_owned());
        for (first, second, joined) in [
            (Arguments::None, json("{\"a\":1}"), json("{\"a\":1}")),
            (json("{}"), json("{\"a\":1}"), json("{\"a\":1}")),
            (json("{\"a\":1}"), json(" {} "), json("{\"a\":1}")),
            (json("{\"a\":1}"), json("{\"a\":1}"), Arguments::Twice),
            (Arguments::Twice, Arguments::None, Arguments::Twice),
        ] {
            let mut arguments = first;
            arguments.add(second);
            assert_eq!(arguments, joined);
        }
    }

    #[test]
    fn only_what_everybody_reads_the_same_way() {
        assert_eq!(parse("  ").unwrap(), serde_json::json!({}));
        assert_eq!(parse("{\"a\":1}").unwrap(), serde_json::json!({"a": 1}));
        for bad in ["{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"a\":", "{} {}", "\"\\ud800\"", "1e999", "NaN"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
