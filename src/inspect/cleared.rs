//! The proof that something has been inspected.

/// Something that the engine has inspected and released. Only the engine makes one; only cleared bytes may be sent
/// upstream or to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// Only the engine clears.
    pub(in crate::inspect) const fn new(value: T) -> Self {
        Self(value)
    }
    /// What was cleared.
    pub fn into_inner(self) -> T {
        self.0
    }
    /// A look at what was cleared.
    pub const fn get(&self) -> &T {
        &self.0
    }
}
