//! National identifiers: numbers by which a state, its tax office or its health service names a person or a business.
//!
//! Each is a row of a table, by region: its name (of the validator, and of the rule that uses it), what is checked, and the check,
//! written with the few algorithms of `checksum`. Adding a country is adding a row and a rule; see `rulesets/README.md`.
//!
//! Most check digits are right in one of ten random numbers. So a check alone makes no finding of a bare number: the rule demands a
//! word for it nearby, and this room rejects what is plainly something else.

#![expect(clippy::manual_is_multiple_of, reason = "formulas stand as authorities write them: a sum mod 11 is 0")]

mod africa_oceania;
mod alone;
mod americas;
mod asia;
mod checksum;
mod europe_east;
mod europe_south;
mod europe_west;
mod number;
mod vat;

use super::{Candidate, Outcome, label};
pub(super) use alone::alone;
use number::Number;

/// One kind of identifier.
#[derive(Debug)]
pub struct Scheme {
    /// The validator's name.
    pub(super) name: &'static str,
    /// What is checked, in a phrase, and who says so.
    pub(super) what: &'static str,
    /// Whether a number, without its separators, is one.
    valid: fn(&Number) -> bool,
    /// Whether it has check digits, so that a wrong digit shows.
    checked: bool,
}

/// A row for numbers with check digits.
const fn row(name: &'static str, what: &'static str, valid: fn(&Number) -> bool) -> Scheme {
    Scheme { name, what, valid, checked: true }
}

/// A row for numbers that have a form only.
const fn form(name: &'static str, what: &'static str, valid: fn(&Number) -> bool) -> Scheme {
    Scheme { name, what, valid, checked: false }
}

/// What stands beside a word that fits all countries.
static ANY: Scheme = form("national-id", "the check digits of some country", |number| {
    tables().any(|scheme| scheme.checked && (scheme.valid)(number))
});

/// All schemes: the one for all countries, and theirs.
pub(super) fn schemes() -> impl Iterator<Item = &'static Scheme> {
    std::iter::once(&ANY).chain(tables())
}

/// All rows, table by table.
fn tables() -> impl Iterator<Item = &'static Scheme> {
    let tables = [
        africa_oceania::TABLE,
        americas::TABLE,
        asia::TABLE,
        europe_east::TABLE,
        europe_south::TABLE,
        europe_west::TABLE,
        vat::TABLE,
    ];
    tables.into_iter().flatten()
}

/// Names of values that are numbers of something else, though a word for an identifier stands near.
const OTHERS: &[&str] = &[
    "phone",
    "tel",
    "telephone",
    "telefon",
    "telefono",
    "telefone",
    "mobile",
    "handy",
    "fax",
    "order",
    "invoice",
    "ticket",
    "tracking",
    "timestamp",
    "ts",
    "epoch",
    "offset",
    "bytes",
    "size",
    "length",
    "hash",
    "checksum",
    "commit",
    "build",
    "version",
    "port",
    "line",
    "seq",
    "iban",
    "zip",
    "postcode",
    "plz",
    "amount",
    "total",
    "price",
];

impl Scheme {
    /// Accepts what has the form and the check digits, unless it is a filler, a piece of something longer, or called something else.
    pub(super) fn check(&self, candidate: &Candidate<'_>) -> Outcome {
        let Some(number) = Number::of(candidate.text) else { return Outcome::Reject };
        // The check first: most numbers fail it, and to read names takes longer.
        let valid = !number.is_filler() && (self.valid)(&number);
        let plausible = valid && !continues(candidate) && !named_otherwise(candidate.before);
        if plausible { Outcome::Accept } else { Outcome::Reject }
    }
}

/// Whether the name directly before the value is one of something else.
fn named_otherwise(before: &str) -> bool {
    let words = label::words(label::nearest(before));
    words.last().is_some_and(|last| OTHERS.contains(&last.as_str()))
}

/// Whether the candidate is a piece of a longer number, name or path.
fn continues(candidate: &Candidate<'_>) -> bool {
    // `1,234,567` is one number; a comma beside more digits than three is one between values.
    let grouped = |digits: usize| digits <= 3;
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let run = |bytes: &mut dyn Iterator<Item = u8>| bytes.take_while(u8::is_ascii_digit).count();
    let joins = |next: Option<char>, further: Option<char>| match next {
        Some('.' | '-' | '/' | '+' | '=' | '\\' | '_' | '@' | '$' | '%') => {
            further.is_some_and(|c| c.is_ascii_alphanumeric())
        }
        _ => false,
    };
    let (mut before, mut after) = (candidate.before.chars().rev(), candidate.after.chars());
    let (last, further) = (before.next(), before.next());
    // A field's name ends in such a character: `cpf=`, `tel-`; a number before it makes one number of both.
    let led = match last {
        Some('=') => false,
        Some(',') => digit(further) && grouped(run(&mut candidate.text.bytes())),
        Some('-' | '/' | '_' | '.') => digit(further),
        last => joins(last, further),
    };
    led || match (after.next(), after.next()) {
        (Some(','), further) => digit(further) && grouped(run(&mut candidate.text.bytes().rev())),
        (next, further) => joins(next, further),
    }
}

#[cfg(test)]
mod tests;
