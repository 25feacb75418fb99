//! Callers through a running app: tokens whose keys are fetched and rotate, and client certificates over TLS.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::issuer::{AUDIENCE, ISSUER, Keys, claims};
use crate::support::{PATIENCE, Sidecar, Upstream, json_response, send};

const ASK: &str = r#"{"model":"m","messages":[]}"#;

/// A server of one document, which the test can change.
async fn document_server(document: Arc<Mutex<(u16, String)>>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (status, body) = document.lock().unwrap().clone();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nlocation: /x\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    address
}

fn jwt_section(jwks: &str) -> String {
    format!(
        "[identity.jwt]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\ntenant_claim = \"org_id\"\njwks = {{ {jwks} }}\n"
    )
}

async fn status_with(sidecar: &Sidecar, token: &str) -> u16 {
    let mut request = sidecar.chat(ASK);
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    send(request).await.status().as_u16()
}

fn signed(keys: &Keys, kid: &str) -> String {
    keys.seal("RS256", &json!({"alg": "RS256", "kid": kid}).to_string(), &claims(&json!({})).to_string())
}

#[tokio::test]
async fn keys_by_url_rotate_and_outlive_a_server_that_is_down() {
    let document = Arc::new(Mutex::new((200, Keys::own().jwks("a-").to_string())));
    let keys = document_server(Arc::clone(&document)).await;
    let upstream = Upstream::start(vec![json_response("200 OK", "{}")]).await;
    let jwt = jwt_section(&format!("url = \"http://{keys}/jwks\", refresh = \"1h\", max_stale = \"2h\""));
    let sidecar = Sidecar::start(upstream.address, "", "", &jwt).await;
    let (old, new) = (signed(Keys::own(), "a-rsa"), signed(Keys::foreign(), "b-rsa"));
    assert_eq!(status_with(&sidecar, &old).await, 200);
    assert_eq!(status_with(&sidecar, &new).await, 401);
    *document.lock().unwrap() = (200, Keys::foreign().jwks("b-").to_string());
    // A fetch for the sake of an unknown key comes no sooner than this after the last one.
    tokio::time::sleep(sidewall::identity::jwks::MIN_REFETCH + Duration::from_millis(300)).await;
    assert_eq!(status_with(&sidecar, &new).await, 200, "the new key is fetched for the first token that names it");
    assert_eq!(status_with(&sidecar, &old).await, 401, "the old key is no key any more");
    *document.lock().unwrap() = (302, String::new());
    assert_eq!(status_with(&sidecar, &new).await, 200);
    // The token was for us: the provider sees none of it.
    assert!(upstream.requests().iter().all(|request| !request.to_ascii_lowercase().contains("authorization")));
}

#[tokio::test]
async fn without_keys_nobody_is_identified() {
    let upstream = Upstream::start(vec![json_response("200 OK", "{}")]).await;
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let down = bound.local_addr().unwrap();
    for url in [
        format!("http://{down}/jwks"),
        format!("http://{}/jwks", document_server(Arc::new(Mutex::new((302, String::new())))).await),
        format!("http://{}/jwks", document_server(Arc::new(Mutex::new((200, "<html>".to_owned())))).await),
        format!("http://{}/jwks", document_server(Arc::new(Mutex::new((200, " ".repeat(300 << 10))))).await),
    ] {
        let sidecar = Sidecar::start(upstream.address, "", "", &jwt_section(&format!("url = \"{url}\""))).await;
        let mut request = sidecar.chat(ASK);
        let token = format!("Bearer {}", Keys::own().token());
        request.headers_mut().insert("authorization", token.parse().unwrap());
        let response = send(request).await;
        assert_eq!(
            (response.status().as_u16(), response.headers()["retry-after"].as_bytes()),
            (503, &b"1"[..]),
            "{url}"
        );
    }
    assert!(upstream.requests().is_empty());
}

/// Asks again and again until the answer is as expected: files are looked at every few seconds.
async fn eventually<T: PartialEq + std::fmt::Debug>(expected: T, mut ask: impl AsyncFnMut() -> T) {
    let mut last = None;
    let asking = async {
        loop {
            let found = ask().await;
            if found == expected {
                return;
            }
            last = Some(found);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, asking).await;
    assert!(in_time.is_ok(), "not {expected:?} but {last:?}");
}

#[tokio::test]
async fn keys_in_a_file_are_read_again_and_a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, Keys::own().jwks("a-").to_string()).unwrap();
    let upstream = Upstream::start(vec![json_response("200 OK", "{}")]).await;
    let sidecar =
        Sidecar::start(upstream.address, "", "", &jwt_section(&format!("file = \"{}\"", file.display()))).await;
    let (old, new) = (signed(Keys::own(), "a-rsa"), signed(Keys::foreign(), "b-rsa"));
    assert_eq!((status_with(&sidecar, &old).await, status_with(&sidecar, &new).await), (200, 401));
    std::fs::write(&file, "{\"keys\": [").unwrap();
    // Longer than the files are left alone.
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert_eq!(status_with(&sidecar, &old).await, 200, "the last good keys stay");
    std::fs::write(&file, Keys::foreign().jwks("b-").to_string()).unwrap();
    eventually(200, async || status_with(&sidecar, &new).await).await;
    assert_eq!(status_with(&sidecar, &old).await, 401, "the old key is no key any more");
}

