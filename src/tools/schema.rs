//! JSON Schema: compiled within a budget, checked within a budget.
//!
//! Validators spend exponential time on schemas of a kilobyte (alternatives that lead to alternatives, each taken twice). So a schema is
//! compiled only after [`plan`] has bounded its work, and an instance is checked only if the bound for this instance is within budget.

pub mod plan;

use jsonschema::paths::LocationSegment;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use plan::Plan;
pub use plan::Unfit;

/// LIMIT: work of one check, in schema nodes applied to values. A node costs some 10 to 50 ns, so this is 50 to 250 ms in the worst case,
/// off the reactor; the calls of real agents need less than 10,000.
const MAX_WORK: u64 = 5_000_000;

/// LIMIT: steps of one search by a pattern with look-around or back-references, which alone may backtrack.
const MAX_BACKTRACKING: usize = 10_000;

/// LIMIT: bytes of one compiled pattern, and of its lazy automaton.
const MAX_PATTERN_BYTES: usize = 256 << 10;

/// LIMIT: bytes of a property's name in an error.
const MAX_SHOWN_NAME: usize = 64;
/// LIMIT: digits in it: `line_2` is a name, sixteen digits are somebody's number.
const MAX_SHOWN_DIGITS: usize = 4;

/// Why arguments do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// They break a rule of the schema.
    #[error("{keyword} at {path}")]
    Invalid {
        /// The schema's keyword: `type`, `required`, `maximum` …
        keyword: String,
        /// Where in the arguments: names of properties that are plain identifiers, positions, and `*` for all else; `.` for the root.
        path: String,
    },
    /// To check them would cost more than [`MAX_WORK`].
    #[error("checking them against the schema would cost too much; send less, or simplify the schema")]
    TooCostly,
}

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    plan: Plan,
}

impl Schema {
    /// Compiles `schema`; its draft is the one that it declares, else 2020-12. Formats are checked.
    ///
    /// # Errors
    /// [`Unfit`]: it is no schema, refers to something outside itself, or could cost too much.
    pub fn compile(schema: &Value) -> Result<Self, Unfit> {
        Self::compile_as(schema, true)
    }

    /// As [`Schema::compile`]; `formats`: whether formats are checked or only noted, as drafts from 2019-09 on have it.
    ///
    /// # Errors
    /// As [`Schema::compile`].
    pub fn compile_as(schema: &Value, formats: bool) -> Result<Self, Unfit> {
        let plan = Plan::of(schema)?;
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(MAX_BACKTRACKING)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES);
        let options = jsonschema::options().offline().should_validate_formats(formats).with_pattern_options(patterns);
        // SECURITY: the validator's own message quotes the schema.
        let validator = options.build(schema).map_err(|error| Unfit::Invalid(place(error.instance_path())))?;
        Ok(Self { validator, plan })
    }

    /// Holds `arguments`, written in `bytes` bytes, against the schema.
    ///
    /// # Errors
    /// The first [`Misfit`].
    pub fn check(&self, arguments: &Value, bytes: usize) -> Result<(), Misfit> {
        if self.plan.work(arguments, bytes, MAX_WORK).is_none() {
            return Err(Misfit::TooCostly);
        }
        if self.validator.is_valid(arguments) {
            return Ok(());
        }
        // SECURITY: of the error only the keyword and the place; its message quotes the arguments.
        let error = self.validator.validate(arguments).err();
        let (keyword, path) = error
            .map_or_else(Default::default, |error| (error.kind().keyword().to_owned(), place(error.instance_path())));
        Err(Misfit::Invalid { keyword, path })
    }

    /// A bound on the work of checking a document of `bytes` bytes, in schema nodes applied to values, before it is read.
    #[must_use]
    pub fn estimate(&self, bytes: usize) -> u64 {
        self.plan.estimate(bytes)
    }
}

/// A location as it may be shown: `order.items[2].*`.
fn place(location: &jsonschema::paths::Location) -> String {
    let plain = |name: &str| {
        !name.is_empty()
            && name.len() <= MAX_SHOWN_NAME
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            && name.bytes().filter(u8::is_ascii_digit).count() <= MAX_SHOWN_DIGITS
    };
    let mut path = String::new();
    for segment in location {
        match segment {
            LocationSegment::Index(index) => path.push_str(&format!("[{index}]")),
            LocationSegment::Property(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(if plain(&name) { &name } else { "*" });
            }
        }
    }
    if path.is_empty() { ".".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_misfit_tells_the_rule_and_the_place_and_nothing_of_the_value() {
        let schema = json!({
            "type": "object", "required": ["order"], "additionalProperties": false,
            "properties": {
                "order": {"type": "string", "pattern": "^A-[0-9]+$"},
                "amount": {"type": "number", "minimum": 0, "maximum": 100},
                "items": {"type": "array", "items": {"type": "object", "properties": {"sku 4111": {"type": "string"}}}},
                "mail": {"type": "string", "format": "email"},
            },
        });
        let schema = Schema::compile(&schema).unwrap();
        for (arguments, misfit) in [
            (json!({"order": "A-1"}), ""),
            (json!({"order": "planted"}), "pattern at order"),
            (json!({}), "required at ."),
            (json!({"order": "A-1", "planted": 1}), "additionalProperties at ."),
            (json!({"order": "A-1", "amount": 100.5}), "maximum at amount"),
            (json!({"order": "A-1", "amount": "1"}), "type at amount"),
            (json!({"order": "A-1", "items": [{}, {"sku 4111": 1}]}), "type at items[1].*"),
            (json!({"order": "A-1", "mail": "planted"}), "format at mail"),
            (json!("planted"), "type at ."),
        ] {
            let found = schema.check(&arguments, 100).err().map_or_else(String::new, |misfit| misfit.to_string());
            assert_eq!(found, misfit, "{arguments}");
        }
    }

    #[test]
    fn what_is_no_schema_or_leads_outside_is_unfit() {
        for (schema, unfit) in [
            (json!({"type": "strnig"}), Unfit::Invalid("type".to_owned())),
            (json!({"properties": {"a": {"pattern": "("}}}), Unfit::Invalid("properties.a.pattern".to_owned())),
            (json!({"$ref": "https://example.com/schema.json"}), Unfit::Reference),
            (json!({"$ref": "file:///etc/passwd"}), Unfit::Reference),
            (json!({"$ref": "#"}), Unfit::Endless),
            (json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#"}]}}}), Unfit::Endless),
        ] {
            assert_eq!(Schema::compile(&schema).err(), Some(unfit), "{schema}");
        }
    }
}
