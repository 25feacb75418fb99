//! The composition root: a configuration becomes running parts, and they end in order.

mod anchor;
pub mod classifier;
pub mod guards;
pub mod jwks;
mod ledger;
pub mod reload;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::jwks::Fetcher;
use crate::app::reload::status::{self, Status};
use crate::config::{Config, Listen, UnknownEndpoint};
use crate::identity::Identifier;
use crate::inspect::Judge;
use crate::proxy::Proxy;
use crate::proxy::approvals::is_about_approvals;
use crate::proxy::budget::Budget;
use crate::proxy::cpu::Cpu;
use crate::proxy::guards::GuardBook;
use crate::proxy::ledger::Ledger;
use crate::proxy::receive::Limits;
use crate::proxy::shadow::Shadow;
use crate::server::admin::Admin;
use crate::server::listener::Listener;
use crate::server::tls::ServerTls;
use crate::server::{ConnectionLimits, Shared};
use crate::telemetry;
use crate::upstream::client::Tls;
use crate::upstream::{UpstreamError, Upstreams};

/// Longest silence within a request's body: a caller that sends less than a piece in 15 s is gone or hostile.
const BODY_STALL: Duration = Duration::from_secs(15);
/// LIMIT: 16 connections to the admin listener: one prober and one scraper, and some to spare.
const ADMIN_CONNECTIONS: usize = 16;
/// How long connections may take to fall once they were cut.
const CUT: Duration = Duration::from_secs(1);

/// Why the program could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}; free the address or change [server]")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// An upstream could not be set up.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// TLS on our own listeners could not be set up.
    #[error("[server.tls] {0}")]
    ServerTls(String),
    /// The rules could not be loaded.
    #[error("rulesets: {0}")]
    Rules(String),
    /// The classifier could not be started.
    #[error("[classifier] {0}")]
    Classifier(String),
    /// No random key could be made.
    #[error("the system's random generator failed")]
    Random,
    /// The audit log could not be opened.
    #[error("audit: {0}")]
    Audit(String),
}

/// What a start may differ in, beside the configuration.
#[derive(Debug, Default)]
pub struct StartOptions {
    /// Certificates (PEM) that upstreams' own must descend from, instead of the public roots.
    pub ca: Option<PathBuf>,
    /// Where records go, instead of where the configuration says.
    pub ledger: Option<Arc<dyn Ledger>>,
}

/// The program.
#[derive(Debug)]
pub struct App;

impl App {
    /// Starts everything; returns when all listeners are bound and calls can come. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(config: Config, options: StartOptions) -> Result<RunningApp, StartError> {
        for warning in &config.warnings {
            tracing::warn!(%warning, "configuration");
        }
        let metrics = telemetry::recorder();
        let server = &config.server;
        let rules =
            reload::load(&config.rulesets.live_paths()).map_err(|errors| StartError::Rules(errors.to_string()))?;
        for at in rules.idle_overrides(&config.rulesets.overrides) {
            tracing::warn!(place = at + 1, "a [[rulesets.override]] names no rule of the set");
        }
        let (status, rulesets) = watch::channel(Status::new(&rules));
        let (tool_status, policies) = watch::channel(reload::tools::Status::new(&config.tools));
        let shadow = config
            .rulesets
            .may_shadow()
            .then(Shadow::new)
            .transpose()
            .map_err(|error| StartError::Rules(format!("no thread for the shadow: {error}")))?;
        let seat = config.classifier.as_ref().map(classifier::start).transpose().map_err(StartError::Classifier)?;
        let judge = seat.clone().map(|seat| seat as Arc<dyn Judge>);
        let make = guards::maker(&config, shadow.clone(), judge).ok_or(StartError::Random)?;
        let ledger = match options.ledger {
            Some(ledger) => ledger,
            None => ledger::open(&config)?,
        };
        let tls = Tls::new(options.ca.as_deref())?;
        let identifier = Identifier::from_settings(&config.identity);
        let source = config.identity.jwt.as_ref().map(|jwt| &jwt.jwks);
        let fetcher = identifier
            .jwks()
            .cloned()
            .zip(source)
            .map(|(keys, source)| Fetcher::new(source, &tls).map(|fetcher| (keys, fetcher)));
        let fetcher = fetcher.transpose()?;
        let proxy = Arc::new(Proxy {
            identifier,
            guards: GuardBook::new(rules, Arc::new(config.tools.clone()), make),
            upstreams: Upstreams::new(&config.upstreams, &tls)?,
            ledger,
            cpu: Cpu::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
            limits: Limits { bytes: server.max_body_bytes, stall: BODY_STALL, whole: server.body_timeout },
            bytes: Budget::new(server.max_in_flight_bytes),
            slots: Budget::new(server.max_concurrency),
            deny_unknown: server.unknown_endpoint == UnknownEndpoint::Deny,
            draining: AtomicBool::new(false),
        });
        let server_tls =
            server.tls.clone().map(ServerTls::new).transpose().map_err(StartError::ServerTls)?.map(Arc::new);
        let mut listeners = Vec::new();
        for address in &server.listen {
            listeners.push(bind(address).await?);
        }
        let admin_listener = bind(&server.admin).await?;
        let addresses = listeners.iter().filter_map(|listener| listener.address().ok()).collect();
        let admin_address = admin_listener.address().ok();

