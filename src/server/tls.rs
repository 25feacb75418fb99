//! TLS on the listeners of callers: certificate and key from files, client certificates against a CA file, both replaced under load
//! when the files change.
//!
//! SECURITY: TLS 1.2 and 1.3 of rustls with the one provider of cryptography. Sessions are never resumed: a resumed session would
//! take a client certificate's word from memory, beyond its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::config::settings::{ClientAuth, TlsSettings};
use crate::telemetry::events::CertificateReload;

/// Protocols that are offered, the better one first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The listeners' TLS in force.
#[derive(Debug)]
pub struct ServerTls {
    settings: TlsSettings,
    current: ArcSwap<ServerConfig>,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn new(settings: TlsSettings) -> Result<Self, String> {
        let current = ArcSwap::from(load(&settings)?);
        Ok(Self { settings, current })
    }

    /// For the next connection.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// The files that it is made of.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let TlsSettings { certificate, key, client_ca, .. } = &self.settings;
        [certificate, key].into_iter().chain(client_ca).cloned().collect()
    }

    /// Reads the files anew; connections under way keep theirs, and what cannot be used changes nothing.
    pub fn reload(&self) {
        let error = match load(&self.settings) {
            Ok(config) => {
                self.current.store(config);
                None
            }
            Err(error) => Some(error),
        };
        CertificateReload { error: error.as_deref() }.emit();
    }
}

/// The TLS of these files.
///
/// # Errors
/// Which file cannot be used, and why.
pub fn load(settings: &TlsSettings) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| shown(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match settings.client_auth {
                ClientAuth::Required => verifier,
                ClientAuth::Optional => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| shown(path, &error))?)
        }
    };
    let chain = certificates(&settings.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| shown(&settings.key, &error))?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| shown(&settings.certificate, &error))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|error| shown(path, &error))?.collect();
    let found = found.map_err(|error| shown(path, &error))?;
    if found.is_empty() { Err(format!("{}: no certificate in it", path.display())) } else { Ok(found) }
}

/// SECURITY: the messages of rustls and its PEM reader hold nothing of a key.
fn shown(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
