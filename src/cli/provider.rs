//! `sidewall provider`: the scripted provider by itself, for tests and for trying out a client.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Failure, Output};
use crate::demo::provider::{Provider, Scripts, read_scripts};

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
}

impl ProviderCommand {
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
            out.line(format_args!("listening on http://{address}"));
            out.flush().map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))?;
            tokio::select! {
                () = provider.run() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            Ok(Exit::Clean)
        })
    }
}
