//! Who calls: credentials in, a [`Principal`] out. The first configured method that applies wins;
//! none applies means 401.

pub mod settings;

use std::sync::Arc;

pub use settings::{IdentitySettings, VirtualKey};

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
}
