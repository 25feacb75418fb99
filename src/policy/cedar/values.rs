//! JSON as Cedar sees it.
//!
//! Whole numbers are Long, numbers that a schema calls `number` (and all with a fraction) are decimal, arrays are sets, `null` is absent.
//! A value that Cedar has no type for (a number with five decimals, `1e30`) becomes a record that no operator accepts: a policy that
//! looks at it fails, and so denies; one that does not is not bothered. SECURITY: leaving it out instead would let a `forbid` pass it by.

use cedar_policy::RestrictedExpression;
use serde_json::{Number, Value};

use super::slice::Seen;

/// LIMIT: values of one call that policies see. Cedar walks them all; a call with more is denied.
const MAX_VALUES: usize = 10_000;

/// Decimals of Cedar's `decimal`.
const DECIMALS: usize = 4;
/// LIMIT: digits before the point that certainly fit: 2^63 / 10,000 has fifteen.
const WHOLE_DIGITS: usize = 14;

/// A call's arguments, as far as some policy may look at them; `None` if those are too many.
pub(super) fn record(arguments: &Value, schema: Option<&Value>, seen: &Seen) -> Option<RestrictedExpression> {
    let mut left = MAX_VALUES;
    let members = arguments.as_object().into_iter().flatten().filter(|(name, _)| seen.has_argument(name));
    convert_members(members, schema, &mut left)
}

/// A set of strings.
pub(super) fn strings(items: &[impl ToString]) -> RestrictedExpression {
    RestrictedExpression::new_set(items.iter().map(|item| RestrictedExpression::new_string(item.to_string())))
}

fn convert_members<'v>(
    members: impl Iterator<Item = (&'v String, &'v Value)>,
    schema: Option<&Value>,
    left: &mut usize,
) -> Option<RestrictedExpression> {
    let mut fields = Vec::new();
    for (name, value) in members.filter(|(_, value)| !value.is_null()) {
        let below = schema.and_then(|schema| schema.get("properties")?.get(name));
        fields.push((name.clone(), convert(value, below, left)?));
    }
    RestrictedExpression::new_record(fields).ok()
}

fn convert(value: &Value, schema: Option<&Value>, left: &mut usize) -> Option<RestrictedExpression> {
    *left = left.checked_sub(1)?;
    Some(match value {
        Value::Null => unfit(),
        Value::Bool(flag) => RestrictedExpression::new_bool(*flag),
        Value::String(text) => RestrictedExpression::new_string(text.clone()),
        Value::Number(number) => convert_number(number, schema),
        Value::Array(items) => {
            let below = schema.and_then(|schema| schema.get("items"));
            let items: Option<Vec<_>> = items.iter().map(|item| convert(item, below, left)).collect();
            RestrictedExpression::new_set(items?)
        }
        Value::Object(members) => convert_members(members.iter(), schema, left)?,
    })
}

fn convert_number(number: &Number, schema: Option<&Value>) -> RestrictedExpression {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let word = schema.and_then(|schema| schema.get("type")?.as_str());
    if fraction.is_empty() && word != Some("number") {
        return whole.parse().map_or_else(|_| unfit(), RestrictedExpression::new_long);
    }
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits.len() > WHOLE_DIGITS || fraction.len() > DECIMALS || !plain(digits) || !plain(fraction) {
        return unfit();
    }
    RestrictedExpression::new_decimal(format!("{whole}.{}", if fraction.is_empty() { "0" } else { fraction }))
}

/// What no operator accepts.
fn unfit() -> RestrictedExpression {
    RestrictedExpression::new_record(Vec::new()).unwrap_or_else(|_| RestrictedExpression::new_set(Vec::new()))
}
