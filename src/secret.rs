//! A value that must not be printed, logged or serialised by accident.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// Holds a value whose content never reaches `Debug`, `Display` or `Serialize`, and that is wiped
/// from memory when dropped.
///
/// SECURITY: there is deliberately no `Deref`; every read is a visible call of [`Sensitive::expose`].
#[derive(Clone, Default)]
pub struct Sensitive<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Sensitive<T> {
    /// Takes `value` into safe-keeping.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. The caller promises not to let it reach a log, an error or a metric.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sensitive(..)")
    }
}

impl<T: Zeroize> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
