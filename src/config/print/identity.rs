//! `[identity]`, written out.

use serde::Serialize;

use super::{duration, shown};
use crate::identity::mapping::TenantFrom;
use crate::identity::settings::{CertificateName, IdentitySettings, JwksSource, JwtSettings, MtlsSettings};
use crate::identity::token::algorithm_name;
use crate::identity::{Caller, VirtualKey};

#[derive(Debug, Serialize)]
pub(super) struct Identity<'c> {
    order: Vec<&'static str>,
    tenant_header: &'c str,
    #[serde(rename = "static", skip_serializing_if = "Option::is_none")]
    fallback: Option<PrintedCaller<'c>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    virtual_key: Vec<Key<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<Jwt<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtls: Option<Mtls<'c>>,
}

#[derive(Debug, Serialize)]
struct Key<'c> {
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(flatten)]
    caller: PrintedCaller<'c>,
}

#[derive(Debug, Serialize)]
struct PrintedCaller<'c> {
    tenant: &'c str,
    principal: &'c str,
    roles: Vec<&'c str>,
    scopes: Vec<&'c str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    act_for: Vec<&'c str>,
}

#[derive(Debug, Serialize)]
struct Jwt<'c> {
    issuer: &'c str,
    audience: &'c [String],
    algorithms: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'c str>,
    clock_skew: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_claim: Option<&'c str>,
    principal_claim: &'c str,
    roles_claim: &'c str,
    scope_claim: &'c str,
    claims: &'c [String],
    jwks: Jwks,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trusted: Vec<Trusted<'c>>,
}

#[derive(Debug, Serialize, Default)]
struct Jwks {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_stale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_plaintext: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_link_local: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Trusted<'c> {
    principal: &'c str,
    act_for: Vec<&'c str>,
}

#[derive(Debug, Serialize)]
struct Mtls<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    spiffe: Option<String>,
    roles: Vec<&'c str>,
    scopes: Vec<&'c str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caller: Vec<Certificate<'c>>,
}

#[derive(Debug, Serialize)]
struct Certificate<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(flatten)]
    caller: PrintedCaller<'c>,
}

pub(super) fn identity(settings: &IdentitySettings) -> Identity<'_> {
    Identity {
        order: settings.order.iter().map(|method| method.name()).collect(),
        tenant_header: settings.tenant_header.as_str(),
        fallback: settings.fallback.as_ref().map(caller),
        virtual_key: settings.virtual_keys.iter().map(virtual_key).collect(),
        jwt: settings.jwt.as_ref().map(jwt),
        mtls: settings.mtls.as_ref().map(mtls),
    }
}

fn virtual_key(key: &VirtualKey) -> Key<'_> {
    Key {
        sha256: key.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        expires: key.expires.map(|expires| expires.to_string()),
        caller: caller(&key.caller),
    }
}

fn caller(caller: &Caller) -> PrintedCaller<'_> {
    let principal = &caller.principal;
    PrintedCaller {
        tenant: &principal.tenant,
        principal: &principal.name,
        roles: principal.roles.iter().map(AsRef::as_ref).collect(),
        scopes: principal.scopes.iter().map(AsRef::as_ref).collect(),
        act_for: caller.act_for.patterns().collect(),
    }
}

fn jwt(jwt: &JwtSettings) -> Jwt<'_> {
    let (tenant, tenant_claim) = match &jwt.mapping.tenant {
        TenantFrom::Fixed(tenant) => (Some(tenant.as_ref()), None),
        TenantFrom::Claim(claim) => (None, Some(claim.as_str())),
    };
    Jwt {
        issuer: &jwt.issuer,
        audience: &jwt.audiences,
        algorithms: jwt.algorithms.iter().map(|algorithm| algorithm_name(*algorithm)).collect(),
        header: jwt.header.as_ref().map(|header| header.as_str()),
        clock_skew: duration(jwt.clock_skew),
        tenant,
        tenant_claim,
        principal_claim: &jwt.mapping.principal_claim,
        roles_claim: &jwt.mapping.roles_claim,
        scope_claim: &jwt.mapping.scope_claim,
        claims: &jwt.mapping.kept,
        jwks: jwks(&jwt.jwks),
        trusted: jwt
            .trusted
            .iter()
            .map(|(principal, tenants)| Trusted { principal, act_for: tenants.patterns().collect() })
            .collect(),
    }
}

fn jwks(source: &JwksSource) -> Jwks {
    match source {
        JwksSource::File { path, .. } => Jwks { file: Some(shown(path)), ..Jwks::default() },
        JwksSource::Url(source) => Jwks {
            url: Some(source.url.to_string()),
            ca: source.ca.as_deref().map(shown),
            refresh: Some(duration(source.refresh)),
            max_stale: Some(duration(source.max_stale)),
            allow_plaintext: Some(source.allow_plaintext),
            allow_link_local: Some(source.allow_link_local),
            ..Jwks::default()
        },
    }
}

fn mtls(mtls: &MtlsSettings) -> Mtls<'_> {
    Mtls {
        spiffe: mtls.spiffe.as_ref().map(ToString::to_string),
        roles: mtls.roles.iter().map(AsRef::as_ref).collect(),
        scopes: mtls.scopes.iter().map(AsRef::as_ref).collect(),
        caller: mtls
            .callers
            .iter()
            .map(|(name, bearer)| {
                let (uri, sha256) = match name {
                    CertificateName::Uri(uri) => (Some(uri.as_str()), None),
                    CertificateName::Sha256(digest) => {
                        (None, Some(digest.iter().map(|byte| format!("{byte:02x}")).collect()))
                    }
                };
                Certificate { uri, sha256, caller: caller(bearer) }
            })
            .collect(),
    }
}
