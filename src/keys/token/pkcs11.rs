//! PKCS#11 (OASIS, version 2.40): one module a process, one session a use.
//!
//! The private key never leaves the token: `CKM_ECDH1_DERIVE` with the null key derivation function gives the shared point's x
//! coordinate as a session object, which is read, used ([`crate::keys::decap`]) and destroyed.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::OnceLock;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::{Zeroize as _, Zeroizing};

use crate::keys::decap::{SHARED_LEN, open_with_shared};
use crate::keys::file::KeyError;
use crate::keys::keyring::Opener;
use crate::keys::pair::{PublicKey, SealError, Sealed};
use crate::keys::token::{TokenKey, TokenUri};
use crate::keys::{Algorithm, random};

/// The curve P-256 as a DER object identifier (RFC 5480, section 2.1.1.1).
const P256_OID: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// A P-256 point in an OCTET STRING begins so: tag, length 65, uncompressed.
const POINT_PREFIX: [u8; 2] = [0x04, 65];
/// Bytes of the id (CKA_ID) of a key that is made here.
const ID_LEN: usize = 16;
/// Names the module.
const MODULE: &str = "SIDEWALL_PKCS11_MODULE";
/// Names a file with the PIN, and the PIN itself.
const PIN: [&str; 2] = ["SIDEWALL_PKCS11_PIN_FILE", "SIDEWALL_PKCS11_PIN"];

/// A key pair on a token, by its handles.
struct Pair {
    private: ObjectHandle,
    public: ObjectHandle,
    key: PublicKey,
}

/// A private key found on its token.
pub struct Located {
    session: Session,
    pair: Pair,
    uri: TokenUri,
}

struct TokenOpener {
    session: Rc<Session>,
    private: ObjectHandle,
    key: PublicKey,
}

impl std::fmt::Debug for Located {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Located").field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// Every P-256 key of the token that fits and may derive.
///
/// # Errors
/// [`KeyError::Token`]; also if there is none.
pub fn openers(uri: &TokenUri) -> Result<Vec<Box<dyn Opener>>, KeyError> {
    let session = Rc::new(open(uri, false)?);
    let pairs = pairs(&session, uri).map_err(|error| failed(uri, &error))?;
    if pairs.is_empty() {
        return Err(KeyError::token(uri, "the token holds no P-256 key pair that fits and may derive"));
    }
    let opener = |Pair { private, key, .. }| -> Box<dyn Opener> {
        Box::new(TokenOpener { session: Rc::clone(&session), private, key })
    };
    Ok(pairs.into_iter().map(opener).collect())
}

/// Makes a key pair on the token, or takes the one that `uri` names.
///
/// # Errors
/// [`KeyError::Token`].
pub fn make(uri: &TokenUri, tenant: &str) -> Result<TokenKey, KeyError> {
    let session = open(uri, true)?;
    let failed = |error: Error| failed(uri, &error);
    if uri.names_key() {
        let mut found = pairs(&session, uri).map_err(failed)?;
        return match (found.pop(), found.len()) {
            (Some(pair), 0) => Ok(TokenKey { public: pair.key, uri: uri.clone() }),
            (None, _) => Err(KeyError::token(uri, "the token holds no P-256 key pair of that name that may derive")),
            _ => Err(KeyError::token(uri, "more than one key fits; name it by its id too")),
        };
    }
    let id = random::bytes::<ID_LEN>().map_err(SealError::from)?.to_vec();
    let named = TokenUri { object: Some(tenant.to_owned()), id: Some(id.clone()), ..uri.clone() };
    let both = [Attribute::Token(true), Attribute::Label(tenant.as_bytes().to_vec()), Attribute::Id(id)];
    let public = [Attribute::EcParams(P256_OID.to_vec()), Attribute::Private(false), Attribute::Derive(true)];
    let private = [
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Derive(true),
        Attribute::Sign(false),
    ];
    let (public, private) = ([both.as_slice(), &public].concat(), [both.as_slice(), &private].concat());
    session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).map_err(failed)?;
    let made = pairs(&session, &named).map_err(failed)?.pop();
    let made = made.ok_or_else(|| KeyError::token(uri, "the token made a key and does not show it"))?;
    Ok(TokenKey { public: made.key, uri: named })
}

