//! `[identity.jwt]`: signed tokens of an OpenID Connect provider.

use std::fs;
use std::io::Read;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::config::reader::{At, Node, Reading, Table};
use crate::config::section::identity::{act_for, free_name, header};
use crate::config::section::server::{duration, set};
use crate::config::section::{plain_name, upstream};
use crate::identity::keyset::{KeySet, MAX_SET_BYTES};
use crate::identity::mapping::{DEFAULT_KEPT, Mapping, TenantFrom};
use crate::identity::settings::{JwksSource, JwksUrl, JwtSettings};
use crate::identity::tenant::Tenants;
use crate::identity::token::{ALGORITHMS, Algorithm, DEFAULT_ALGORITHMS};

/// 30 s: clocks that follow NTP differ by less than one.
const DEFAULT_CLOCK_SKEW: Duration = Duration::from_secs(30);
/// LIMIT: five minutes of clock skew: more would keep expired tokens alive.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);
/// 5 minutes between fetches of the keys: a key that is withdrawn counts no longer than that.
const DEFAULT_REFRESH: Duration = Duration::from_secs(300);
/// The keys are fetched no more often than every 10 s, and at least every day.
const REFRESH_RANGE: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(24 * 3600);
/// 1 hour: a provider that is down so long is an outage that somebody must see.
const DEFAULT_MAX_STALE: Duration = Duration::from_secs(3600);

const JWKS_MEND: &str = "write jwks = { file = \"PATH\" } or { url = \"https://…\" }: the issuer's published keys";
const AUDIENCE_MEND: &str = "name what your tokens carry as aud for this deployment, a string or a list";

