//! What `[tools]` and `[policy]` resolve to.

use std::path::PathBuf;
use std::sync::Arc;

use crate::policy::Profile;
use crate::policy::approvals::ApprovalSettings;
use crate::policy::cedar::Policies;
use crate::tools::registry::Registry;

/// What is done about tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Check {
    /// Calls are neither read as calls nor judged.
    Off,
    /// They are judged, and what would be denied is recorded.
    Observe,
    /// What is denied does not leave.
    #[default]
    Enforce,
}

/// Whose definitions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// The request's own; an approved tool of the same name adds its tags and its schema.
    #[default]
    Declared,
    /// Only approved tools may be declared; both schemas hold.
    Registry,
    /// As `Registry`, and description and schema must be the approved ones.
    Pin,
}

/// What becomes of what is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rejection {
    /// The exchange is refused.
    #[default]
    Refuse,
    /// It is taken out, and the exchange goes on.
    Remove,
}

/// What is done about arguments that come from untrusted text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Provenance {
    /// Calls of tools that do more than read are denied if an injection was found in that text; policies may deny more.
    #[default]
    Deny,
    /// Policies alone decide.
    Policy,
    /// Nothing is traced.
    Off,
}

/// `[tools]` and `[policy]`.
#[derive(Debug, Clone, Default)]
pub struct ToolSettings {
    /// What is done about tool calls.
    pub check: Check,
    /// Whose definitions count.
    pub mode: Mode,
    /// Tools that the caller may not use, in a request.
    pub offered: Rejection,
    /// Calls that are denied, in a response.
    pub denied: Rejection,
    /// Arguments that come from untrusted text.
    pub provenance: Provenance,
    /// Where the approved tools were read.
    pub registry_path: Option<PathBuf>,
    /// The approved tools.
    pub registry: Option<Arc<Registry>>,
    /// Where the policies were read.
    pub policy_path: Option<PathBuf>,
    /// The policies; with some, everything that none permits is denied.
    pub policies: Option<Arc<Policies>>,
    /// How a call gets the approval that policy requires; `None`: not at all.
    pub approvals: Option<ApprovalSettings>,
}

impl Check {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] =
        [("off", Self::Off), ("observe", Self::Observe), ("enforce", Self::Enforce)];

    /// What a profile does where the configuration is silent.
    #[must_use]
    pub const fn of(profile: Profile) -> Self {
        match profile {
            Profile::Observe => Self::Observe,
            Profile::Balanced | Profile::Strict => Self::Enforce,
        }
    }
}

impl Mode {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] =
        [("declared", Self::Declared), ("registry", Self::Registry), ("pin", Self::Pin)];
}

impl Rejection {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("refuse", Self::Refuse), ("remove", Self::Remove)];
}

impl Provenance {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] = [("deny", Self::Deny), ("policy", Self::Policy), ("off", Self::Off)];
}

/// The word for a value.
#[must_use]
pub fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, known)| known == value).map_or("", |(word, _)| word)
}
