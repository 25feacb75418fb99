//! Which kinds of findings stand for which types of labels: `rulesets/eval/types.toml`, and the rule that a kind
//! `pii.abc_def` without a row stands for the type `ABC_DEF`.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::cli::Failure;
use crate::policy::Glob;

const TABLE: &str = include_str!("../../../rulesets/eval/types.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    r#type: Vec<RowSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowSpec {
    names: Vec<String>,
    kinds: Vec<String>,
}

/// The table.
pub(super) struct Types {
    rows: Vec<(Vec<String>, Vec<Glob>)>,
}

impl Types {
    /// The table that the program carries.
    ///
    /// # Errors
    /// A defect of the program; its tests look for it.
    pub(super) fn embedded() -> Result<Self, Failure> {
        Self::parse(TABLE).map_err(|what| Failure::new(format!("rulesets/eval/types.toml: {what}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut rows = Vec::new();
        for row in file.r#type {
            let globs: Option<Vec<Glob>> = row.kinds.iter().map(|kind| Glob::new(kind)).collect();
            let globs = globs.ok_or_else(|| format!("a kind of {} is no pattern", row.names.join(", ")))?;
            if row.names.is_empty() || globs.is_empty() {
                return Err("a row has no names or no kinds".to_owned());
            }
            rows.push((row.names, globs));
        }
        Ok(Self { rows })
    }

    /// Whether a finding of `kind` is what a label of type `name` marks.
    pub(super) fn agree(&self, name: &str, kind: &str) -> bool {
        let mut named = self.rows.iter().filter(|(names, _)| names.iter().any(|n| n == name)).peekable();
        match named.peek() {
            Some(_) => named.any(|(_, kinds)| kinds.iter().any(|glob| glob.matches(kind))),
            None => own_name(kind).is_some_and(|own| own == name),
        }
    }

    /// The type that a finding of `kind` counts against where no label fits it, given the types that its source uses. `None`:
    /// the kind is no type of personal data (an injection, say).
    pub(super) fn charged(&self, kind: &str, used: &BTreeSet<String>) -> Option<String> {
        let rows = || self.rows.iter().filter(|(_, kinds)| kinds.iter().any(|glob| glob.matches(kind)));
        let names = || rows().flat_map(|(names, _)| names);
        let own = own_name(kind);
        let used = names().chain(&own).find(|name| used.contains(*name));
        used.or_else(|| names().next()).cloned().or(own)
    }
}

/// `pii.abc_def` → `ABC_DEF`.
fn own_name(kind: &str) -> Option<String> {
    kind.strip_prefix("pii.").map(str::to_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_types_agree_by_the_table_or_by_name() {
        let types = Types::embedded().unwrap();
        for (name, kind, expected) in [
            ("EMAIL_ADDRESS", "pii.email", true),
            ("EMAIL_ADDRESS", "pii.phone", false),
            ("DE_IBAN", "pii.iban", true),
            ("CREDIT_CARD", "pci.pan", true),
            ("FR_NIR", "pii.national_id.fr_nir", true),
            ("FR_NIR", "pii.national_id.other", true),
            ("FR_NIR", "pii.tax_id.fr_siren", false),
            ("XY_ABC", "pii.xy_abc", true),
            ("XY_ABC", "pii.xy_def", false),
            ("PERSON", "injection.override", false),
            ("NO_SUCH_TYPE", "pii.email", false),
        ] {
            assert_eq!(types.agree(name, kind), expected, "{name} {kind}");
        }
    }

    #[test]
    fn stray_findings_count_against_the_name_that_the_source_uses() {
        let types = Types::embedded().unwrap();
        let used = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        assert_eq!(types.charged("pii.iban", &used(&["IBAN"])).as_deref(), Some("IBAN"));
        assert_eq!(types.charged("pii.iban", &used(&["PERSON"])).as_deref(), Some("IBAN_CODE"));
        assert_eq!(types.charged("pii.fr_nir", &used(&[])).as_deref(), Some("FR_NIR"));
        assert_eq!(types.charged("injection.override", &used(&[])), None);
    }

    #[test]
    fn a_broken_table_is_an_error() {
        assert!(Types::parse("[[type]]\nnames = []\nkinds = [\"a.b\"]").is_err());
        assert!(Types::parse("[[type]]\nnames = [\"A\"]").is_err());
    }
}
