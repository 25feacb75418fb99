//! Who else looks at the texts of live exchanges, beside the inspection and without a say in it: a shadow ruleset.

use std::fmt;
use std::sync::Arc;

use crate::detect::Scope;
use crate::inspect::Guards;
use crate::text::Part;

/// Sees every text once it is whole.
///
/// INVARIANT: must neither wait nor work: what it wants to look at it copies and looks at elsewhere. SECURITY: the text is a caller's.
pub trait Onlooker: Send + Sync + fmt::Debug {
    /// The same for one exchange; `None` if there is nothing to look for now.
    fn for_exchange(&self, exchange: &str) -> Option<Arc<dyn Onlooker>>;

    /// A text that `guards` inspect within `scope`.
    fn saw(&self, guards: &Guards, scope: Scope, part: Part, text: &str);
}