/// The private key on its token; `None` if it is not there.
///
/// # Errors
/// [`KeyError::Token`]: the token is not there, or does not let us in.
pub fn locate(key: &TokenKey) -> Result<Option<Located>, KeyError> {
    let session = open(&key.uri, true)?;
    let pairs = pairs(&session, &key.uri).map_err(|error| failed(&key.uri, &error))?;
    let pair = pairs.into_iter().find(|pair| pair.key == key.public);
    Ok(pair.map(|pair| Located { session, pair, uri: key.uri.clone() }))
}

impl Located {
    /// Destroys it, and its public half on the token.
    ///
    /// # Errors
    /// [`KeyError::Token`]: the token refused, or still shows the key.
    pub fn destroy(self) -> Result<(), KeyError> {
        let Self { session, pair, uri } = self;
        let failed = |error: Error| failed(&uri, &error);
        session.destroy_object(pair.private).map_err(failed)?;
        session.destroy_object(pair.public).map_err(failed)?;
        // SECURITY: the token's word that it is done is checked.
        if pairs(&session, &uri).map_err(failed)?.iter().any(|left| left.key == pair.key) {
            return Err(KeyError::token(&uri, "the token still shows the key after destroying it"));
        }
        Ok(())
    }
}

impl Opener for TokenOpener {
    fn public(&self) -> &PublicKey {
        &self.key
    }

    fn open(&self, info: &[u8], aad: &[u8], sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        // Held to be a point of the curve here: not every token does.
        let enc = PublicKey::new(Algorithm::P256, sealed.enc.clone())?;
        let shared = self.derive(&enc).map_err(|_| SealError::Hpke)?.ok_or(SealError::Hpke)?;
        open_with_shared(&self.key, &shared, info, aad, sealed)
    }
}

impl TokenOpener {
    fn derive(&self, enc: &PublicKey) -> Result<Option<Zeroizing<[u8; SHARED_LEN]>>, Error> {
        let params = Ecdh1DeriveParams::new(EcKdf::null(), enc.as_bytes());
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::ValueLen(SHARED_LEN.try_into()?),
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
        ];
        let object = self.session.derive_key(&Mechanism::Ecdh1Derive(params), self.private, &template)?;
        let read = self.session.get_attributes(object, &[AttributeType::Value]);
        self.session.destroy_object(object)?;
        let mut shared = None;
        for attribute in read? {
            if let Attribute::Value(mut value) = attribute {
                shared = <[u8; SHARED_LEN]>::try_from(value.as_slice()).ok().map(Zeroizing::new);
                value.zeroize();
            }
        }
        Ok(shared)
    }
}

/// A session of the user on the one token that fits.
fn open(uri: &TokenUri, write: bool) -> Result<Session, KeyError> {
    let module = module(uri)?;
    let failed = |error: Error| failed(uri, &error);
    let mut fitting = Vec::new();
    for slot in module.get_slots_with_initialized_token().map_err(failed)? {
        let info = module.get_token_info(slot).map_err(failed)?;
        let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is.trim_end());
        if fits(&uri.token, info.label()) && fits(&uri.serial, info.serial_number()) {
            fitting.push((slot, info));
        }
    }
    let (slot, info) = match (fitting.pop(), fitting.len()) {
        (Some(one), 0) => one,
        (None, _) => return Err(KeyError::token(uri, "the module shows no such token")),
        _ => return Err(KeyError::token(uri, "more than one token fits; name it by its serial number")),
    };
    let session = session(module, slot, write).map_err(failed)?;
    if info.login_required() {
        let pin = if info.protected_authentication_path() { None } else { Some(pin(uri)?) };
        match session.login(UserType::User, pin.as_ref()) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(session)
}

