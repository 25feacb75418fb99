//! Claims of a verified token → principal. Which claim is what stands in the configuration.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::identity::tenant::is_tenant_name;
use crate::identity::token::TokenError;
use crate::identity::{Claim, Claims, MAX_NAME_BYTES, Principal};

/// LIMIT: 200 roles, and as many scopes: they stand in every record.
const MAX_NAMES: usize = 200;

/// Claims kept for policy where the configuration lists none: how and when the caller signed in (OpenID Connect Core 1.0, section 2).
pub const DEFAULT_KEPT: [&str; 3] = ["acr", "amr", "auth_time"];

/// How claims become a principal. A claim's name is looked for as it stands (`https://example.com/roles`); where there is none,
/// its dots lead into nested objects (`realm_access.roles`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Where the tenant comes from.
    pub tenant: TenantFrom,
    /// The claim that names the principal.
    pub principal_claim: String,
    /// The claim that lists roles: a list of texts, or one text.
    pub roles_claim: String,
    /// The claim that lists scopes: a list of texts, or one text with spaces between them (RFC 8693 section 4.2).
    pub scope_claim: String,
    /// Claims that are kept for policy.
    pub kept: Vec<String>,
}

/// Where the tenant comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantFrom {
    /// The claim of this name.
    Claim(String),
    /// Every caller of the issuer is of this tenant.
    Fixed(Arc<str>),
}

impl Mapping {
    /// The principal of these claims.
    ///
    /// # Errors
    /// `Tenant`, `Principal`, `Names`, `Kept`.
    pub fn principal(&self, claims: &Map<String, Value>) -> Result<Principal, TokenError> {
        let tenant = match &self.tenant {
            TenantFrom::Fixed(tenant) => Arc::clone(tenant),
            TenantFrom::Claim(name) => {
                let tenant = find(claims, name).and_then(Value::as_str).filter(|tenant| is_tenant_name(tenant));
                tenant.ok_or(TokenError::Tenant)?.into()
            }
        };
        let name = find(claims, &self.principal_claim).and_then(Value::as_str).filter(|name| is_name(name));
        let name = name.ok_or(TokenError::Principal)?.into();
        let roles = names(find(claims, &self.roles_claim), |text| vec![text])?;
        let scopes = names(find(claims, &self.scope_claim), |text| text.split(' ').collect())?;
        let mut kept = Vec::new();
        for name in &self.kept {
            if let Some(value) = find(claims, name) {
                kept.push((Box::from(name.as_str()), claim(value).ok_or(TokenError::Kept)?));
            }
        }
        Ok(Principal { tenant, name, roles, scopes, claims: Claims::from_iter(kept) })
    }
}

fn find<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    find(claims.get(first)?.as_object()?, rest)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
}

/// A list of names; `split` says how one text is several.
fn names(value: Option<&Value>, split: impl Fn(&str) -> Vec<&str>) -> Result<Arc<[Arc<str>]>, TokenError> {
    let texts: Vec<&str> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => split(text).into_iter().filter(|name| !name.is_empty()).collect(),
        Some(Value::Array(values)) => {
            values.iter().map(Value::as_str).collect::<Option<_>>().ok_or(TokenError::Names)?
        }
        Some(_) => return Err(TokenError::Names),
    };
    // SECURITY: too many or unfit names are refused, not cut: a role that is missing could be one that forbids.
    if texts.len() > MAX_NAMES || !texts.iter().all(|name| is_name(name)) {
        return Err(TokenError::Names);
    }
    Ok(texts.into_iter().map(Arc::from).collect())
}

fn claim(value: &Value) -> Option<Claim> {
    match value {
        Value::String(text) => Some(Claim::Text(text.as_str().into())),
        Value::Number(number) => number.as_i64().map(Claim::Number),
        Value::Bool(flag) => Some(Claim::Flag(*flag)),
        Value::Array(values) => {
            let texts = values.iter().map(|value| value.as_str().map(Box::from)).collect::<Option<_>>()?;
            Some(Claim::List(texts))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapping() -> Mapping {
        Mapping {
            tenant: TenantFrom::Claim("org_id".to_owned()),
            principal_claim: "sub".to_owned(),
            roles_claim: "realm_access.roles".to_owned(),
            scope_claim: "scope".to_owned(),
            kept: DEFAULT_KEPT.map(str::to_owned).to_vec(),
        }
    }

    fn principal(claims: &Value) -> Result<Principal, TokenError> {
        mapping().principal(claims.as_object().unwrap())
    }

    #[test]
    fn names_nested_and_kept() {
        let found = principal(&json!({
            "org_id": "acme", "sub": "jane", "realm_access": {"roles": ["support", "finance"]}, "scope": "a:read  b:write",
            "acr": "urn:mfa", "amr": ["pwd", "otp"], "auth_time": 1_700_000_000, "email": "left out",
        }))
        .unwrap();
        assert_eq!((&*found.tenant, &*found.name), ("acme", "jane"));
        assert_eq!(found.roles.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["support", "finance"]);
        assert_eq!(found.scopes.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["a:read", "b:write"]);
        let kept: Vec<_> = found.claims.iter().map(|(name, _)| name).collect();
        assert_eq!(kept, ["acr", "amr", "auth_time"]);
        assert_eq!(found.claims.get("auth_time"), Some(&Claim::Number(1_700_000_000)));
        assert_eq!(found.claims.get("acr"), Some(&Claim::Text("urn:mfa".into())));
        assert_eq!(found.claims.get("amr"), Some(&Claim::List(["pwd".into(), "otp".into()].into())));
    }

    #[test]
    fn a_name_with_dots_counts_as_it_stands_first() {
        let claims =
            json!({"realm_access.roles": ["whole"], "realm_access": {"roles": ["nested"]}, "org_id": "a", "sub": "b"});
        assert_eq!(principal(&claims).unwrap().roles.as_ref(), [Arc::<str>::from("whole")]);
    }

    #[test]
    fn claims_that_name_nobody() {
        let with = |name: &str, value: Value| {
            let mut claims = json!({"org_id": "acme", "sub": "jane"});
            claims[name] = value;
            principal(&claims).map(|principal| principal.name.to_string())
        };
        assert_eq!(with("roles", json!([])), Ok("jane".to_owned()));
        for (name, value, error) in [
            ("org_id", json!(null), TokenError::Tenant),
            ("org_id", json!("../acme"), TokenError::Tenant),
            ("org_id", json!("a\nb"), TokenError::Tenant),
            ("org_id", json!(["acme"]), TokenError::Tenant),
            ("org_id", json!("x".repeat(65)), TokenError::Tenant),
            ("sub", json!(""), TokenError::Principal),
            ("sub", json!(7), TokenError::Principal),
            ("sub", json!("a\u{0}b"), TokenError::Principal),
            ("sub", json!("x".repeat(129)), TokenError::Principal),
            ("realm_access", json!({"roles": [1]}), TokenError::Names),
            ("realm_access", json!({"roles": {"a": true}}), TokenError::Names),
            ("realm_access", json!({"roles": vec!["r"; 201]}), TokenError::Names),
            ("scope", json!(7), TokenError::Names),
            ("acr", json!({"level": 2}), TokenError::Kept),
            ("auth_time", json!(1.5), TokenError::Kept),
            ("amr", json!([1]), TokenError::Kept),
        ] {
            assert_eq!(with(name, value.clone()), Err(error), "{name}: {value}");
        }
    }
}
