//! A caller whose identity has been established, and what its credential says of it beside the name.

use std::collections::BTreeMap;
use std::sync::Arc;

/// LIMIT: 128 bytes a principal, role or scope: they stand in every record.
pub const MAX_NAME_BYTES: usize = 128;

/// A caller whose identity has been established.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Unit of isolation and of keys.
    pub tenant: Arc<str>,
    /// The app or person.
    pub name: Arc<str>,
    /// Roles, for policy.
    pub roles: Arc<[Arc<str>]>,
    /// Scopes, for policy.
    pub scopes: Arc<[Arc<str>]>,
    /// What the verified token says of how the caller signed in, for policy; empty for callers without a token.
    pub claims: Claims,
}

/// Claims of a verified token that were kept for policy (`acr`, `amr`, `auth_time` … as `identity.jwt.claims` says), by name and in
/// the order of names. Cheap to clone; bounded in number and size by the token's own limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims(Arc<BTreeMap<Box<str>, Claim>>);

/// The value of a kept claim, in the forms that a policy language has as well: Cedar's String, Long, Bool and Set of String.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// A JSON string, as in `acr` (OpenID Connect Core 1.0, section 2).
    Text(Box<str>),
    /// A JSON number without a fraction, as in `auth_time`: seconds since 1970.
    Number(i64),
    /// `true` or `false`, as in `email_verified`.
    Flag(bool),
    /// A JSON array of strings, as in `amr` (RFC 8176), in the token's order.
    List(Box<[Box<str>]>),
}

impl Claims {
    /// The value of the claim called `name`, if the token had one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Claim> {
        self.0.get(name)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Claim)> {
        self.0.iter().map(|(name, claim)| (name.as_ref(), claim))
    }
}

impl FromIterator<(Box<str>, Claim)> for Claims {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Claim)>>(claims: I) -> Self {
        Self(Arc::new(claims.into_iter().collect()))
    }
}
