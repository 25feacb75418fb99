//! The one place where a refusal becomes a response.

use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::dialect::{Dialect, render_refusal};
use crate::inspect::{Refusal, RefusalCode};
use crate::proxy::body::OutBody;
use crate::proxy::headers::{SHOULD_RETRY, mark};

/// What a caller that was told to come back should wait, seconds: an exchange's typical length.
const RETRY_AFTER_SECONDS: &str = "1";

/// Renders `refusal` in the caller's dialect.
#[must_use]
pub fn refused(dialect: &'static Dialect, refusal: &Refusal, exchange: &str, ruleset: &str) -> Response<OutBody> {
    let (_, status, retryable, _) = refusal.code.row();
    let mut response = Response::new(OutBody::ours(render_refusal(dialect, refusal, exchange)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    mark(headers, exchange, ruleset, Some("block"));
    if retryable {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    } else {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    match refusal.code {
        RefusalCode::Unauthenticated => {
            // RFC 9110 section 11.6.1: a 401 names a scheme.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        RefusalCode::RequestTimeout | RefusalCode::Draining => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}
