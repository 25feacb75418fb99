//! What a stream has told so far, so that what repeats it (a final event, a snapshot) is edited as it was, and not judged again.
//!
//! SECURITY: a text is known by two keyed hashes of it, with keys that nobody outside this process knows, so no text can be made to pass for
//! another one.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::inspect::channel::{Channel, Mode};
use crate::text::TextSpan;
use crate::tools::Arguments;

/// LIMIT: texts of one stream that are known again. What goes beyond is inspected anew each time it is repeated.
const MAX_TEXTS: usize = 4_096;

/// What took the place of spans of a text.
pub(super) type Edits = Arc<[(TextSpan, String)]>;

/// A text or a call, known again by this.
pub(super) type Mark = (u64, u64);

/// The texts of one stream.
#[derive(Default)]
pub(super) struct Told {
    keys: (RandomState, RandomState),
    texts: HashMap<Mark, Edits>,
}

impl Told {
    fn mark(&self, what: (u8, &str, &str)) -> Mark {
        (self.keys.0.hash_one(what), self.keys.1.hash_one(what))
    }

    fn mark_of(&self, channel: &Channel) -> Mark {
        let mode = match channel.mode {
            Mode::Text => 0,
            Mode::Signed => 1,
            Mode::Document => 2,
            Mode::Leaf => 3,
        };
        self.mark((mode, channel.part.name(), &channel.text))
    }

    /// The edits of a text that was told.
    pub(super) fn find(&self, channel: &Channel) -> Option<Edits> {
        self.texts.get(&self.mark_of(channel)).map(Arc::clone)
    }

    /// Remembers a text that is decided.
    pub(super) fn remember(&mut self, channel: &Channel) {
        if self.texts.len() < MAX_TEXTS {
            self.texts.insert(self.mark_of(channel), channel.replaced.as_slice().into());
        }
    }

    /// The mark of a call: its name and its arguments, as they leave.
    pub(super) fn call(&self, name: &str, arguments: &Arguments) -> Mark {
        match arguments {
            empty if empty.is_empty() => self.mark((4, name, "")),
            Arguments::Text(text) => self.mark((5, name, text)),
            Arguments::Json(text) => self.mark((6, name, text)),
            Arguments::None | Arguments::Twice => self.mark((7, name, "")),
        }
    }
}

/// Shows no content.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("texts", &self.texts.len()).finish_non_exhaustive()
    }
}
