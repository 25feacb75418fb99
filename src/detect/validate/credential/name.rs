//! What a value is called, and how the name is tied to it.

use super::{holds, words_of};
use crate::detect::validate::label;

/// What sort of thing a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A password: chosen by people.
    Password,
    /// A secret, token or key to an API: made by machines.
    Secret,
    /// A key of any kind.
    Key,
    /// No credential: its id, its label, its length, or something else of that name.
    Other,
}

/// What stands between name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// `=`, `:`, `=>`, `>`, `is`, or a flag of a command.
    Assigned,
    /// A comma: the next argument, or the next string of a list.
    Listed,
    /// White space or a dash.
    Beside,
}

/// The name of a value.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) sort: Sort,
    pub(super) link: Link,
    /// A quotation mark opens the value.
    pub(super) quoted: bool,
    /// The name is one word.
    pub(super) bare: bool,
}

/// Words between a name and its value that belong to neither: types, and the verb of a sentence.
const BETWEEN: &str = "\
    string str bytes byte char value is was object any text varchar nvarchar const by";

/// Ends of words that name a password.
const PASSWORDS: &str = "\
    password passwords passwd passwort passphrase passcode pass pwd psw passw kennwort senha contrasena parola wachtwoord \
    haslo losenord salasana identified";

/// Ends of words that name what a machine made.
const SECRETS: &str = "\
    secret secrets token tokens apikey credential credentials accesskey secretkey privatekey authkey authorization bearer \
    auth pat signature dsn jwt";

/// Words that make a key before them one of those: `api key`, `encryption_key`.
const KEY_TO: &str = "\
    api access secret private auth encryption signing master license account subscription service admin client consumer \
    deploy webhook hmac shared session jwt rsa ssh integration security crypto app application preshared psk wep wpa \
    authorization developer dev personal user token";

/// Words that make a key before them one of a map, a table, a keyboard.
const KEY_OF: &str = "\
    public primary foreign cache sort partition row shard group index lookup object map dict hash event i18n translation \
    message label column field routing query search record entity parent state storage locale registry data json config \
    setting settings property attribute image file bucket blob path host idempotency dedup unique hot shortcut issue \
    project feature flag session item react node string resource template metric pub merkle verify verification build sha \
    checksum fingerprint";

/// Words behind the word for a secret that say that the value is something about it.
const ABOUT: &str = "\
    id ids name names type types url uri urls path paths file files filename field fields label text hint length len size \
    count min max limit expiry expires expiration ttl timeout algorithm alg policy format regex pattern header headers \
    param params prefix suffix column table input form page view controller class provider manager store error errors msg \
    message title description help reset forgot change changed required valid invalid enabled disabled version index idx \
    var ref arn endpoint kind status state usage strategy generator encoder validator rotation at date created updated \
    removed hash hashed digest checksum fingerprint env selector schema scope scopes source issuer audience time mode \
    method handler callback helper factory builder service request response test tests exception bits buffer buf sale ring stream \
    list set map hidden placeholder algo encrypted";

/// Words before the word for a secret that say that the value is a text about it, or a token of a language or a page.
const NOT_A: &str = "\
    label title msg message error err invalid missing placeholder hint help tooltip description forgot reset mandatory \
    text num max min count total first last next page pagination continuation cursor sync stop eos bos pad unk mask \
    special lex parser punct syntax no without hashed hash encrypted csrf xsrf antiforgery public cancellation cancel nb \
    per input output prompt completion";

impl Name {
    /// The name in front of a value.
    pub(super) fn before(before: &str) -> Self {
        let (name, rest) = nearest(before);
        let link = before.get(rest..).unwrap_or_default();
        let quoted = link.ends_with(['"', '\'', '`']);
        let mut words = label::words(name);
        let bare = words.len() < 2;
        if let [only] = words.as_slice() {
            let single = ["key", "token", "secret", "id"].contains(&only.as_str());
            let front = before.get(..rest.saturating_sub(name.len())).unwrap_or_default();
            if single && front.ends_with([' ', '-']) {
                let mut all = label::words(nearest(front).0);
                all.append(&mut words);
                words = all;
            }
        }
        let flag = name.starts_with('-') || front_is_flag(before, rest.saturating_sub(name.len()));
        Self { sort: sort(&words), link: if flag { Link::Assigned } else { tie(link) }, quoted, bare }
    }
}

