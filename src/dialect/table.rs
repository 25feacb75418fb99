//! What a row of a dialect's table says: a path, when it applies, and how the value there is treated.
//!
//! A table is plain data. A provider that needs an `if` outside its table needs a new column here instead.

use crate::text::Part;

/// One row: values at `path` (for which `when` holds) are treated as `class`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Keys joined by `.`; `[]` an array's elements; `*` any key; `**` everything below, at any depth; empty: the value itself, in a
    /// table that another one refers to. The more specific row wins.
    pub path: &'static str,
    /// Condition on a sibling discriminator; the first row of a path whose condition holds applies, and if none does the
    /// value is unlisted.
    pub when: When,
    /// Treatment.
    pub class: Class,
}

/// A condition on type discriminators ([`Class::Type`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// That of the object which holds the value is one of these.
    Type(&'static [&'static str]),
    /// That of the document's root is one of these: the kind of a stream's event.
    Root(&'static [&'static str]),
    /// Both: first that of the object, then that of the root.
    Both(&'static [&'static str], &'static [&'static str]),
}

/// Who speaks in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Fixed by the row.
    Is(Part),
    /// Named by the nearest enclosing object's role discriminator.
    Role,
}

/// How a value is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Inspected and editable. `lane` names the channel that it continues, together with the enclosing indices: deltas of the
    /// same lane are one text.
    Text(Who, &'static str),
    /// The same for a text that goes on whatever the number of the part in which it stands: the innermost index does not count.
    Joined(Who, &'static str),
    /// The same for a text that has nothing to do with the one before it: one of many that are asked about at once.
    Alone(Who),
    /// A container whose texts have nothing to do with those of the one before it.
    Apart,
    /// Inspected, never edited: the provider has signed it.
    Signed(Who, &'static str),
    /// A JSON document inside a string: arguments of a tool call. Held until complete, then inspected leaf by leaf.
    Arguments(&'static str),
    /// Arguments of a tool call as a JSON tree; the row's path ends in `**`, its container in the table is the call's input.
    Input,
    /// A tool's name in a call.
    ToolName,
    /// A tool's name in a call that is complete where it stands.
    WholeCall,
    /// Numbers that stand for text: nobody can read them here, so a request with one is refused.
    TokenIds,
    /// A container that declares one tool; where its name and schema stand in it, by kind of tool.
    Tool(&'static [ToolShape]),
    /// An identifier minted by a program: opaque in responses; in requests inspected all the same, since a caller wrote it.
    Token,
    /// The name of an exchange for later ones that go on from it: in a response its own, in a request the one it goes on from. Otherwise
    /// like a [`Class::Token`].
    Handle,
    /// In responses: an address at the provider where the client is to go on. Its origin is taken away, so that the client comes back here.
    Here,
    /// Base64 or similar that only the provider reads (signatures, encrypted reasoning, media): opaque. A value that is not of that
    /// alphabet is inspected as unlisted text.
    Blob,
    /// A URL or a data URL; data URLs of binary types are opaque.
    Media,
    /// A whole value (object or array) that repeats other text of the same object: replaced by this JSON when that text is edited.
    Derived(&'static str),
    /// A value whose rows stand in a table of their own.
    Table(&'static [Row]),
    /// The same for a value that repeats what the stream has told before (a final event, a snapshot). A text or a call in it that was told is
    /// edited as it was then, and neither judged nor recorded again; one that was not told is inspected like any other.
    Copies(&'static [Row]),
    /// A use of what the provider keeps, fetches or runs out of our sight: in requests, whatever is there but `null` and `false` is asked for
    /// permission. A string there is an identifier.
    State(State),
    /// A type discriminator of tools: of these (`*` at the end stands for any rest) the caller's program runs, all others the provider.
    Hosted(&'static [&'static str]),
    /// Type discriminator.
    Type,
    /// Role discriminator.
    Role,
    /// The model's name.
    Model,
    /// A number that is the enclosing object's index among its siblings (stream deltas); where an event has several, in this order.
    Index(u8),
    /// A non-null string here says that every channel under the enclosing indices has ended.
    Ends,
    /// The most tokens that the model may write.
    TokenLimit,
    /// Number of prompt tokens.
    UsageInput,
    /// Number of completion tokens.
    UsageOutput,
}

/// What a provider keeps, fetches or runs out of our sight, by the names that `[[state.allow]]` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// An earlier answer that the provider keeps, and all before it.
    PreviousResponse,
    /// Answers that the provider keeps, read or changed by themselves.
    StoredResponse,
    /// A conversation that the provider keeps.
    Conversation,
    /// A prompt that the provider keeps.
    StoredPrompt,
    /// A file that was uploaded.
    File,
    /// An address that the provider fetches from.
    RemoteUrl,
    /// A tool that the provider runs.
    HostedTool,
    /// A server of tools that the provider calls.
    McpServer,
    /// Work that goes on when the exchange is over.
    Background,
    /// A machine of the provider's in which code runs.
    Container,
    /// A part of a prompt that the provider keeps.
    CachedContent,
    /// Many calls whose answers come later, in another exchange.
    Batch,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::PreviousResponse,
        Self::StoredResponse,
        Self::Conversation,
        Self::StoredPrompt,
        Self::File,
        Self::RemoteUrl,
        Self::HostedTool,
        Self::McpServer,
        Self::Background,
        Self::Container,
        Self::CachedContent,
        Self::Batch,
    ];

    /// True if its value names what the exchange goes on from.
    #[must_use]
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::PreviousResponse | Self::Conversation)
    }

    /// Its name in configuration, refusals and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreviousResponse => "previous_response",
            Self::StoredResponse => "stored_response",
            Self::Conversation => "conversation",
            Self::StoredPrompt => "stored_prompt",
            Self::File => "file",
            Self::RemoteUrl => "remote_url",
            Self::HostedTool => "hosted_tool",
            Self::McpServer => "mcp_server",
            Self::Background => "background",
            Self::Container => "container",
            Self::CachedContent => "cached_content",
            Self::Batch => "batch",
        }
    }
}

