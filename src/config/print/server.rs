//! `[server]` and `[[upstream]]`, written out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{duration, shown, source};
use crate::config::settings::ClientAuth;
use crate::config::{Config, UnknownEndpoint, UpstreamSettings};

#[derive(Debug, Serialize)]
pub(super) struct Server {
    listen: Vec<String>,
    admin: String,
    max_body_bytes: usize,
    max_in_flight_bytes: usize,
    max_connections: usize,
    max_concurrency: usize,
    header_timeout: String,
    body_timeout: String,
    idle_timeout: String,
    write_timeout: String,
    upstream_timeout: String,
    drain_timeout: String,
    unknown_endpoint: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
}

#[derive(Debug, Serialize)]
struct Tls {
    certificate: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ca: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_auth: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Upstream<'c> {
    name: &'c str,
    dialects: Vec<&'c str>,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<BTreeMap<&'static str, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    connect_timeout: String,
    response_timeout: String,
    idle_timeout: String,
    allow_link_local: bool,
    allow_plaintext: bool,
}

pub(super) fn server(config: &Config) -> Server {
    let server = &config.server;
    Server {
        listen: server.listen.iter().map(ToString::to_string).collect(),
        admin: server.admin.to_string(),
        max_body_bytes: server.max_body_bytes,
        max_in_flight_bytes: server.max_in_flight_bytes,
        max_connections: server.max_connections,
        max_concurrency: server.max_concurrency,
        header_timeout: duration(server.header_timeout),
        body_timeout: duration(server.body_timeout),
        idle_timeout: duration(server.idle_timeout),
        write_timeout: duration(server.write_timeout),
        upstream_timeout: duration(server.upstream_timeout),
        drain_timeout: duration(server.drain_timeout),
        unknown_endpoint: match server.unknown_endpoint {
            UnknownEndpoint::Inspect => "inspect",
            UnknownEndpoint::Deny => "deny",
        },
        tls: server.tls.as_ref().map(|tls| Tls {
            certificate: shown(&tls.certificate),
            key: shown(&tls.key),
            client_ca: tls.client_ca.as_deref().map(shown),
            client_auth: tls.client_ca.as_ref().map(|_| match tls.client_auth {
                ClientAuth::Required => "required",
                ClientAuth::Optional => "optional",
            }),
        }),
    }
}

pub(super) fn upstream(upstream: &UpstreamSettings) -> Upstream<'_> {
    Upstream {
        name: &upstream.name,
        dialects: upstream.dialects.iter().map(AsRef::as_ref).collect(),
        url: upstream.url.to_string(),
        credential: upstream.credential.as_ref().map(|credential| source(&credential.source)),
        ca: upstream.ca.as_deref().map(shown),
        connect_timeout: duration(upstream.connect_timeout),
        response_timeout: duration(upstream.response_timeout),
        idle_timeout: duration(upstream.idle_timeout),
        allow_link_local: upstream.allow_link_local,
        allow_plaintext: upstream.allow_plaintext,
    }
}
