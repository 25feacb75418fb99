//! Letters of other scripts that pass for Latin ones. The facts are Unicode's (UTS #39, confusables.txt,
//! <https://www.unicode.org/Public/security/latest/confusables.txt>), cut down to the scripts whose letters fonts
//! draw alike, plus a few pairs that people use in fact (т, к, м).

use std::sync::LazyLock;

/// What a character is to a reader of Latin text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// An ASCII letter or digit.
    Ascii,
    /// A variant of the Latin letter given.
    Latin(char),
    /// A letter of another script (named by a number), and the Latin one that it passes for.
    Foreign(Option<char>, u8),
    /// Anything else.
    Other,
}

/// True for what a token of scripts with look-alikes is made of: a mail address, a key, a word; joiners and marks count in.
pub(super) fn in_token(c: char) -> bool {
    match c {
        '@' | '.' | '_' | '-' | '+' | '%' => true,
        '\u{aa}'..='\u{58f}' | '\u{13a0}'..='\u{13fd}' | '\u{1d00}'..='\u{1fff}' | '\u{a720}'..='\u{a7ff}' => {
            c.is_alphanumeric() || super::characters::is_diacritic(c) || super::characters::is_invisible(c)
        }
        _ if c.is_ascii() => c.is_ascii_alphanumeric(),
        _ => super::characters::is_invisible(c) || super::characters::is_diacritic(c),
    }
}

/// Looks `c` up.
pub(super) fn look(c: char) -> Look {
    match c {
        '\0'..='\u{7f}' => match c.is_ascii_alphanumeric() {
            true => Look::Ascii,
            false => Look::Other,
        },
        '\u{80}'..='\u{2ff}' | '\u{1d00}'..='\u{1dbf}' | '\u{a720}'..='\u{a7ff}' => {
            twin(c).map_or(Look::Other, Look::Latin)
        }
        '\u{370}'..='\u{3ff}' => Look::Foreign(twin(c), 1),
        '\u{400}'..='\u{52f}' => Look::Foreign(twin(c), 2),
        '\u{531}'..='\u{587}' => Look::Foreign(twin(c), 3),
        '\u{13a0}'..='\u{13fd}' => Look::Foreign(find(CHEROKEE, c), 4),
        _ => Look::Other,
    }
}

/// The Latin twin of `c`, from a flat copy of the tables of the scripts that whole texts are written in.
fn twin(c: char) -> Option<char> {
    static FLAT: LazyLock<Vec<Option<char>>> = LazyLock::new(|| {
        let one = |c| [LATIN, GREEK, CYRILLIC, ARMENIAN].into_iter().find_map(|table| find(table, c));
        ('\0'..FLAT_END).map(one).collect()
    });
    if c < FLAT_END { FLAT.get(c as usize).copied().flatten() } else { find(LATIN, c) }
}

/// One past the last Armenian letter.
const FLAT_END: char = '\u{588}';

fn find(table: &[(&str, &str)], c: char) -> Option<char> {
    table.iter().find_map(|(from, to)| from.chars().zip(to.chars()).find(|&(from, _)| from == c)).map(|(_, to)| to)
}

/// Letters that Unicode does not decompose: strokes, dotless, small capitals.
const LATIN: &[(&str, &str)] = &[
    ("øØłŁđĐħĦŧŦıȷɑɡɩɪƖƒɓɗɠƙɲƥƭƴƶ", "oOlLdDhHtTijagiiIfbdgknptyz"),
    ("ᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghjklmnoprstuvwyz"),
];

const GREEK: &[(&str, &str)] = &[("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϜϺ", "ABEZHIKMNOPTYXCFM"), ("αγεικνορστυχωϲϳ", "ayeikvopotuxwcj")];

const CYRILLIC: &[(&str, &str)] =
    &[("АВСЕНІЈКМОРЅТХУҮԚԜԌѴӀЗБ", "ABCEHIJKMOPSTXYYQWGVI36"), ("асԁеһіјӏкморгԛѕтԝхуүѵЬь", "acdehijlkmoprqstwxyyvbb")];

const ARMENIAN: &[(&str, &str)] = &[("ՕՏՍ", "OSU"), ("օոսհյցզգ", "onuhjgqq")];

const CHEROKEE: &[(&str, &str)] = &[("ᎠᎡᎢᎥᎪᎫᎬᎳᎷᎻᎽᏀᏂᏃᏎᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏳᏴ", "DRTiAJEWMHYGhZ4bRWSVSLCPKdGB")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_pair_up_and_point_to_ascii() {
        for (from, to) in [LATIN, GREEK, CYRILLIC, ARMENIAN, CHEROKEE].into_iter().flatten() {
            assert_eq!(from.chars().count(), to.chars().count(), "{from}");
            for (from, to) in from.chars().zip(to.chars()) {
                assert!(to.is_ascii_alphanumeric());
                assert!(matches!(look(from), Look::Latin(l) | Look::Foreign(Some(l), _) if l == to), "{from} {to}");
            }
        }
    }
}
