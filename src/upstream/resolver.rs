//! Name lookup that never leads to a metadata service.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use crate::config::address::is_link_local;

/// The system's resolver, without the addresses that no upstream may have.
///
/// SECURITY: asked at every connect, so a name that changes its address later is held against the same list.
#[derive(Debug, Clone)]
pub struct Resolver {
    system: GaiResolver,
    allow_link_local: bool,
}

impl Resolver {
    /// A resolver; `allow_link_local`: the configuration permits such addresses for this upstream.
    #[must_use]
    pub fn new(allow_link_local: bool) -> Self {
        Self { system: GaiResolver::new(), allow_link_local }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.system.call(name);
        let allow = self.allow_link_local;
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup.await?.filter(|found| allow || !is_link_local(found.ip())).collect();
            if found.is_empty() {
                return Err(io::Error::other("the name leads to no address that an upstream may have"));
            }
            Ok(found.into_iter())
        })
    }
}