fn session(module: &Pkcs11, slot: Slot, write: bool) -> Result<Session, Error> {
    if write { module.open_rw_session(slot) } else { module.open_ro_session(slot) }
}

/// The module, loaded once: it has one state for the whole process.
fn module(uri: &TokenUri) -> Result<&'static Pkcs11, KeyError> {
    static LOADED: OnceLock<Pkcs11> = OnceLock::new();
    if let Some(module) = LOADED.get() {
        return Ok(module);
    }
    let path = std::env::var_os(MODULE).map(PathBuf::from).ok_or_else(|| {
        KeyError::token(
            uri,
            format!("set {MODULE} to the token's shared library, such as /usr/lib/softhsm/libsofthsm2.so"),
        )
    })?;
    let load = || -> Result<Pkcs11, Error> {
        let module = Pkcs11::new(&path)?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        Ok(module)
    };
    let module = load().map_err(|error| KeyError::token(uri, format!("{MODULE}={}: {error}", path.display())))?;
    Ok(LOADED.get_or_init(|| module))
}

fn pin(uri: &TokenUri) -> Result<AuthPin, KeyError> {
    let [file, value] = PIN;
    if let Some(path) = std::env::var_os(file).map(PathBuf::from) {
        let text = std::fs::read_to_string(&path).map(Zeroizing::new);
        let text = text.map_err(|source| KeyError::Io { path, source })?;
        return Ok(AuthPin::from(text.trim_end_matches(['\r', '\n'])));
    }
    let text = std::env::var(value).map(Zeroizing::new);
    let text =
        text.map_err(|_| KeyError::token(uri, format!("set {file} to a file with the user's PIN, or {value}")))?;
    Ok(AuthPin::from(text.as_str()))
}

/// The P-256 key pairs that fit: a private key, and the public key with the same id.
fn pairs(session: &Session, uri: &TokenUri) -> Result<Vec<Pair>, Error> {
    let mut wanted =
        vec![Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::KeyType(KeyType::EC), Attribute::Derive(true)];
    wanted.extend(uri.object.iter().map(|label| Attribute::Label(label.as_bytes().to_vec())));
    wanted.extend(uri.id.iter().cloned().map(Attribute::Id));
    let mut pairs = Vec::new();
    for private in session.find_objects(&wanted)? {
        let Some(Attribute::Id(id)) = session.get_attributes(private, &[AttributeType::Id])?.pop() else { continue };
        let twin = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(KeyType::EC), Attribute::Id(id)];
        for public in session.find_objects(&twin)? {
            if let Some(key) = point(session, public)? {
                pairs.push(Pair { private, public, key });
            }
        }
    }
    Ok(pairs)
}

/// The public key of an object, if it is on P-256.
fn point(session: &Session, public: ObjectHandle) -> Result<Option<PublicKey>, Error> {
    let (mut is_p256, mut bytes) = (false, Vec::new());
    for attribute in session.get_attributes(public, &[AttributeType::EcParams, AttributeType::EcPoint])? {
        match attribute {
            Attribute::EcParams(params) => is_p256 = params == P256_OID,
            Attribute::EcPoint(point) => bytes = point,
            _ => {}
        }
    }
    // Some modules leave the OCTET STRING away.
    let is_wrapped = bytes.len() == POINT_PREFIX.len() + Algorithm::P256.row().public_len;
    let raw = bytes.strip_prefix(&POINT_PREFIX).filter(|_| is_wrapped).unwrap_or(&bytes);
    Ok(if is_p256 { PublicKey::new(Algorithm::P256, raw.to_vec()).ok() } else { None })
}

fn failed(uri: &TokenUri, error: &Error) -> KeyError {
    // The module's code, without the standard's prose.
    let problem = match error {
        Error::Pkcs11(code, function) => format!("{function:?}: {code:?}"),
        other => other.to_string(),
    };
    KeyError::token(uri, problem)
}
