//! The life of an exchange: from a request's line to the last byte of its response.
//!
//! The order is the safety: line and headers → identity → limits → body → **inspect** → admission record → upstream →
//! **inspect** → records on disk → caller. Whatever fails on the way becomes a [`Refusal`] and, in one place, a response.

pub mod approvals;
pub mod body;
pub mod budget;
pub mod classify;
pub mod cpu;
pub mod entry;
pub mod exchange;
pub mod guards;
pub mod headers;
pub mod id;
pub mod idle;
pub mod ledger;
pub mod receive;
pub mod recording;
pub mod reply;
pub mod shadow;
pub mod stream;
pub mod target;
pub mod whole;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use jiff::Timestamp;

use crate::dialect::{Endpoint, route};
use crate::identity::{Identifier, IdentityError, Peer};
use crate::inspect::{Cleared, Framing, Guards, Refusal, RefusalCode, Report, ResponseInspector, begin_request};
use crate::proxy::body::OutBody;
use crate::proxy::budget::{Budget, Held};
use crate::proxy::cpu::Cpu;
use crate::proxy::entry::Carries;
use crate::proxy::exchange::{Exchange, Facts, settle};
use crate::proxy::guards::GuardBook;
use crate::proxy::id::ExchangeId;
use crate::proxy::ledger::Ledger;
use crate::proxy::receive::Limits;
use crate::proxy::stream::GuardedStream;
use crate::proxy::target::Target;
use crate::telemetry::events::{Identified, Refused};
use crate::upstream::{Upstream, Upstreams};

/// Carries exchanges.
pub struct Proxy {
    /// Who calls.
    pub identifier: Identifier,
    /// Which guards.
    pub guards: GuardBook,
    /// Where to.
    pub upstreams: Upstreams,
    /// Who remembers.
    pub ledger: Arc<dyn Ledger>,
    /// Where inspection runs.
    pub cpu: Cpu,
    /// Limits of one body.
    pub limits: Limits,
    /// Bytes of bodies in memory, over all exchanges.
    pub bytes: Arc<Budget>,
    /// Exchanges under way.
    pub slots: Arc<Budget>,
    /// Endpoints that no table mentions are refused.
    pub deny_unknown: bool,
    /// Shutting down: nothing new begins.
    pub draining: AtomicBool,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("guards", &self.guards).finish_non_exhaustive()
    }
}

/// A request whose caller is known: from here on there is an exchange, and whatever happens to it is recorded.
struct Admitted<'p> {
    exchange: Exchange,
    guards: Guards,
    consumed: bool,
    target: Target<'p>,
    carries: Carries,
}

/// What the caller asks for, and with which guards.
struct Call<'p> {
    parts: &'p Parts,
    target: Target<'p>,
    carries: Carries,
    consumed: bool,
    guards: Guards,
}

/// An upstream's answer that may be passed on.
enum Answer {
    Whole { head: Head, pieces: Vec<Cleared<Bytes>>, report: Box<Report>, took: Duration },
    Stream { head: Head, upstream: Incoming, inspector: Box<ResponseInspector>, framing: Framing, idle: Duration },
    Bodiless(Head),
}

struct Head {
    status: StatusCode,
    headers: HeaderMap,
}

