//! What a row of a dialect's table says: a path, when it applies, and how the value there is treated.
//!
//! A table is plain data. A provider that needs an `if` outside its table needs a new column here instead.

use crate::text::Part;

/// One row: values at `path` (for which `when` holds) are treated as `class`.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Keys joined by `.`; `[]` an array's elements; `*` any key; `**` everything below, at any depth.
    /// The more specific row wins.
    pub path: &'static str,
    /// Condition on a sibling discriminator; the first row of a path whose condition holds applies, and if none does the
    /// value is unlisted.
    pub when: When,
    /// Treatment.
    pub class: Class,
}

/// A condition on a discriminator ([`Class::Type`], [`Class::Role`]) of the object that holds the value.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// Always.
    Always,
    /// The object's type discriminator is one of these.
    Type(&'static [&'static str]),
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
    /// Inspected, never edited: the provider has signed it.
    Signed(Who, &'static str),
    /// A JSON document inside a string: arguments of a tool call. Held until complete, then inspected leaf by leaf.
    Arguments(&'static str),
    /// Arguments of a tool call as a JSON tree; the row's path ends in `**`, its container in the table is the call's input.
    Input,
    /// A tool's name in a call.
    ToolName,
    /// An identifier minted by a program: opaque in responses; in requests inspected all the same, since a caller wrote it.
    Token,
    /// Base64 or similar that only the provider reads (signatures, encrypted reasoning, media): opaque. A value that is not of that
    /// alphabet is inspected as unlisted text.
    Blob,
    /// A URL or a data URL; data URLs of binary types are opaque.
    Media,
    /// A whole value (object or array) that repeats other text of the same object: replaced by `null` when that text is edited.
    Derived,
    /// Type discriminator.
    Type,
    /// Role discriminator.
    Role,
    /// The model's name.
    Model,
    /// A number that is the enclosing object's index among its siblings (stream deltas).
    Index,
    /// A non-null string here says that every channel under the enclosing indices has ended.
    Ends,
    /// Number of prompt tokens.
    UsageInput,
    /// Number of completion tokens.
    UsageOutput,
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

/// Text of a fixed part.
#[must_use]
pub const fn text(part: Part, lane: &'static str) -> Class {
    Class::Text(Who::Is(part), lane)
}
