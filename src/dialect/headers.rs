//! What the wire around the JSON looks like at each provider: headers that may pass, and where the credential stands. One row a dialect.

/// Where a provider expects its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialHeader {
    /// `Authorization: Bearer VALUE` (RFC 6750).
    Bearer,
    /// The value alone, in the header of this (lower-case) name.
    Plain(&'static str),
}

/// A provider's row.
#[derive(Debug)]
pub struct HeaderTable {
    /// The dialect's name.
    pub dialect: &'static str,
    /// Where the credential stands.
    pub credential: CredentialHeader,
    /// Request headers that pass, beside those that pass for all. Lower case; a final `*` stands for any rest.
    /// The `x-stainless-*` headers of the official SDKs describe the caller's machine and do not pass.
    pub request: &'static [&'static str],
    /// Response headers that pass, in the same way.
    pub response: &'static [&'static str],
}

/// Response headers that pass for every dialect.
pub const RESPONSE: &[&str] = &["retry-after", "retry-after-ms", "x-should-retry", "x-request-id", "request-id"];

/// Request headers that pass for every dialect. Read: <https://docs.stripe.com/api/idempotent_requests> for the idea.
pub const REQUEST: &[&str] = &["idempotency-key"];

static TABLES: [HeaderTable; 6] = [
    // https://platform.openai.com/docs/api-reference/debugging-requests, …/authentication
    HeaderTable {
        dialect: "openai",
        credential: CredentialHeader::Bearer,
        request: &["openai-beta", "openai-organization", "openai-project", "x-client-request-id"],
        response: &["openai-*", "x-ratelimit-*"],
    },
    // https://docs.anthropic.com/en/api/overview, …/rate-limits, …/messages-streaming
    HeaderTable {
        dialect: "anthropic",
        credential: CredentialHeader::Plain("x-api-key"),
        request: &["anthropic-version", "anthropic-beta"],
        response: &["anthropic-ratelimit-*", "anthropic-organization-id"],
    },
    // https://ai.google.dev/api, https://cloud.google.com/apis/docs/system-parameters
    HeaderTable {
        dialect: "gemini",
        credential: CredentialHeader::Plain("x-goog-api-key"),
        request: &["x-goog-user-project", "x-goog-request-params"],
        response: &["x-gemini-*"],
    },
    HeaderTable { dialect: "ollama", credential: CredentialHeader::Bearer, request: &[], response: &[] },
    // https://learn.microsoft.com/azure/ai-services/openai/reference
    HeaderTable {
        dialect: "azure",
        credential: CredentialHeader::Plain("api-key"),
        request: &["openai-beta", "x-ms-client-request-id"],
        response: &["x-ratelimit-*", "x-ms-region", "apim-request-id"],
    },
    HeaderTable {
        dialect: "generic",
        credential: CredentialHeader::Bearer,
        request: &[],
        response: &["x-ratelimit-*"],
    },
];

/// The row of the dialect called `name`; unknown names get the generic row.
#[must_use]
pub fn header_table(name: &str) -> &'static HeaderTable {
    let [.., generic] = &TABLES;
    TABLES.iter().find(|table| table.dialect == name).unwrap_or(generic)
}

/// True if `name` (lower case) stands in `rows`.
#[must_use]
pub fn listed(rows: &[&str], name: &str) -> bool {
    rows.iter().any(|row| match row.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => *row == name,
    })
}

/// True if a request header of this (lower-case) name goes on to some provider.
#[must_use]
pub fn forwards(name: &str) -> bool {
    listed(REQUEST, name) || TABLES.iter().any(|table| listed(table.request, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &[&str] = &["authorization", "x-api-key", "api-key", "proxy-authorization", "cookie"];

    #[test]
    fn every_row_is_reachable_and_lower_case() {
        for table in &TABLES {
            assert_eq!(header_table(table.dialect).dialect, table.dialect);
            for row in table.request.iter().chain(table.response) {
                assert_eq!(*row, row.to_ascii_lowercase());
                assert!(!CREDENTIALS.contains(row) && *row != "set-cookie");
            }
        }
        assert_eq!(header_table("nobody").dialect, "generic");
    }

    #[test]
    fn stars_stand_for_any_rest() {
        for (name, expected) in [("x-ratelimit-limit", true), ("x-ratelimi", false), ("a", true), ("ab", false)] {
            assert_eq!(listed(&["x-ratelimit-*", "a"], name), expected, "{name}");
        }
    }
}
