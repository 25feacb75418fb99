//! Names of tenants, and for which of them a trusted app may act.

use std::sync::Arc;

/// LIMIT: 64 bytes a tenant: it stands in file names, metric labels and records.
pub const MAX_TENANT_BYTES: usize = 64;

/// True for a name that can stand in a path, a label and a file name as it is: ASCII letters, digits, `.`, `_`, `-`, not starting
/// with a dot. SECURITY: names from tokens, certificates and headers are held against it too.
#[must_use]
pub fn is_tenant_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= MAX_TENANT_BYTES && !name.starts_with('.') && name.bytes().all(plain)
}

/// The tenants for which a principal may act: names, or beginnings of names with a final `*`. Empty: none but its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tenants(Arc<[Box<str>]>);

impl Tenants {
    /// The tenants of these patterns; `None` if one of them is none.
    #[must_use]
    pub fn new(patterns: &[&str]) -> Option<Self> {
        let fine = |pattern: &&str| {
            let start = pattern.strip_suffix('*').unwrap_or(pattern);
            (start.is_empty() && *pattern == "*") || is_tenant_name(start)
        };
        patterns.iter().all(fine).then(|| Self(patterns.iter().map(|pattern| Box::from(*pattern)).collect()))
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns as written.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// True if `tenant` is among them.
    #[must_use]
    pub fn contains(&self, tenant: &str) -> bool {
        self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => tenant.starts_with(start),
            None => pattern.as_ref() == tenant,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_among_them() {
        let some = Tenants::new(&["acme", "globex-*"]).unwrap();
        for (tenant, expected) in
            [("acme", true), ("acme2", false), ("globex-eu", true), ("globex", false), ("", false)]
        {
            assert_eq!(some.contains(tenant), expected, "{tenant}");
        }
        assert!(Tenants::new(&["*"]).unwrap().contains("anyone"));
        assert!(!Tenants::default().contains("acme"));
        for wrong in ["", "a b", "a/b", ".a", "*a", "a*b", "**"] {
            assert!(Tenants::new(&[wrong]).is_none(), "{wrong}");
        }
    }
}