/// A certificate authority in a test.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn certificate(&self) -> rcgen::Certificate {
        self.params.self_signed(&self.key).unwrap()
    }

    /// A certificate for these names, and its key.
    fn issue(&self, names: &[SanType]) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names.to_vec();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        (params.signed_by(&key, &issuer).unwrap(), key)
    }
}

fn save(folder: &Path, authority: &Authority) -> String {
    let (certificate, key) = authority.issue(&[SanType::IpAddress("127.0.0.1".parse().unwrap())]);
    for (name, pem) in
        [("ca.pem", authority.certificate().pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
    {
        std::fs::write(folder.join(name), pem).unwrap();
    }
    let path = folder.display();
    format!("certificate = \"{path}/cert.pem\", key = \"{path}/key.pem\", client_ca = \"{path}/ca.pem\"")
}

/// The status of a call over TLS with this client certificate, or `None` where there was no connection.
async fn over_tls(
    sidecar: &Sidecar,
    authority: &Authority,
    own: Option<&(rcgen::Certificate, KeyPair)>,
    h2: bool,
) -> Option<u16> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let tls = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            builder.with_client_auth_cert(vec![CertificateDer::from(certificate.der().to_vec())], key).unwrap()
        }
    };
    let https = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_only();
    let https = if h2 { https.enable_http2().build() } else { https.enable_http1().build() };
    let client = Client::builder(TokioExecutor::new()).http2_only(h2).build::<_, Full<Bytes>>(https);
    let request = Request::post(format!("https://{}/v1/chat/completions", sidecar.address))
        .header("content-type", "application/json")
        .body(Full::from(ASK))
        .unwrap();
    let response = tokio::time::timeout(PATIENCE, client.request(request)).await.expect("an end");
    response.ok().map(|response| response.status().as_u16())
}

#[tokio::test]
async fn client_certificates_say_who_calls() {
    let upstream = Upstream::start(vec![json_response("200 OK", "{}")]).await;
    let folder = tempfile::tempdir().unwrap();
    let (authority, foreign) = (Authority::new(), Authority::new());
    let files = save(folder.path(), &authority);
    let uri = |uri: &str| SanType::URI(uri.try_into().unwrap());
    let good = authority.issue(&[uri("spiffe://prod.example/acme/billing")]);
    let nobody = authority.issue(&[uri("spiffe://other.example/acme/billing")]);
    let strange = foreign.issue(&[uri("spiffe://prod.example/acme/billing")]);
    let identity = "[identity]\nstatic = { tenant = \"house\", principal = \"nobody\" }\n\
                    [identity.mtls]\nspiffe = \"spiffe://prod.example/{tenant}/{principal}\"\n";
    for (auth, without) in [("required", None), ("optional", Some(200))] {
        let tls = format!("tls = {{ {files}, client_auth = \"{auth}\" }}");
        let sidecar = Sidecar::start(upstream.address, &tls, "", identity).await;
        for (name, own, expected) in [
            ("a caller", Some(&good), Some(200)),
            ("a certificate that names nobody here", Some(&nobody), Some(401)),
            ("a certificate of another authority", Some(&strange), None),
            ("none", None, without),
        ] {
            for h2 in [false, true] {
                assert_eq!(over_tls(&sidecar, &authority, own, h2).await, expected, "{auth}, {name}, h2 {h2}");
            }
        }
        let tenants = sidecar.ledger.tenants();
        assert!(tenants.contains(&"acme".to_owned()));
        assert_eq!(tenants.contains(&"house".to_owned()), without.is_some());
    }
}

#[tokio::test]
async fn certificates_are_read_again_and_a_broken_file_changes_nothing() {
    let upstream = Upstream::start(vec![json_response("200 OK", "{}")]).await;
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Authority::new(), Authority::new());
    let files = save(folder.path(), &first);
    let uri = SanType::URI("spiffe://prod.example/acme/billing".try_into().unwrap());
    let (old, new) = (first.issue(std::slice::from_ref(&uri)), second.issue(&[uri]));
    let identity = "[identity]\n[identity.mtls]\nspiffe = \"spiffe://prod.example/{tenant}/{principal}\"\n";
    let sidecar = Sidecar::start(upstream.address, &format!("tls = {{ {files} }}"), "", identity).await;
    assert_eq!(over_tls(&sidecar, &first, Some(&old), true).await, Some(200));
    std::fs::write(folder.path().join("cert.pem"), "-----BEGIN CERTIFICATE-----\nbroken").unwrap();
    // Longer than the files are left alone.
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert_eq!(over_tls(&sidecar, &first, Some(&old), true).await, Some(200), "the last good certificate stays");
    // Another authority for both sides: the server's new certificate, and whose clients are let in.
    save(folder.path(), &second);
    eventually(Some(200), async || over_tls(&sidecar, &second, Some(&new), true).await).await;
    assert_eq!(
        over_tls(&sidecar, &second, Some(&old), true).await,
        None,
        "the old authority's clients are strangers now"
    );
}
