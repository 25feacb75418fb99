//! The rulesets that the program carries.

/// File name and content, in the order in which they are loaded.
pub(super) const FILES: [(&str, &str); 17] = [
    ("pii.toml", include_str!("../../../rulesets/pii.toml")),
    ("national-europe.toml", include_str!("../../../rulesets/national-europe.toml")),
    ("national-americas.toml", include_str!("../../../rulesets/national-americas.toml")),
    ("national-asia-africa-oceania.toml", include_str!("../../../rulesets/national-asia-africa-oceania.toml")),
    ("finance-devices.toml", include_str!("../../../rulesets/finance-devices.toml")),
    ("persons.toml", include_str!("../../../rulesets/persons.toml")),
    ("documents.toml", include_str!("../../../rulesets/documents.toml")),
    ("pci.toml", include_str!("../../../rulesets/pci.toml")),
    ("secrets.toml", include_str!("../../../rulesets/secrets.toml")),
    ("secrets-generic.toml", include_str!("../../../rulesets/secrets-generic.toml")),
    ("secrets-cloud.toml", include_str!("../../../rulesets/secrets-cloud.toml")),
    ("secrets-code.toml", include_str!("../../../rulesets/secrets-code.toml")),
    ("secrets-ai.toml", include_str!("../../../rulesets/secrets-ai.toml")),
    ("secrets-money.toml", include_str!("../../../rulesets/secrets-money.toml")),
    ("secrets-talk.toml", include_str!("../../../rulesets/secrets-talk.toml")),
    ("secrets-ops.toml", include_str!("../../../rulesets/secrets-ops.toml")),
    ("injection.toml", include_str!("../../../rulesets/injection.toml")),
];
