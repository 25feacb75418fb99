//! Terminal escape sequences (ECMA-48): invisible on a terminal, so invisible in folded views.

use super::FOLD_REACH;

/// True for ESC and for the one-character form of ESC `[`.
pub(super) fn is_introducer(c: char) -> bool {
    matches!(c, '\u{1b}' | '\u{9b}')
}

/// Length of the sequence that `text` starts with: CSI (ECMA-48 §5.4), OSC up to BEL or ST (§8.3.89), or two
/// characters. `None`: no sequence within [`FOLD_REACH`].
pub(super) fn length(text: &str) -> Option<usize> {
    match parse(text) {
        Parsed::Whole(len) => Some(len),
        Parsed::Open | Parsed::Not => None,
    }
}

/// True if `text`, which starts with an introducer, could become (another) sequence with more text.
pub(super) fn may_go_on(text: &str) -> bool {
    matches!(parse(text), Parsed::Open)
}

enum Parsed {
    Whole(usize),
    Open,
    Not,
}

fn parse(text: &str) -> Parsed {
    let bytes = text.as_bytes().get(..text.len().min(FOLD_REACH)).unwrap_or_default();
    let open = || if text.len() < FOLD_REACH { Parsed::Open } else { Parsed::Not };
    let body = match bytes {
        [0xc2, 0x9b, ..] | [0x1b, b'[', ..] => 2,
        [0x1b, b']', ..] => return osc(bytes).unwrap_or_else(open),
        [0x1b] | [] => return open(),
        [0x1b, 0x20..=0x2f, 0x30..=0x7e, ..] => return Parsed::Whole(3),
        [0x1b, 0x20..=0x2f] => return open(),
        // Only the two-character functions that terminals know: any other letter after ESC stays visible.
        [0x1b, b'7' | b'8' | b'=' | b'>' | b'c' | b'D' | b'E' | b'H' | b'M' | b'\\', ..] => return Parsed::Whole(2),
        _ => return Parsed::Not,
    };
    for (at, byte) in bytes.iter().enumerate().skip(body) {
        match byte {
            0x20..=0x3f => {}
            0x40..=0x7e => return Parsed::Whole(at + 1),
            _ => return Parsed::Not,
        }
    }
    open()
}

/// INVARIANT: no sequence holds an introducer, but for the terminator: so sequences do not overlap, and where one begins does
/// not depend on where reading began.
fn osc(bytes: &[u8]) -> Option<Parsed> {
    let at = 2 + bytes.iter().skip(2).position(|&b| matches!(b, 0x07 | 0x1b | 0xc2))?;
    match bytes.get(at..)? {
        [0x07, ..] => Some(Parsed::Whole(at + 1)),
        [0x1b, b'\\', ..] => Some(Parsed::Whole(at + 2)),
        [0x1b] | [0xc2] => None,
        _ => Some(Parsed::Not),
    }
}
