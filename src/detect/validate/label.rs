//! The name a value goes by: the key, column or word directly before it.

/// Characters that stand between a name and its value.
fn is_link(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ':' | '=' | '#' | '<' | '>' | '(' | '[' | '/')
}

/// The last word of `before` (letters, digits and `_`), without what links it to the value: `order_id` in `"order_id": "`.
pub(super) fn nearest(before: &str) -> &str {
    let before = before.trim_end_matches(is_link);
    let start = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_alphanumeric() || *c == '_' || *c == '-')
        .last()
        .map_or(before.len(), |(at, _)| at);
    before.get(start..).unwrap_or("")
}

/// The words of a name, split at `_`, `-` and humps, each in lower case: `orderId` → `order`, `id`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut lower = false;
    for c in name.chars() {
        let hump = c.is_uppercase() && lower;
        if (hump || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        lower = c.is_lowercase() || c.is_numeric();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Words that name a machine's number: an identifier, a time, a measure.
const MACHINE: &[&str] = &[
    "id",
    "ids",
    "uid",
    "uuid",
    "guid",
    "pid",
    "imei",
    "imsi",
    "iccid",
    "meid",
    "isbn",
    "ean",
    "gtin",
    "upc",
    "sku",
    "npi",
    "tracking",
    "usps",
    "ups",
    "fedex",
    "dhl",
    "timestamp",
    "time",
    "ts",
    "epoch",
    "nano",
    "nanos",
    "unix",
    "ns",
    "ms",
    "trace",
    "span",
    "hash",
    "sha",
    "sha1",
    "sha256",
    "md5",
    "digest",
    "checksum",
    "etag",
    "crc",
    "offset",
    "seed",
    "nonce",
    "size",
    "bytes",
    "length",
    "len",
    "tweet",
    "snowflake",
    "commit",
    "rev",
    "revision",
    "build",
    "version",
    "ver",
    "order",
    "invoice",
    "ticket",
    "case",
    "serial",
    "addr",
    "address",
    "ptr",
    "inode",
    "seq",
    "sequence",
    "port",
    "line",
    "loss",
    "score",
    "lsn",
    "cursor",
];

/// Words before `id` that make it a person's: `national_id`, `tax id`.
const PERSONAL: &[&str] =
    &["national", "personal", "citizen", "identity", "social", "tax", "taxpayer", "government", "patient"];

/// Words for a number as such.
const NUMBER: &[&str] = &["number", "no", "nr", "num", "nummer"];

/// Whether the name directly before a value says that it is a machine's number.
pub(super) fn is_machine(before: &str) -> bool {
    let name = nearest(before);
    let mut words = words(name);
    // `order number 4…`: the word before the word.
    if matches!(words.as_slice(), [only] if NUMBER.contains(&only.as_str())) {
        let rest = before.trim_end_matches(is_link).strip_suffix(name).unwrap_or("");
        words = self::words(nearest(rest));
    }
    let Some(last) = words.last().filter(|last| MACHINE.contains(&last.as_str())) else { return false };
    let whose = match words.as_slice() {
        [.., whose, _] => whose.clone(),
        _ => {
            let rest = before.trim_end_matches(is_link).strip_suffix(name).unwrap_or("");
            self::words(nearest(rest)).pop().unwrap_or_default()
        }
    };
    !(matches!(last.as_str(), "id" | "ids") && PERSONAL.contains(&whose.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_of_a_value() {
        for (before, name) in [
            (r#"{"order_id": ""#, "order_id"),
            ("IMEI: ", "IMEI"),
            ("?txId=", "txId"),
            ("charged twice on ", "on"),
            ("<cardNumber>", "cardNumber"),
            ("", ""),
            ("é=", "é"),
        ] {
            assert_eq!(nearest(before), name, "{before}");
        }
    }

    #[test]
    fn tells_machine_names_from_others() {
        for before in [r#""startTimeUnixNano":""#, "tweet id ", "order_id=", "requestId: ", "Order number "] {
            assert!(is_machine(before), "{before}");
        }
        for before in ["card: ", "PAN=", "<cardNumber>", "paid ", "", "national id: ", "\"taxId\":\"", "personal_id="] {
            assert!(!is_machine(before), "{before}");
        }
    }
}