impl Proxy {
    /// Answers a request. Never fails: whatever goes wrong is a response.
    pub async fn handle(&self, request: Request<Incoming>) -> Response<OutBody> {
        let since = Instant::now();
        let (parts, body) = request.into_parts();
        let last = entry::last_of_connection(&parts.headers);
        let mut response = self.answer(&parts, body, since).await;
        if last {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn answer(&self, parts: &Parts, body: Incoming, since: Instant) -> Response<OutBody> {
        let mut endpoint = route(parts.method.as_str(), "/", &|_| false).endpoint;
        let Some(id) = ExchangeId::new() else {
            return reply::refused(endpoint.dialect, &Refusal::new(RefusalCode::Internal, ""), "", "");
        };
        match self.admit(&id, parts, since, &mut endpoint).await {
            Ok(admitted) => self.carry(admitted, parts, body).await,
            Err(refusal) => {
                // No exchange began: there is no tenant whose record it could be, or no room for one.
                Refused { exchange: id.as_str(), endpoint: endpoint.name, code: refusal.code, rule: "" }.emit();
                reply::refused(endpoint.dialect, &refusal, id.as_str(), &self.guards.hash())
            }
        }
    }

    /// All that comes before an exchange.
    async fn admit<'p>(
        &self,
        id: &ExchangeId,
        parts: &'p Parts,
        since: Instant,
        endpoint: &mut &'static Endpoint,
    ) -> Result<Admitted<'p>, Refusal> {
        let target = Target::parse(&parts.uri);
        if let Ok(target) = &target {
            // Known from here on, so that whatever follows is told in the caller's dialect.
            *endpoint = route(parts.method.as_str(), target.path, &|name| parts.headers.contains_key(name)).endpoint;
        }
        let carries = entry::line(parts)?;
        let target = target?;
        if self.draining.load(Ordering::Relaxed) {
            return Err(Refusal::new(RefusalCode::Draining, ""));
        }
        let identified = self.identifier.identify(&parts.headers, parts.extensions.get::<Peer>()).await;
        Identified { outcome: &identified }.emit();
        let caller = identified.map_err(|error| stranger(&error))?;
        let slot = self.slots.take(1).ok_or_else(|| Refusal::new(RefusalCode::Overloaded, ""))?;
        let (mut guards, ruleset) = self.guards.guards(&caller.principal.tenant);
        guards.onlooker = guards.onlooker.and_then(|onlooker| onlooker.for_exchange(id.as_str()));
        let guards = guards.for_caller(Arc::clone(&caller.principal));
        let facts = Facts {
            id: id.clone(),
            principal: caller.principal,
            endpoint,
            upstream: Arc::from(""),
            ruleset,
            policies: Arc::from(guards.tools.policy_hash()),
            began: Timestamp::now(),
        };
        let exchange = Exchange::begin(facts, Arc::clone(&self.ledger), since, vec![slot]);
        Ok(Admitted { exchange, guards, consumed: caller.consumed_credential, target, carries })
    }

    fn choose(&self, target: &Target<'_>, endpoint: &'static Endpoint) -> Result<Arc<Upstream>, Refusal> {
        if self.deny_unknown && !endpoint.known {
            return Err(Refusal::new(RefusalCode::UnknownEndpoint, ""));
        }
        self.upstreams.choose(target.upstream, endpoint.dialect.name, endpoint.known).map(Arc::clone)
    }

    async fn receive(&self, parts: &Parts, carries: Carries, body: Incoming) -> Result<(Bytes, Held), Refusal> {
        let announced = !body.is_end_stream();
        entry::content(&parts.headers, carries, announced)?;
        receive::body(body, self.limits, &self.bytes).await
    }

    /// The exchange itself.
    async fn carry(&self, admitted: Admitted<'_>, parts: &Parts, body: Incoming) -> Response<OutBody> {
        let Admitted { mut exchange, guards, consumed, target, carries } = admitted;
        let mut found = Report::default();
        let call = Call { parts, target, carries, consumed, guards };
        let answer = self.forward(&mut exchange, call, body, &mut found).await;
        let outcome = match answer {
            Ok(Answer::Stream { head, upstream, inspector, idle, framing }) => {
                exchange.answers(head.status.as_u16(), true);
                let facts = exchange.facts().clone();
                let stream = GuardedStream::new(upstream, *inspector, exchange, idle, framing);
                return respond(head, OutBody::stream(stream), &facts, None);
            }
            Ok(Answer::Whole { head, pieces, report, took }) => {
                exchange.answers(head.status.as_u16(), false);
                finish(&mut exchange, *report, Some(took)).await.map(|()| (head, OutBody::cleared(pieces)))
            }
            Ok(Answer::Bodiless(head)) => {
                exchange.answers(head.status.as_u16(), false);
                finish(&mut exchange, Report::default(), None).await.map(|()| (head, OutBody::empty()))
            }
            Err(refusal) => Err(refusal),
        };
        match outcome {
            Ok((head, body)) => respond(head, body, exchange.facts(), Some(exchange.verdict().word())),
            Err(refusal) => refuse(&mut exchange, refusal, found).await,
        }
    }

