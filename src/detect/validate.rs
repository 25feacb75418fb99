//! What a pattern cannot say: check digits, number ranges, decoded headers, and whether what stands
//! beside a match makes it something else.
//!
//! LIMIT: `after` is empty in responses, so a validator may use it to reject or to doubt, never as the only
//! thing that makes a candidate acceptable.

mod bank;
mod card;
mod credential;
mod date;
mod device;
mod label;
mod mail;
mod national;
mod negation;
mod network;
mod person;
mod phone;
mod placeholder;
mod postal;
mod token;
mod wallet;

/// What a validator may look at.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// The matched span, in the folded view.
    pub text: &'a str,
    /// Up to 64 bytes before it.
    pub before: &'a str,
    /// Up to 32 bytes after it in requests; empty in responses, so that no verdict depends on text to come.
    pub after: &'a str,
}

/// What a validator says of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not what the rule looks for.
    Reject,
    /// As sure as the rule says.
    Accept,
    /// As sure as this (0–100), whatever the rule says.
    Confidence(u8),
}

/// A check of one candidate. Never panics; linear in the candidate's length.
#[derive(Debug, Clone, Copy)]
pub enum Validator {
    /// A check of its own.
    Code(Check),
    /// A national identifier: a row of a table.
    Number(&'static national::Scheme),
}

impl Validator {
    /// What it says of `candidate`.
    pub fn check(&self, candidate: &Candidate<'_>) -> Outcome {
        match self {
            Self::Code(check) => check(candidate),
            Self::Number(scheme) => scheme.check(candidate),
        }
    }
}

/// A check that is code of its own.
type Check = fn(&Candidate<'_>) -> Outcome;

/// Every validator that is code of its own by the name that rules use, sorted, with what it checks.
const TABLE: &[(&str, Check, &str)] = &[
    ("aba-routing", bank::routing, "a district of the Federal Reserve and the check digit"),
    ("address-labelled", postal::labelled, "words and a house's number; no address of a machine"),
    ("basic-auth", placeholder::basic, "decodes to `user:password` (RFC 7617)"),
    ("bic", bank::bic, "a country of ISO 3166; a word of eight letters must be called one"),
    ("birth-date", date::birth, "a day that exists, in a year of people on record"),
    ("card-expiry", card::expiry, "a month of a plausible year; surer behind a card's number"),
    (
        "crc32-base62",
        token::crc32_base62,
        "the last six characters are the CRC-32 of the body in base 62 (GitHub, npm)",
    ),
    (
        "credential",
        credential::credential,
        "its name says that it is one, and it looks like one: no placeholder, reference, identifier or word",
    ),
    ("crypto-wallet", wallet::wallet, "base58check, bech32, CashAddr, EIP-55 or Monero's checksum"),
    ("email", mail::email, "a host with a plausible top-level domain; no remote, image or unit name"),
    ("iban", bank::iban, "length of the country and ISO 7064 mod 97-10"),
    ("imei", device::imei, "a reporting body and Luhn"),
    ("ipv4", network::ipv4, "an address of the internet; no version number"),
    (
        "ipv4-local",
        network::ipv4_local,
        "an address of a private network, a mask, the machine itself; no version number",
    ),
    ("ipv6", network::ipv6, "parses as RFC 4291; an address of the internet"),
    (
        "ipv6-local",
        network::ipv6_local,
        "parses as RFC 4291; an address of a link, a private network, the machine itself",
    ),
    ("jwt", token::jwt, "the header decodes to a JSON object that names an algorithm"),
    ("licence-plate", device::plate, "letters and digits, four to nine"),
    ("luhn-pan", card::pan, "Luhn, issuer range, plausible groups, neighbours and labels"),
    ("mac", network::mac, "six octets and no more; not broadcast or zero"),
    ("national-id-alone", national::alone, "a form and check digits that hardly any random number has"),
    ("not-negated", negation::not_negated, "not what somebody says must not be done"),
    ("not-placeholder", placeholder::not_placeholder, "no placeholder, template or masked value"),
    ("phone-bare", phone::bare, "a national number without separators or with rare ones, beside a word for it"),
    ("phone-international", phone::international, "an assigned country code and a length it may have"),
    ("phone-national", phone::national, "groups and length of a national number; no date, version or id"),
    ("said-password", credential::said, "no filler; letters with digits or signs among them"),
    ("solana-wallet", wallet::solana, "32 bytes in base 58"),
    ("street", postal::street, "no piece of a name or an expression"),
    ("token", credential::token, "looks made by a machine: no placeholder, reference, identifier or word"),
    ("url-password", placeholder::url_password, "the password in a URL is no placeholder"),
    ("us-ssn", person::us_ssn, "area, group and serial that the SSA may issue"),
    ("vin", device::vin, "17 places of ISO 3779; surer with the check digit"),
];

/// Every validator with its name and what it checks.
fn all() -> impl Iterator<Item = (&'static str, Validator, &'static str)> {
    let code = TABLE.iter().map(|(name, check, what)| (*name, Validator::Code(*check), *what));
    code.chain(national::schemes().map(|scheme| (scheme.name, Validator::Number(scheme), scheme.what)))
}

/// The validator of this name.
#[must_use]
pub fn lookup(name: &str) -> Option<Validator> {
    all().find(|(known, ..)| *known == name).map(|(_, validator, _)| validator)
}

/// The names of all validators, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> = all().map(|(name, ..)| name).collect();
    names.sort_unstable();
    names.into_iter()
}

/// What the validator of this name checks, in a phrase.
#[must_use]
pub fn describe(name: &str) -> Option<&'static str> {
    all().find(|(known, ..)| *known == name).map(|(_, _, what)| what)
}

/// The decimal digits of `text`, in order.
fn digits(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0')
}

/// Sizes of the runs of digits in `text`.
fn digit_groups(text: &str) -> Vec<usize> {
    text.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|len| *len > 0).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A candidate with these neighbours.
    pub(super) fn among<'a>(before: &'a str, text: &'a str, after: &'a str) -> Candidate<'a> {
        Candidate { text, before, after }
    }

    /// A candidate alone.
    pub(super) fn alone(text: &str) -> Candidate<'_> {
        among("", text, "")
    }

    #[test]
    fn names_are_unique() {
        let names: Vec<&str> = names().collect();
        assert!(names.is_sorted_by(|a, b| a < b));
    }

    proptest! {
        #[test]
        fn no_validator_panics(before in "\\PC{0,16}", text in "\\PC{0,64}", after in "\\PC{0,8}") {
            for (_, validator, _) in all() {
                validator.check(&among(&before, &text, &after));
            }
        }

        #[test]
        fn no_validator_panics_on_numbers(before in "[0-9a-z .:\"=-]{0,16}", text in "[0-9a-zA-Z+(). :@&-]{0,40}", after in "[0-9. -]{0,8}") {
            for (_, validator, _) in all() {
                validator.check(&among(&before, &text, &after));
            }
        }
    }
}
