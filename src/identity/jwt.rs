//! Callers by token: a signed token of the configured issuer, for us, now (RFC 7519 section 4.1, RFC 8725).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::identity::jwks::Jwks;
use crate::identity::keyset::KeySet;
use crate::identity::settings::{Caller, JwtSettings};
use crate::identity::tenant::Tenants;
use crate::identity::token::{TokenError, Unverified, claims};
use crate::identity::{IdentityError, Principal};

/// LIMIT: 64 audiences a token.
const MAX_AUDIENCES: usize = 64;
/// LIMIT: times up to 2^53 seconds: beyond, a JSON number is no whole one.
const MAX_TIME: f64 = 9_007_199_254_740_992.0;

/// Judges tokens.
#[derive(Debug)]
pub(super) struct Judge {
    settings: JwtSettings,
    keys: Arc<Jwks>,
}

impl Judge {
    pub(super) const fn new(settings: JwtSettings, keys: Arc<Jwks>) -> Self {
        Self { settings, keys }
    }

    pub(super) const fn settings(&self) -> &JwtSettings {
        &self.settings
    }

    /// Whose token this is. `now`: seconds since 1970.
    ///
    /// # Errors
    /// `Token`, `Unavailable`.
    pub(super) async fn caller(&self, token: &[u8], now: i64) -> Result<Caller, IdentityError> {
        let token = Unverified::parse(token)?;
        if !self.settings.algorithms.contains(&token.algorithm()) {
            return Err(TokenError::Algorithm.into());
        }
        let payload = self.verified(&token).await?;
        let claims = claims(&payload)?;
        self.check(&claims, now)?;
        let principal = self.settings.mapping.principal(&claims)?;
        Ok(Caller { act_for: self.trusted(&principal), principal: Arc::new(principal) })
    }

    /// The payload, signed by a key of the issuer. An unknown key may be a new one, so the keys are fetched anew, once.
    async fn verified(&self, token: &Unverified<'_>) -> Result<Vec<u8>, IdentityError> {
        let try_with = |keys: Arc<KeySet>| {
            let key = keys.find(token.kid(), token.algorithm());
            key.map_or(Err(TokenError::UnknownKey), |key| token.verify(key))
        };
        match self.keys.current().map(try_with) {
            None | Some(Err(TokenError::UnknownKey)) => self.keys.refreshed().await,
            Some(decided) => return Ok(decided?),
        }
        let keys = self.keys.current().ok_or(IdentityError::Unavailable)?;
        Ok(try_with(keys)?)
    }

    /// The registered claims.
    fn check(&self, claims: &Map<String, Value>, now: i64) -> Result<(), TokenError> {
        let skew = self.settings.clock_skew.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
        let now = now as f64;
        let expires = time(claims, "exp")?.ok_or(TokenError::Missing("exp"))?;
        if now >= expires + skew {
            return Err(TokenError::Expired);
        }
        for name in ["nbf", "iat"] {
            if time(claims, name)?.is_some_and(|begins| begins > now + skew) {
                return Err(TokenError::NotYet);
            }
        }
        match claims.get("iss") {
            Some(Value::String(issuer)) if *issuer == self.settings.issuer => {}
            Some(Value::String(_)) => return Err(TokenError::Issuer),
            Some(_) => return Err(TokenError::Form("iss")),
            None => return Err(TokenError::Missing("iss")),
        }
        let audiences: Vec<&str> = match claims.get("aud") {
            Some(Value::String(audience)) => vec![audience],
            Some(Value::Array(values)) if values.len() <= MAX_AUDIENCES => {
                values.iter().map(Value::as_str).collect::<Option<_>>().ok_or(TokenError::Form("aud"))?
            }
            Some(_) => return Err(TokenError::Form("aud")),
            None => return Err(TokenError::Missing("aud")),
        };
        match audiences.iter().any(|audience| self.settings.audiences.iter().any(|ours| ours == audience)) {
            true => Ok(()),
            false => Err(TokenError::Audience),
        }
    }

    fn trusted(&self, principal: &Principal) -> Tenants {
        let found = self.settings.trusted.iter().find(|(name, _)| *name == principal.name);
        found.map(|(_, tenants)| tenants.clone()).unwrap_or_default()
    }
}

/// A NumericDate, which may have a fraction (RFC 7519 section 2).
fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => {
            let time = value.as_f64().filter(|time| (0.0..=MAX_TIME).contains(time));
            time.map(Some).ok_or(TokenError::Form(name))
        }
    }
}