    /// Inspect, admit, send, inspect. `found`: what was found in a response that is then refused.
    async fn forward(
        &self,
        exchange: &mut Exchange,
        call: Call<'_>,
        body: Incoming,
        found: &mut Report,
    ) -> Result<Answer, Refusal> {
        let Call { parts, target, carries, consumed, guards } = call;
        let endpoint = exchange.facts().endpoint;
        let upstream = self.choose(&target, endpoint)?;
        exchange.goes_to(Arc::clone(upstream.name()));
        let (body, held) = self.receive(parts, carries, body).await?;
        exchange.hold(held);
        let has_body = !body.is_empty();
        if target.query.is_some() || !has_body || !endpoint.known {
            target.scan(&guards)?;
        }
        let size = body.len();
        let since = Instant::now();
        let for_request = guards.clone();
        let named = endpoint.named_in(target.path);
        let begun = self.cpu.run(size, move || begin_request(&for_request, endpoint, &named, body)).await?;
        let inspected = match begun {
            Ok(pending) => classify::settle(pending, guards.judge.as_ref()).await,
            Err(refused) => Err(refused),
        };
        let (cleared, vault, toolbox) = match inspected {
            Ok(inspected) => {
                exchange.inspected(inspected.report, since.elapsed());
                (inspected.body, inspected.vault, inspected.toolbox)
            }
            Err(refused) => {
                let (refusal, report) = *refused;
                exchange.inspected(report, since.elapsed());
                return Err(refusal);
            }
        };
        let table = upstream.headers(endpoint.dialect.name);
        let headers = headers::upstream(&parts.headers, table, has_body, upstream.credential(), consumed)?;
        exchange.admit()?;
        let method = parts.method.clone();
        let bodiless = method == Method::HEAD;
        let since = Instant::now();
        let response = upstream.send(method, &target.forwarded(), headers, cleared).await;
        exchange.waited(since.elapsed());
        let response = response?;
        let (head, incoming) = response.into_parts();
        let has_answer = !bodiless && !incoming.is_end_stream();
        let framing = headers::framing(head.status, &head.headers, has_answer, endpoint.media)?;
        // An array that is written while it is read; its errors are plain documents.
        let framing = framing.map(|framing| match framing {
            Framing::Whole if endpoint.elements && head.status.is_success() => Framing::Elements,
            other => other,
        });
        let head = Head { status: head.status, headers: headers::downstream(&head.headers, table, framing) };
        let Some(framing) = framing else {
            return Ok(Answer::Bodiless(head));
        };
        let costly = toolbox.is_costly(cpu::INLINE_BYTES);
        let inspector = ResponseInspector::new(guards, endpoint, framing, vault, toolbox);
        if !matches!(framing, Framing::Whole | Framing::Media) {
            exchange.admitted().await?;
            let idle = upstream.idle_timeout();
            let inspector = Box::new(inspector);
            return Ok(Answer::Stream { head, upstream: incoming, inspector, idle, framing });
        }
        let (chunks, held) = whole::read(incoming, self.limits.bytes, upstream.idle_timeout(), &self.bytes).await?;
        exchange.hold(held);
        let since = Instant::now();
        let size: usize = chunks.iter().map(Bytes::len).sum();
        // A schema that is new or expensive keeps the reactor as long as a large body does.
        let weight = if costly { size.max(cpu::INLINE_BYTES + 1) } else { size };
        let inspected = self.cpu.run(weight, move || whole::inspect(inspector, chunks)).await?;
        *found = inspected.report;
        let pieces = inspected.pieces?;
        Ok(Answer::Whole { head, pieces, report: Box::new(std::mem::take(found)), took: since.elapsed() })
    }
}

fn stranger(error: &IdentityError) -> Refusal {
    let code = match error {
        IdentityError::Ambiguous(_) => RefusalCode::BadRequest,
        IdentityError::Tenant => RefusalCode::Forbidden,
        IdentityError::Unavailable => RefusalCode::IdentityUnavailable,
        IdentityError::Missing
        | IdentityError::Unknown
        | IdentityError::Expired
        | IdentityError::Token(_)
        | IdentityError::Certificate => RefusalCode::Unauthenticated,
    };
    Refusal::new(code, error.to_string())
}

/// Records the completion and waits for it, then for the admission, which nobody has waited for yet: the two share a commit unless
/// the upstream took its time.
async fn finish(exchange: &mut Exchange, report: Report, took: Option<Duration>) -> Result<(), Refusal> {
    let receipt = exchange.complete(report, took)?;
    settle(receipt, "completion").await?;
    // SECURITY: records are written in order, so this one is decided too; but it may have failed before a disk came back.
    exchange.admitted().await
}

/// Records a refusal, waits for the record, and answers.
async fn refuse(exchange: &mut Exchange, refusal: Refusal, found: Report) -> Response<OutBody> {
    let recorded = if exchange.is_finished() {
        Ok(())
    } else {
        match exchange.refuse(&refusal, found) {
            Ok(receipt) => settle(receipt, "completion").await,
            Err(down) => Err(down),
        }
    };
    let told = recorded.err().unwrap_or(refusal);
    let facts = exchange.facts();
    reply::refused(facts.endpoint.dialect, &told, facts.id.as_str(), &facts.ruleset)
}

fn respond(head: Head, body: OutBody, facts: &Facts, verdict: Option<&'static str>) -> Response<OutBody> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    headers::mark(response.headers_mut(), facts.id.as_str(), &facts.ruleset, verdict);
    response
}
