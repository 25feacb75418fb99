//! The demonstration's own caller: a plain HTTP request, as a program without an SDK would send it.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// `x-sidewall-exchange`.
    pub(super) exchange: String,
    pub(super) body: Bytes,
}

/// Posts a JSON body and reads the whole response.
pub(super) async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Reply, String> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_string()))).map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|error| format!("{url}: {error}"))?;
    let status = response.status();
    let exchange = response.headers().get("x-sidewall-exchange").and_then(|value| value.to_str().ok());
    let exchange = exchange.unwrap_or_default().to_owned();
    let body = response.into_body().collect().await.map_err(|error| format!("{url}: {error}"))?.to_bytes();
    Ok(Reply { status, exchange, body })
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub(super) fn json(&self) -> Value {
        super::parse(&self.body).unwrap_or_default()
    }

    /// The string at `pointer` in the body.
    pub(super) fn string(&self, pointer: &str) -> String {
        self.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The strings at `pointer` in all events of the stream, joined: what an SDK would have put together.
    pub(super) fn joined(&self, pointer: &str) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
        events
            .filter_map(|data| serde_json::from_str::<Value>(data.trim()).ok())
            .filter_map(|event| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned))
            .collect()
    }
}
