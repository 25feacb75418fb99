//! `sidewall provider`: the scripted provider by itself, for tests and for trying out a client.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Failure, Output};
use crate::config::settings::{ClientAuth, TlsSettings};
use crate::demo::provider::{Provider, Scripts, read_scripts};
use crate::server::tls::ServerTls;

/// Run the scripted provider: it speaks both wire formats and answers as the prompt says (`#scenario:NAME`).
#[derive(Debug, Args)]
#[command(after_help = "It is made for tests: it checks no key and keeps what it receives (GET /__received).\n\n\
                        Example:\n  sidewall provider --listen 127.0.0.1:9100 --scenario slow.json")]
pub(super) struct ProviderCommand {
    /// Address to listen on; port 0 picks a free one. The first line of output says which.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100")]
    listen: String,
    /// Scenario file: {"default": {"scenario": "echo"}, "when": [{"contains": "…", "script": {"scenario": "cut"}}]}.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Speak TLS with this certificate (PEM, and the chain behind it).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

impl ProviderCommand {
    fn tls(&self) -> Result<Option<ServerTls>, Failure> {
        let (Some(certificate), Some(key)) = (self.tls_certificate.clone(), self.tls_key.clone()) else {
            return Ok(None);
        };
        let settings = TlsSettings { certificate, key, client_ca: None, client_auth: ClientAuth::Optional };
        ServerTls::new(settings).map(Some).map_err(Failure::new)
    }

    /// Runs until it is killed.
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let scripts = match &self.scenario {
            Some(path) => read_scripts(path).map_err(|error| Failure::from_error(&error))?,
            None => Scripts::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
        runtime.block_on(async {
            let cannot_listen = |error| Failure::new(format!("cannot listen on {}: {error}", self.listen));
            let provider = Provider::bind(&self.listen, scripts).await.map_err(cannot_listen)?;
            let address = provider.address().map_err(cannot_listen)?;
            let (scheme, provider) = match self.tls()? {
                Some(tls) => ("https", provider.over(tls)),
                None => ("http", provider),
            };
            out.line(format_args!("listening on {scheme}://{address}"));
            out.flush().map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))?;
            tokio::select! {
                () = provider.run() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            Ok(Exit::Clean)
        })
    }
}
