//! Where the demonstration plays: a provider and a sidecar in this process, and a folder that goes away with it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::app::{App, RunningApp, StartOptions};
use crate::audit::read::read;
use crate::config::Config;
use crate::detect::classifier::library::Library;
use crate::keys::{Algorithm, generate, read_private, write_pair};

use super::provider::{Memory, Provider, Scenario, Script, Scripts, When};
use super::story::TOOL;

/// The tenant that the throw-away key belongs to.
const TENANT: &str = "demo";

/// Everything that runs.
pub(super) struct Stage {
    /// The sidecar's base URL.
    pub(super) url: String,
    /// The provider's base URL.
    pub(super) provider_url: String,
    /// What the provider saw.
    pub(super) provider: Arc<Memory>,
    private_key: PathBuf,
    app: RunningApp,
    folder: Folder,
}

/// The configuration that the demonstration runs on: the default profile, everything else named.
fn configuration(listen: SocketAddr, admin: SocketAddr, provider: &str) -> String {
    format!(
        r#"
profile = "balanced"

[server]
listen = ["{listen}"]
admin = "{admin}"

[[upstream]]
name = "scripted-openai"
dialects = ["openai"]
url = "{provider}"

[[upstream]]
name = "scripted-anthropic"
dialects = ["anthropic"]
url = "{provider}"

[identity]
static = {{ tenant = "{TENANT}", principal = "visitor", roles = ["guest"] }}

# The shop's refund tool must have the card itself: without this row, cards are restored to the caller's text alone.
[[guardrail]]
name = "refunds need the card"
kinds = ["pci.pan"]
phase = "request"
threshold = 50
action = "redact"
strategy = "tokenize"
restore_in_tools = true

[audit]
dir = "audit"
keys = "keys"
durability = "strict"
content = "filtered"
"#
    )
}

/// The `[classifier]` section, where the program's own model and ONNX Runtime's library are there (`make demo` sees to both).
fn classifier() -> Option<String> {
    let model = Path::new("models/injection").canonicalize().ok()?;
    let library = Library::find(None).ok()?;
    let quoted = |path: &Path| toml::Value::from(path.to_str().unwrap_or_default()).to_string();
    Some(format!("[classifier]\nmodel = {}\nlibrary = {}\n", quoted(&model), quoted(&library)))
}

/// The tool call is told in small pieces, at cuts that no placeholder survives in one piece.
fn scripts() -> Scripts {
    let script = Script { scenario: Scenario::Tool, delta: 3, chunk: 17, ..Script::default() };
    Scripts { default: Script::default(), when: vec![When { contains: format!("\"{TOOL}\""), script }] }
}

impl Stage {
    /// Sets everything up.
    pub(super) async fn set() -> Result<Self, String> {
        let folder = Folder::new()?;
        let keys = folder.0.join("keys");
        let pair = generate(Algorithm::P256).map_err(|error| format!("keys: {error}"))?;
        let (_, private_key) = write_pair(&keys, TENANT, &pair).map_err(|error| format!("keys: {error}"))?;

        let provider = Provider::bind("127.0.0.1:0", scripts()).await.map_err(|error| format!("provider: {error}"))?;
        let address = provider.address().map_err(|error| format!("provider: {error}"))?;
        let memory = provider.memory();
        tokio::spawn(provider.run());
        let provider_url = format!("http://{address}");

        let (listen, admin) = free_addresses().map_err(|error| format!("no free port: {error}"))?;
        let text = configuration(listen, admin, &provider_url) + &classifier().unwrap_or_default();
        let config = Config::from_toml(&text, &folder.0).map_err(|error| format!("configuration: {error}"))?;
        let app = App::start(config, StartOptions::default()).await.map_err(|error| format!("sidecar: {error}"))?;
        Ok(Self { url: format!("http://{listen}"), provider_url, provider: memory, private_key, app, folder })
    }

    /// Where the records are.
    pub(super) fn audit(&self) -> PathBuf {
        self.folder.0.join("audit")
    }

    /// The file with the tenant's private key: what the sidecar itself never reads.
    pub(super) fn private_key(&self) -> &Path {
        &self.private_key
    }

    /// The decrypted records of an exchange, oldest first.
    #[expect(clippy::disallowed_methods, reason = "one reader of files at a time, in a process that ends")]
    pub(super) async fn records(&self, exchange: &str) -> Result<Vec<Value>, String> {
        let (audit, private_key, exchange) = (self.audit(), self.private_key.clone(), exchange.to_owned());
        tokio::task::spawn_blocking(move || {
            let (_, key) = read_private(&private_key).map_err(|error| error.to_string())?;
            let mut records = Vec::new();
            read(&audit, &key.into(), |_, json| {
                let record: Value = super::parse(json).unwrap_or_default();
                if record.get("exchange").and_then(Value::as_str) == Some(&exchange) {
                    records.push(record);
                }
                ControlFlow::Continue(())
            })
            .map_err(|error| format!("the audit log cannot be read: {error}"))?;
            Ok(records)
        })
        .await
        .map_err(|error| format!("the audit log cannot be read: {error}"))?
    }

    /// Ends the sidecar in order; the folder goes away.
    pub(super) async fn strike(self) -> Result<(), String> {
        self.app.shutdown();
        if self.app.join().await { Ok(()) } else { Err("the sidecar did not end by itself".to_owned()) }
    }
}

/// Two addresses that are free now. Another program may take one before we do; then the start says so.
fn free_addresses() -> std::io::Result<(SocketAddr, SocketAddr)> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let second = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok((first.local_addr()?, second.local_addr()?))
}

/// A folder that only we can read and that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        use std::os::unix::fs::DirBuilderExt;
        let name = format!("sidewall-demo-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| format!("cannot make the folder {}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Its name tells whose it is, should it stay behind.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
