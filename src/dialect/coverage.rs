//! What is read and what is not, field by field: made from the tables that the engine itself walks.

use crate::dialect::registry::{Endpoint, Table, endpoints};
use crate::dialect::table::{Class, When, Who};
use crate::dialect::trie::Entry;
use crate::text::Phase;

/// One field of one endpoint.
#[derive(Debug, Clone)]
pub struct Field {
    /// The endpoint.
    pub endpoint: &'static Endpoint,
    /// Which way.
    pub phase: Phase,
    /// True for events of streams.
    pub stream: bool,
    /// Its path: `[]` for elements, `*` for any key.
    pub path: String,
    /// For objects and events of these types alone; empty: for all.
    pub when: String,
    /// How it is treated.
    pub treatment: Treatment,
    /// Who speaks in it, or why it is not read.
    pub detail: &'static str,
    /// True if it repeats what the stream has told.
    pub copy: bool,
}

/// How a field is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Read, and edited or refused as guardrails say.
    Inspected,
    /// Read, and never edited: the provider has signed it.
    Signed,
    /// Not read if it looks as it should, else inspected; the detail says why.
    Opaque,
    /// Taken away when the text beside it is edited.
    Blanked,
    /// Refused, unless the configuration allows it.
    Gated,
    /// Always refused.
    Refused,
}

impl Treatment {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inspected => "inspected",
            Self::Signed => "inspected, never edited",
            Self::Opaque => "opaque",
            Self::Blanked => "blanked with its source",
            Self::Gated => "refused unless allowed",
            Self::Refused => "refused",
        }
    }
}

/// Every field that a table lists. Every other string, key and number is inspected as unlisted.
#[must_use]
pub fn fields() -> Vec<Field> {
    let mut all = Vec::new();
    for endpoint in endpoints() {
        for (table, phase, stream) in [
            (endpoint.request(), Phase::Request, false),
            (endpoint.response(), Phase::Response, false),
            (endpoint.stream(), Phase::Response, true),
        ] {
            list(endpoint, table, phase, stream, &mut all);
        }
        all.extend(endpoint.media.iter().map(|kind| Field {
            endpoint,
            phase: Phase::Response,
            stream: false,
            path: String::new(),
            when: (*kind).to_owned(),
            treatment: Treatment::Opaque,
            detail: "media",
            copy: false,
        }));
    }
    all
}

fn list(endpoint: &'static Endpoint, table: Table, phase: Phase, stream: bool, into: &mut Vec<Field>) {
    for (path, entry) in table.trie.entries() {
        let Some((treatment, detail)) = treated(entry.class, phase) else { continue };
        let (path, when) = (path.to_owned(), when(entry));
        into.push(Field { endpoint, phase, stream, path, when, treatment, detail, copy: entry.copy });
    }
}

fn when(entry: &Entry) -> String {
    let words: Vec<String> = entry
        .conditions()
        .filter_map(|when| match when {
            When::Always => None,
            When::Type(types) | When::Root(types) => Some(types.join(" | ")),
            When::Both(types, roots) => Some(format!("{} in {}", types.join(" | "), roots.join(" | "))),
        })
        .collect();
    words.join(", ")
}

/// `None`: nothing of its own (structure that other rows fill).
fn treated(class: Class, phase: Phase) -> Option<(Treatment, &'static str)> {
    let who = |who: Who| match who {
        Who::Is(part) => part.name(),
        Who::Role => "by role",
    };
    let request = phase == Phase::Request;
    Some(match class {
        Class::Text(speaker, _) | Class::Joined(speaker, _) | Class::Alone(speaker) => {
            (Treatment::Inspected, who(speaker))
        }
        Class::Signed(speaker, _) => (Treatment::Signed, who(speaker)),
        Class::Arguments(_) | Class::Input => (Treatment::Inspected, "tool_arguments"),
        Class::ToolName | Class::WholeCall | Class::Token | Class::Handle | Class::Model | Class::Ends if request => {
            (Treatment::Inspected, "identifier")
        }
        Class::ToolName | Class::WholeCall => (Treatment::Opaque, "name of a tool"),
        Class::Token | Class::Handle | Class::Ends => (Treatment::Opaque, "identifier"),
        Class::Model => (Treatment::Opaque, "model"),
        Class::Here if request => (Treatment::Inspected, "identifier"),
        Class::Here => (Treatment::Opaque, "address at the provider, without its origin"),
        Class::Type | Class::Hosted(_) if !request => (Treatment::Opaque, "word of the API"),
        Class::Type | Class::Role => (Treatment::Opaque, "word of the API"),
        Class::Hosted(_) => (Treatment::Gated, "hosted_tool"),
        Class::Blob => (Treatment::Opaque, "base64: media, signatures, encrypted text"),
        Class::Media if request => (Treatment::Gated, "remote_url"),
        Class::Media => (Treatment::Opaque, "data URL of a binary type"),
        Class::State(state) if request => (Treatment::Gated, state.name()),
        Class::State(_) => (Treatment::Opaque, "identifier"),
        Class::Derived(_) => (Treatment::Blanked, "repeats the text beside it"),
        Class::TokenIds => (Treatment::Refused, "ids of tokens stand for text"),
        Class::Index(_)
        | Class::Apart
        | Class::Tool(_)
        | Class::TokenLimit
        | Class::UsageInput
        | Class::UsageOutput
        | Class::Table(_)
        | Class::Copies(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_has_fields_that_are_read_and_every_opaque_one_a_reason() {
        let all = fields();
        for endpoint in endpoints().filter(|endpoint| endpoint.method == "POST" && !endpoint.path.ends_with("cancel")) {
            let read = |field: &&Field| field.endpoint.path == endpoint.path && field.treatment == Treatment::Inspected;
            assert!(all.iter().filter(read).any(|field| field.phase == Phase::Request), "{}", endpoint.path);
        }
        assert!(all.iter().all(|field| !field.detail.is_empty()));
        assert!(all.len() > 1_000, "{}", all.len());
    }
}