/// Reads the section.
pub(super) fn read(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<JwtSettings> {
    let issuer = table.need("issuer", reading, "write what your tokens carry as iss, byte for byte");
    let issuer = issuer.and_then(|node| text(&node, reading));
    let audiences = table.need("audience", reading, AUDIENCE_MEND).map(|node| texts(&node, AUDIENCE_MEND, reading));
    let algorithms = table.take("algorithms").map_or_else(
        || DEFAULT_ALGORITHMS.to_vec(),
        |node| {
            let nodes = node.filled_array(reading, "list some of the asymmetric algorithms, or leave it out");
            nodes.iter().filter_map(|node| algorithm(node, reading)).collect()
        },
    );
    let header = table.take("header").map(|node| header(&node, reading));
    let jwks = table.need("jwks", reading, JWKS_MEND).and_then(|node| jwks(&node, reading));
    let mut clock_skew = DEFAULT_CLOCK_SKEW;
    let skew_at = At::absent("identity.jwt.clock_skew");
    set(&mut clock_skew, duration(&mut table, "clock_skew", reading));
    if clock_skew > MAX_CLOCK_SKEW {
        reading.error(&skew_at, "is longer than five minutes", "set the clocks by NTP and write at most \"5m\"");
    }
    let mapping = mapping(&mut table, reading);
    let trusted = table.sections("trusted", reading).into_iter().filter_map(|table| trusted(table, reading)).collect();
    table.finish(reading);
    Some(JwtSettings {
        issuer: issuer?,
        audiences: audiences?,
        algorithms,
        header: match header {
            None => None,
            Some(header) => Some(header?),
        },
        jwks: jwks?,
        clock_skew,
        mapping: mapping?,
        trusted,
    })
}

/// Claims that a user can set: the profile (OpenID Connect Core 1.0, section 5.7: only `sub` with `iss` identifies), and the metadata that
/// providers let their users edit (Auth0 and Supabase: `user_metadata`, Clerk: `unsafe_metadata`).
const SELF_WRITTEN: [&str; 7] =
    ["name", "nickname", "preferred_username", "email", "profile", "user_metadata", "unsafe_metadata"];

fn mapping(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<Mapping> {
    let at = table.at.clone();
    let claim = table.take("tenant_claim").map(|node| text(&node, reading));
    let fixed = table.take("tenant").map(|node| plain_name(&node, reading));
    let tenant = match (claim, fixed) {
        (Some(claim), None) => claim.map(TenantFrom::Claim),
        (None, Some(tenant)) => tenant.map(|tenant| TenantFrom::Fixed(tenant.into())),
        _ => {
            let mend = "set tenant_claim to the claim that names it (\"org_id\"), or tenant if all callers are of one";
            reading.error(&at, "does not say, in one way, where the tenant comes from", mend);
            None
        }
    };
    let mut named = |key, default: &str| match table.take(key) {
        None => Some(default.to_owned()),
        Some(node) => text(&node, reading),
    };
    let (principal, roles, scope) =
        (named("principal_claim", "sub"), named("roles_claim", "roles"), named("scope_claim", "scope"));
    for (key, claim) in [("principal_claim", &principal), ("roles_claim", &roles), ("scope_claim", &scope)]
        .into_iter()
        .filter_map(|(key, claim)| Some((key, claim.as_deref()?)))
        .chain(match &tenant {
            Some(TenantFrom::Claim(claim)) => Some(("tenant_claim", claim.as_str())),
            _ => None,
        })
    {
        if SELF_WRITTEN.contains(&claim.split('.').next().unwrap_or_default()) {
            let what = format!("reads {claim}, which users of many identity providers write themselves");
            let at = At::absent(&format!("identity.jwt.{key}"));
            reading.warn(&at, what, "name a claim that only the provider or its administrators write");
        }
    }
    let kept = match table.take("claims") {
        None => DEFAULT_KEPT.map(str::to_owned).to_vec(),
        Some(node) => node
            .array(reading, "list the claims that policies ask for, such as \"acr\"")
            .iter()
            .filter_map(|node| text(node, reading))
            .collect(),
    };
    Some(Mapping { tenant: tenant?, principal_claim: principal?, roles_claim: roles?, scope_claim: scope?, kept })
}

fn trusted(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<(Arc<str>, Tenants)> {
    let mend = "name the principal, as principal_claim gives it";
    let name = table.need("principal", reading, mend).and_then(|node| free_name(&node, reading));
    let tenants = table.need("act_for", reading, super::ACT_FOR_MEND);
    let tenants = act_for(tenants, reading);
    table.finish(reading);
    Some((name?.into(), tenants))
}

fn algorithm(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Algorithm> {
    node.word(reading, &ALGORITHMS)
}

/// A text that is compared with what stands in tokens.
fn text(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let text = node.string(reading)?;
    if text.is_empty() {
        reading.error(&node.at, "is empty", "write the text, or leave the key out");
    }
    (!text.is_empty()).then(|| text.to_owned())
}

fn texts(node: &Node<'_>, mend: &str, reading: &mut Reading<'_>) -> Vec<String> {
    match node.is_string() {
        true => text(node, reading).into_iter().collect(),
        false => node.filled_array(reading, mend).iter().filter_map(|node| text(node, reading)).collect(),
    }
}

fn jwks(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<JwksSource> {
    let mut table = node.table(reading)?;
    let (file, url) = (table.take("file"), table.take("url"));
    let source = match (file, url) {
        (Some(file), None) => from_file(&file, reading),
        (None, Some(url)) => from_url(&url, &mut table, reading).map(JwksSource::Url),
        _ => {
            reading.error(&node.at, "does not name one place to read from", JWKS_MEND);
            None
        }
    };
    table.finish(reading);
    source
}

fn from_file(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<JwksSource> {
    let path = node.string(reading)?;
    let path = reading.resolve(path);
    let mut bytes = Vec::new();
    let limit = MAX_SET_BYTES as u64 + 1;
    if let Err(error) = fs::File::open(&path).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
        reading.error(&node.at, format!("{} cannot be read ({error})", path.display()), "check the path");
        return None;
    }
    match KeySet::parse(&bytes) {
        Ok(keys) => Some(JwksSource::File { path, keys: Arc::new(keys) }),
        Err(error) => {
            reading.error(&node.at, format!("{} {error}", path.display()), "save what the issuer's jwks_uri serves");
            None
        }
    }
}

fn from_url(node: &Node<'_>, table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<JwksUrl> {
    let allow_link_local = table.take("allow_link_local").and_then(|node| node.boolean(reading)).unwrap_or(false);
    let allow_plaintext = table.take("allow_plaintext").and_then(|node| node.boolean(reading)).unwrap_or(false);
    let url = upstream::url(node, allow_link_local, allow_plaintext, reading);
    let ca = table.take("ca").and_then(|node| upstream::ca(&node, reading));
    let (mut refresh, mut max_stale) = (DEFAULT_REFRESH, DEFAULT_MAX_STALE);
    set(&mut refresh, duration(table, "refresh", reading));
    set(&mut max_stale, duration(table, "max_stale", reading));
    if !REFRESH_RANGE.contains(&refresh) || max_stale < refresh {
        let mend = "write refresh from \"10s\" to \"24h\", and max_stale no shorter than refresh";
        reading.error(&node.at, "is fetched too often, or its keys grow too old before the next fetch", mend);
    }
    Some(JwksUrl { url: url?, ca, refresh, max_stale, allow_plaintext, allow_link_local })
}
