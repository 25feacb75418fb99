//! The key-encapsulation mechanisms that tenant keys may use: one row each.

/// The algorithm of a tenant's key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Algorithm {
    /// DHKEM(P-256, HKDF-SHA256): files, AWS KMS and PKCS#11 modules can all hold such a private key.
    #[default]
    P256,
    /// DHKEM(X25519, HKDF-SHA256): files only.
    X25519,
}

/// What is fixed about an algorithm. Ids and lengths: RFC 9180, section 7.1, table 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The word in key files and on the command line.
    pub name: &'static str,
    /// HPKE's identifier of the KEM.
    pub kem_id: u16,
    /// Length of a serialised public key (and of an encapsulated key) in bytes.
    pub public_len: usize,
    /// Length of a serialised private key in bytes.
    pub private_len: usize,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::P256, Self::X25519];

    /// Its row.
    #[must_use]
    pub const fn row(self) -> Row {
        match self {
            Self::P256 => Row { name: "p256", kem_id: 0x0010, public_len: 65, private_len: 32 },
            Self::X25519 => Row { name: "x25519", kem_id: 0x0020, public_len: 32, private_len: 32 },
        }
    }

    /// The algorithm of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.row().name == name)
    }

    /// The algorithm with that KEM id.
    #[must_use]
    pub fn from_kem_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.row().kem_id == id)
    }
}
