//! Configuration: what the file says → what the program uses, all errors at once.

pub mod address;
pub mod settings;

pub use settings::{
    AuditContent, AuditSettings, BaseUrl, Credential, Durability, IdentitySettings, Listen, RedactionKey,
    RedactionSettings, RulesetSettings, Scheme, SecretSource, ServerSettings, UnknownEndpoint, UpstreamSettings,
};
