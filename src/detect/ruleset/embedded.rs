//! The rulesets that the program carries.

/// File name and content, in the order in which they are loaded.
pub(super) const FILES: [(&str, &str); 4] = [
    ("pii.toml", include_str!("../../../rulesets/pii.toml")),
    ("pci.toml", include_str!("../../../rulesets/pci.toml")),
    ("secrets.toml", include_str!("../../../rulesets/secrets.toml")),
    ("injection.toml", include_str!("../../../rulesets/injection.toml")),
];