        let limits =
            ConnectionLimits { headers: server.header_timeout, idle: server.idle_timeout, write: server.write_timeout };
        let callers = Shared::new(limits, server.max_connections);
        let admins = Shared::new(limits, ADMIN_CONNECTIONS);
        let background = TaskTracker::new();
        let ready = Arc::new(AtomicBool::new(true));
        for listener in listeners {
            let proxy = Arc::clone(&proxy);
            let handler = Arc::new(move |request| {
                let proxy = Arc::clone(&proxy);
                async move { proxy.handle(request).await }
            });
            background.spawn(listener.serve(callers.clone(), handler, server_tls.clone()));
        }
        let shown = rulesets.clone();
        let seen = shadow.clone();
        let show = Arc::new(move || status::json(&shown.borrow(), seen.as_deref()));
        let seen = policies.clone();
        let show_policies = Arc::new(move || serde_json::to_vec(&*seen.borrow()).unwrap_or_default());
        let admin = Admin { ready: Arc::clone(&ready), metrics, rulesets: show, policies: show_policies };
        let desk = Arc::clone(&proxy);
        let handler = Arc::new(move |request: Request<Incoming>| {
            let (admin, desk) = (admin.clone(), Arc::clone(&desk));
            async move {
                if !is_about_approvals(request.uri().path()) {
                    return admin.answer(&request);
                }
                let (parts, _body) = request.into_parts();
                desk.approvals(&parts).await
            }
        });
        background.spawn(admin_listener.serve(admins.clone(), handler, None));
        let reload = Arc::new(Notify::new());
        let watch = reload::watch(
            Arc::clone(&proxy),
            config.rulesets.clone(),
            shadow,
            Arc::clone(&reload),
            status,
            tool_status,
        );
        background.spawn(admins.drain.clone().run_until_cancelled_owned(watch));
        if let Some(tls) = server_tls {
            background.spawn(admins.drain.clone().run_until_cancelled_owned(reload::watch_certificates(tls)));
        }
        if let Some((seat, settings)) = seat.zip(config.classifier.clone()) {
            background.spawn(admins.drain.clone().run_until_cancelled_owned(classifier::watch(seat, settings)));
        }
        if let Some((keys, fetcher)) = fetcher {
            background.spawn(admins.drain.clone().run_until_cancelled_owned(jwks::keep(keys, fetcher)));
        }
        let drain_timeout = server.drain_timeout;
        Ok(RunningApp {
            addresses,
            admin_address,
            proxy,
            ready,
            callers,
            admins,
            background,
            reload,
            rulesets,
            policies,
            drain_timeout,
        })
    }
}

/// A program under way. Dropped without [`RunningApp::join`], it goes on until its runtime ends.
pub struct RunningApp {
    addresses: Vec<Listen>,
    admin_address: Option<Listen>,
    proxy: Arc<Proxy>,
    ready: Arc<AtomicBool>,
    callers: Shared,
    admins: Shared,
    background: TaskTracker,
    reload: Arc<Notify>,
    rulesets: watch::Receiver<Status>,
    policies: watch::Receiver<reload::tools::Status>,
    drain_timeout: Duration,
}

impl fmt::Debug for RunningApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningApp").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl RunningApp {
    /// Where callers connect in fact (a port 0 of the configuration is resolved).
    #[must_use]
    pub fn addresses(&self) -> &[Listen] {
        &self.addresses
    }

    /// Where probes and metrics answer in fact.
    #[must_use]
    pub const fn admin_address(&self) -> Option<&Listen> {
        self.admin_address.as_ref()
    }

    /// What is under way inside.
    #[must_use]
    pub const fn proxy(&self) -> &Arc<Proxy> {
        &self.proxy
    }

    /// Begins the end: nothing new is accepted, `/readyz` answers 503, live exchanges go on.
    pub fn shutdown(&self) {
        self.stopper().stop();
    }

    /// Something that can begin the end from elsewhere.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        let (ready, proxy) = (Arc::clone(&self.ready), Arc::clone(&self.proxy));
        Stopper { ready, proxy, drain: self.callers.drain.clone() }
    }

    /// Where approved tools and policies stand, and every change of it.
    #[must_use]
    pub fn policies(&self) -> watch::Receiver<reload::tools::Status> {
        self.policies.clone()
    }

    /// Notified, it has rulesets, approved tools and policies loaded anew.
    #[must_use]
    pub fn reloader(&self) -> Arc<Notify> {
        Arc::clone(&self.reload)
    }

    /// Where the rules stand, and every change of it.
    #[must_use]
    pub fn rulesets(&self) -> watch::Receiver<Status> {
        self.rulesets.clone()
    }

    /// Waits for the end: until [`RunningApp::shutdown`], then for live exchanges, but no longer than the drain timeout,
    /// then for the records. Returns whether all exchanges ended by themselves.
    pub async fn join(self) -> bool {
        self.callers.drain.cancelled().await;
        self.callers.tasks.close();
        let drained = tokio::time::timeout(self.drain_timeout, self.callers.tasks.wait()).await.is_ok();
        if !drained {
            tracing::warn!("the drain took too long: live exchanges are cut");
            self.callers.cut.cancel();
            // Their records say `aborted`; dropping a task is quick.
            let _ = tokio::time::timeout(CUT, self.callers.tasks.wait()).await;
        }
        self.proxy.ledger.close().await;
        self.admins.drain.cancel();
        self.admins.cut.cancel();
        self.background.close();
        let _ = tokio::time::timeout(CUT, self.background.wait()).await;
        drained
    }
}

/// Begins the end of a [`RunningApp`].
#[derive(Debug, Clone)]
pub struct Stopper {
    ready: Arc<AtomicBool>,
    proxy: Arc<Proxy>,
    drain: CancellationToken,
}

impl Stopper {
    /// As [`RunningApp::shutdown`].
    pub fn stop(&self) {
        self.ready.store(false, Ordering::Relaxed);
        self.proxy.draining.store(true, Ordering::Relaxed);
        self.drain.cancel();
    }
}

async fn bind(address: &Listen) -> Result<Listener, StartError> {
    Listener::bind(address).await.map_err(|source| StartError::Listen { address: address.to_string(), source })
}
