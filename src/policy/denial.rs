//! Why a tool, a call or a model is not let through.

use std::sync::Arc;

use crate::policy::approvals::Ticket;
use crate::tools::provenance::Taint;

/// The class of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenialKind {
    /// No tool of exactly this name is declared.
    Unknown,
    /// The arguments are no document that everybody reads the same way, or do not fit the schema.
    Arguments,
    /// The tool's definition cannot be used, or is not the approved one.
    Definition,
    /// The tool is not approved.
    Unregistered,
    /// An argument repeats a text in which an injection was found.
    Tainted,
    /// Policy does not permit it.
    Forbidden,
    /// Policy permits it only with something that is not there.
    Obligation,
    /// Policy permits it with an approval, for which nobody has decided yet.
    Approval,
    /// Policy does not permit this model, or so many tokens.
    Model,
}

impl DenialKind {
    /// The rule's id in refusals, records and metrics.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Unknown => "tool.unknown",
            Self::Arguments => "tool.arguments",
            Self::Definition => "tool.definition",
            Self::Unregistered => "tool.unregistered",
            Self::Tainted => "tool.tainted",
            Self::Forbidden => "tool.forbidden",
            Self::Obligation => "tool.obligation",
            Self::Approval => "tool.approval",
            Self::Model => "model.forbidden",
        }
    }
}

/// A denial and what decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub kind: DenialKind,
    /// More, of our own making: the schema's keyword, the place, ids of policies.
    pub detail: String,
    /// The tool, where a definition was denied.
    pub tool: Option<String>,
    /// Ids of the policies that decided.
    pub policies: Vec<Arc<str>>,
    /// Where the arguments come from, if from an untrusted text.
    pub taint: Option<Taint>,
    /// The request for an approval that it is about.
    pub sought: Option<Box<Sought>>,
}

/// A request for an approval, as a denial names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Its id.
    pub id: Arc<str>,
    /// What the caller gets of it, while it is open.
    pub ticket: Option<Ticket>,
}

impl Denial {
    pub(crate) fn new(kind: DenialKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail, tool: None, policies: Vec::new(), taint: None, sought: None }
    }

    pub(crate) fn of(self, tool: &str) -> Self {
        Self { tool: Some(tool.to_owned()), ..self }
    }

    pub(crate) fn with(self, policies: Vec<Arc<str>>, taint: Option<Taint>) -> Self {
        Self { policies, taint, ..self }
    }
}