/// Where a tool's definition says what; JSON pointers (RFC 6901) from the declared element. The first shape whose name is there applies.
#[derive(Debug, PartialEq, Eq)]
pub struct ToolShape {
    /// What the element's `type` must be; empty: anything.
    pub kind: &'static str,
    /// The name by which it is called.
    pub name: &'static str,
    /// What the model is told of it.
    pub description: &'static str,
    /// The JSON Schema of its arguments; `None`: this kind of tool has none.
    pub schema: Option<&'static str>,
    /// True if its calls bring free text.
    pub free_text: bool,
    /// Members that tell the model nothing of the tool: types, caching, strictness.
    pub silent: &'static [&'static str],
}

/// Role words to parts.
pub type Roles = &'static [(&'static str, Part)];

/// A row that always applies.
#[must_use]
pub const fn row(path: &'static str, class: Class) -> Row {
    Row { path, when: When::Always, class }
}

/// A row for objects of certain types.
#[must_use]
pub const fn typed(path: &'static str, types: &'static [&'static str], class: Class) -> Row {
    Row { path, when: When::Type(types), class }
}

/// A row for stream events of certain types.
#[must_use]
pub const fn rooted(path: &'static str, types: &'static [&'static str], class: Class) -> Row {
    Row { path, when: When::Root(types), class }
}

/// A row for objects of certain types in stream events of certain types.
#[must_use]
pub const fn both(
    path: &'static str,
    types: &'static [&'static str],
    roots: &'static [&'static str],
    class: Class,
) -> Row {
    Row { path, when: When::Both(types, roots), class }
}

/// Text of a fixed part.
#[must_use]
pub const fn text(part: Part, lane: &'static str) -> Class {
    Class::Text(Who::Is(part), lane)
}
