//! Callers by client certificate. The TLS listener has verified its chain; here it only gets a name.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::identity::keyring::sha256;
use crate::identity::settings::{Caller, CertificateName, MtlsSettings};
use crate::identity::spiffe::{MAX_URI_BYTES, Pattern};
use crate::identity::tenant::{Tenants, is_tenant_name};
use crate::identity::{Claims, MAX_NAME_BYTES, Principal};

/// The other side of a TLS connection, by its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    sha256: [u8; 32],
    /// The only URI of the certificate. SECURITY: with two, two readers could see two callers, so it has none then.
    uri: Option<Box<str>>,
}

impl Peer {
    /// Names the bearer of a certificate whose chain has been verified.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let parsed = EndEntityCert::try_from(certificate);
        let uri = parsed.ok().and_then(|certificate| {
            let mut uris = certificate.valid_uri_names().filter(|uri| !uri.is_empty());
            match (uris.next(), uris.next()) {
                (Some(only), None) if only.len() <= MAX_URI_BYTES => Some(Box::from(only)),
                _ => None,
            }
        });
        Self { sha256: sha256(certificate), uri }
    }

    /// Who it is; `None`: nobody whom the configuration knows.
    pub(super) fn caller(&self, settings: &MtlsSettings) -> Option<Caller> {
        let named = settings.callers.iter().find(|(name, _)| match name {
            CertificateName::Uri(uri) => self.uri.as_deref() == Some(uri),
            CertificateName::Sha256(digest) => self.sha256 == *digest,
        });
        named.map(|(_, caller)| caller.clone()).or_else(|| self.by_pattern(settings, settings.spiffe.as_ref()?))
    }

    fn by_pattern(&self, settings: &MtlsSettings, pattern: &Pattern) -> Option<Caller> {
        let found = pattern.find(self.uri.as_deref()?)?;
        let fine = is_tenant_name(found.tenant) && found.principal.len() <= MAX_NAME_BYTES;
        fine.then(|| Caller {
            principal: Arc::new(Principal {
                tenant: found.tenant.into(),
                name: found.principal.into(),
                roles: Arc::clone(&settings.roles),
                scopes: Arc::clone(&settings.scopes),
                claims: Claims::default(),
            }),
            act_for: Tenants::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn peer(uris: &[&str]) -> (Peer, CertificateDer<'static>) {
        let mut params = CertificateParams::new(vec!["app.example".to_owned()]).unwrap();
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        (Peer::of(certificate.der()), certificate.der().clone())
    }

    fn caller(tenant: &str) -> Caller {
        let principal = Principal {
            tenant: tenant.into(),
            name: "named".into(),
            roles: [].into(),
            scopes: [].into(),
            claims: Claims::default(),
        };
        Caller { principal: Arc::new(principal), act_for: Tenants::default() }
    }

    #[test]
    fn who_a_certificate_is() {
        let (pinned, der) = peer(&[]);
        let settings = MtlsSettings {
            callers: vec![
                (CertificateName::Uri("spiffe://prod.example/acme/boss".to_owned()), caller("by-uri")),
                (CertificateName::Sha256(sha256(&der)), caller("by-hash")),
            ],
            spiffe: Some(Pattern::parse("spiffe://prod.example/{tenant}/{principal}").unwrap()),
            roles: ["support".into()].into(),
            scopes: [].into(),
        };
        let tenant = |peer: &Peer| peer.caller(&settings).map(|caller| caller.principal.tenant.to_string());
        assert_eq!(tenant(&pinned).as_deref(), Some("by-hash"));
        let by_uris = |uris: &[&str]| tenant(&peer(uris).0);
        for (uris, expected) in [
            (&["spiffe://prod.example/acme/boss"][..], Some("by-uri")),
            (&["spiffe://prod.example/acme/app"], Some("acme")),
            (&["spiffe://prod.example/acme/app", "spiffe://prod.example/globex/app"], None),
            (&["spiffe://prod.example/acme/boss", "https://example.com"], None),
            (&["spiffe://other.example/acme/app"], None),
            (&["spiffe://prod.example/.hidden/app"], None),
            (&[], None),
        ] {
            assert_eq!(by_uris(uris).as_deref(), expected, "{uris:?}");
        }
        let found = peer(&["spiffe://prod.example/acme/app"]).0.caller(&settings).unwrap();
        assert_eq!((&*found.principal.name, found.principal.roles.len()), ("app", 1));
        assert_eq!(Peer::of(&CertificateDer::from(vec![1, 2, 3])).uri, None);
    }
}
