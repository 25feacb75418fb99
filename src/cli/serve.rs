//! `sidewall serve`: the sidecar itself.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::app::{App, RunningApp, StartOptions};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::config::Config;

/// Run the sidecar until SIGTERM or SIGINT; SIGHUP reloads the rulesets.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 ended after a full drain · 1 live exchanges had to be cut · \
                        2 usage or configuration error\n\nExample:\n  sidewall serve --config sidewall.toml")]
pub(super) struct Serve {
    /// The configuration.
    #[arg(long, default_value = "sidewall.toml")]
    config: PathBuf,
    /// Threads that carry exchanges [default: one per core].
    #[arg(long)]
    workers: Option<usize>,
    /// Certificates (PEM) that upstreams' own must descend from, instead of the public roots.
    #[arg(long)]
    upstream_ca: Option<PathBuf>,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What is logged, as in `info` or `sidewall=debug`.
    #[arg(long, default_value = "info")]
    log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Serve {
    /// Runs the command.
    ///
    /// # Errors
    /// The configuration is wrong (all errors at once), or something could not start.
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let config = Config::from_file(&self.config).map_err(|errors| Failure::from_error(&errors))?;
        start_log(&self.log, self.log_format)?;
        quiet_panics();
        no_core_files();
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if let Some(workers) = self.workers {
            builder.worker_threads(workers.max(1));
        }
        let runtime = builder.enable_all().build().map_err(|error| Failure::from_error(&error))?;
        let options = StartOptions { ca: self.upstream_ca, ledger: None };
        let drained = runtime.block_on(async {
            let app = App::start(config, options).await.map_err(|error| Failure::from_error(&error))?;
            for address in app.addresses() {
                tracing::info!(%address, "listening");
            }
            if let Some(address) = app.admin_address() {
                tracing::info!(%address, "admin listening");
            }
            obey_signals(&app)?;
            Ok::<_, Failure>(app.join().await)
        })?;
        out.flush().map_err(|error| Failure::from_error(&error))?;
        Ok(if drained { Exit::Clean } else { Exit::Found })
    }
}

fn start_log(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|error| Failure::new(format!("--log: {error}")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::new(format!("the log could not start: {error}")))
}

/// SECURITY: a panic's message can quote a text, so only its place is logged.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

/// SECURITY: memory holds callers' texts, a core file would hold them on disk.
fn no_core_files() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
            tracing::warn!("core files could not be switched off; set `ulimit -c 0`");
        }
    }
}

fn obey_signals(app: &RunningApp) -> Result<(), Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::from_error(&error));
    let (mut term, mut int, mut hup) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?);
    let (stop, reload) = (app.stopper(), app.reloader());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hup.recv() => reload.notify_one(),
            }
        }
        tracing::info!("draining");
        stop.stop();
    });
    Ok(())
}