fn front_is_flag(before: &str, start: usize) -> bool {
    before.get(..start).is_some_and(|front| front.ends_with(" -") || front.ends_with("--"))
}

fn tie(link: &str) -> Link {
    let spoken = |word: &str| words_of(BETWEEN).any(|between| word.eq_ignore_ascii_case(between));
    if link.contains(['=', ':', '>']) || link.split_whitespace().any(spoken) {
        Link::Assigned
    } else if link.contains(',') {
        Link::Listed
    } else {
        Link::Beside
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$')
}

/// The last identifier of `before` that is no [`BETWEEN`], and the offset behind it.
fn nearest(before: &str) -> (&str, usize) {
    let mut end = before.len();
    let mut name = "";
    for _ in 0..4 {
        let head = before.get(..end).unwrap_or_default().trim_end_matches(|c: char| !c.is_alphanumeric());
        let start = head.char_indices().rev().take_while(|(_, c)| is_name(*c)).last().map_or(head.len(), |(at, _)| at);
        name = head.get(start..).unwrap_or_default();
        end = head.len();
        if !words_of(BETWEEN).any(|between| name.eq_ignore_ascii_case(between)) {
            break;
        }
        end = start;
    }
    (name, end)
}

fn is_one(word: &str, ends: &'static str) -> bool {
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
    words_of(ends).any(|end| word == end || (end.len() > 3 && word.ends_with(end)))
}

fn sort(words: &[String]) -> Sort {
    let sort_of = |word: &str| match word {
        word if is_one(word, PASSWORDS) => Some(Sort::Password),
        word if is_one(word, SECRETS) => Some(Sort::Secret),
        word if word.ends_with("key") || word.ends_with("keys") => Some(Sort::Key),
        _ => None,
    };
    let Some((at, mut sort)) = words.iter().enumerate().rev().find_map(|(at, word)| Some((at, sort_of(word)?))) else {
        return Sort::Other;
    };
    let (front, back) = words.split_at_checked(at).unwrap_or_default();
    if back.iter().skip(1).any(|word| holds(ABOUT, word)) || front.iter().any(|word| holds(NOT_A, word)) {
        return Sort::Other;
    }
    if sort == Sort::Key {
        let owner = front.last().map_or("", String::as_str);
        if holds(KEY_OF, owner) {
            return Sort::Other;
        }
        let named = words.get(at).map_or("", String::as_str);
        let inside = words_of(KEY_TO)
            .any(|to| named.strip_suffix("key").is_some_and(|head| head.ends_with(to) && !head.is_empty()));
        if holds(KEY_TO, owner) || inside || front.iter().any(|w| is_one(w, SECRETS)) {
            sort = Sort::Secret;
        }
    }
    sort
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_links() {
        for (before, expected, link, quoted) in [
            ("DB_PASSWORD=", Sort::Password, Link::Assigned, false),
            ("\"dbPassword\": \"", Sort::Password, Link::Assigned, true),
            ("var apiToken string = \"", Sort::Secret, Link::Assigned, true),
            ("<add key=\"Password\" value=\"", Sort::Password, Link::Assigned, true),
            ("setProperty(\"X_TOKEN\", \"", Sort::Secret, Link::Listed, true),
            ("clockify SECRET ", Sort::Secret, Link::Beside, false),
            ("the password is ", Sort::Password, Link::Assigned, false),
            ("--password ", Sort::Password, Link::Assigned, false),
            ("secret access key ", Sort::Secret, Link::Beside, false),
            ("GITHUB_KEY=", Sort::Key, Link::Assigned, false),
            ("encryptionKey: ", Sort::Secret, Link::Assigned, false),
            ("apikey=", Sort::Secret, Link::Assigned, false),
            ("primary_key=", Sort::Other, Link::Assigned, false),
            ("token_id=", Sort::Other, Link::Assigned, false),
            ("INVALID_PASSWORD=", Sort::Other, Link::Assigned, false),
            ("monkeys=", Sort::Key, Link::Assigned, false),
            ("user=", Sort::Other, Link::Assigned, false),
        ] {
            let name = Name::before(before);
            assert_eq!((name.sort, name.link, name.quoted), (expected, link, quoted), "{before}");
        }
    }
}
