//! Patterns of Go's `regexp` (RE2) as patterns of ours: bounded, with ASCII classes, and with the group that is the secret named.

use regex_syntax::ast::{
    Assertion, AssertionKind, Ast, CaptureName, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem,
    GroupKind, Literal, LiteralKind, RepetitionKind, RepetitionRange, parse::Parser, print::Printer,
};

/// How often a repetition without an end may repeat, tried from the first: a pattern with the bound must still load.
pub(super) const BOUNDS: [u32; 5] = [4000, 1000, 250, 80, 30];

/// A pattern for a ruleset.
#[derive(Debug)]
pub(super) struct Bounded {
    pub(super) regex: String,
    /// A repetition had no end.
    pub(super) cut: bool,
}

/// Rewrites `regex` so that no repetition exceeds `bound` (`u32::MAX`: as it is); its group number `secret` becomes the finding. 0 is
/// the first group, or the whole match if there is none.
///
/// # Errors
/// What does not parse.
pub(super) fn bounded(regex: &str, secret: u32, bound: u32) -> Result<Bounded, String> {
    let mut ast =
        Parser::new().parse(&braces(regex)).map_err(|e| format!("the pattern does not parse here: {}", e.kind()))?;
    let mut rewrite = Rewrite { secret: secret.max(1), bound, cut: false };
    rewrite.walk(&mut ast);
    let mut out = String::new();
    Printer::new().print(&ast, &mut out).map_err(|e| e.to_string())?;
    Ok(Bounded { regex: out, cut: rewrite.cut })
}

/// Go takes a brace that opens no repetition (`\${HOME}`, `({\d+})`) for itself; here it must be escaped.
fn braces(regex: &str) -> String {
    let mut out = String::with_capacity(regex.len());
    let (mut escaped, mut class, mut repeatable) = (false, false, false);
    for (at, c) in regex.char_indices() {
        let rest = regex.get(at..).unwrap_or_default();
        let counts = rest.split_once('}').is_some_and(|(counts, _)| {
            let digits = counts.get(1..).unwrap_or_default();
            digits.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_digit() || b == b',')
        });
        // Braces of `\x{…}` and `\p{…}` stand behind their letter.
        let named =
            ["\\x", "\\p", "\\P"].iter().any(|escape| regex.get(..at).is_some_and(|head| head.ends_with(escape)));
        let meant = escaped || class || named || (counts && repeatable);
        if c == '{' && !meant {
            out.push('\\');
        }
        out.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            _ => {}
        }
        repeatable = escaped || !matches!(c, '(' | '|');
    }
    out
}

struct Rewrite {
    secret: u32,
    bound: u32,
    cut: bool,
}

impl Rewrite {
    /// The parser bounds how deep patterns nest.
    fn walk(&mut self, ast: &mut Ast) {
        match ast {
            Ast::ClassPerl(class) => *ast = Ast::ClassBracketed(Box::new(ascii(class))),
            Ast::ClassBracketed(class) => set(&mut class.kind),
            // In Go a mere escaped character.
            Ast::Assertion(at) => {
                if let Some(c) = angle(at) {
                    let kind = LiteralKind::Verbatim;
                    *ast = Ast::literal(Literal { span: at.span, kind, c });
                }
            }
            Ast::Repetition(repetition) => {
                self.walk(&mut repetition.ast);
                if self.bound < u32::MAX {
                    self.bound(&mut repetition.op.kind);
                }
            }
            Ast::Group(group) => {
                let index = match &group.kind {
                    GroupKind::CaptureIndex(index) => Some(*index),
                    GroupKind::CaptureName { name, .. } => Some(name.index),
                    GroupKind::NonCapturing(_) => None,
                };
                if let Some(index) = index {
                    group.kind = GroupKind::CaptureIndex(index);
                    if index == self.secret {
                        let name = CaptureName { span: group.span, name: "secret".to_owned(), index };
                        group.kind = GroupKind::CaptureName { starts_with_p: true, name };
                    }
                }
                self.walk(&mut group.ast);
            }
            Ast::Alternation(all) => all.asts.iter_mut().for_each(|ast| self.walk(ast)),
            Ast::Concat(all) => all.asts.iter_mut().for_each(|ast| self.walk(ast)),
            Ast::Empty(_) | Ast::Flags(_) | Ast::Literal(_) | Ast::Dot(_) | Ast::ClassUnicode(_) => {}
        }
    }

    fn bound(&mut self, kind: &mut RepetitionKind) {
        let least = match kind {
            RepetitionKind::ZeroOrMore => 0,
            RepetitionKind::OneOrMore => 1,
            RepetitionKind::Range(RepetitionRange::AtLeast(least)) => *least,
            RepetitionKind::ZeroOrOne | RepetitionKind::Range(_) => return,
        };
        self.cut = true;
        *kind = RepetitionKind::Range(RepetitionRange::Bounded(least, least.max(self.bound)));
    }
}

fn angle(at: &Assertion) -> Option<char> {
    match at.kind {
        AssertionKind::WordBoundaryStartAngle => Some('<'),
        AssertionKind::WordBoundaryEndAngle => Some('>'),
        _ => None,
    }
}

/// `\d`, `\s`, `\w` are ASCII in Go.
fn ascii(class: &ClassPerl) -> ClassBracketed {
    let text = match class.kind {
        ClassPerlKind::Digit => "[0-9]",
        ClassPerlKind::Space => r"[\t\n\f\r ]",
        ClassPerlKind::Word => "[0-9A-Za-z_]",
    };
    let mut bracketed = match &Parser::new().parse(text) {
        Ok(Ast::ClassBracketed(class)) => (**class).clone(),
        _ => {
            ClassBracketed { span: class.span, negated: false, kind: ClassSet::Item(ClassSetItem::Perl(class.clone())) }
        }
    };
    bracketed.negated = class.negated;
    bracketed
}

fn set(kind: &mut ClassSet) {
    match kind {
        ClassSet::Item(found) => item(found),
        ClassSet::BinaryOp(both) => {
            set(&mut both.lhs);
            set(&mut both.rhs);
        }
    }
}

fn item(found: &mut ClassSetItem) {
    match found {
        ClassSetItem::Perl(class) => *found = ClassSetItem::Bracketed(Box::new(ascii(class))),
        ClassSetItem::Bracketed(class) => set(&mut class.kind),
        ClassSetItem::Union(all) => all.items.iter_mut().for_each(item),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_bounded_named_and_ascii() {
        for (theirs, secret, ours) in [
            (r"a+", 0, r"a{1,9}"),
            (r"a*?b{3,}", 0, r"a{0,9}?b{3,9}"),
            (r"(?i)x(?:y)(z)", 0, r"(?i)x(?:y)(?P<secret>z)"),
            (r"(a)(b)", 2, r"(a)(?P<secret>b)"),
            (r"(?P<key>a)", 0, r"(?P<secret>a)"),
            (r"[\w.-]\d", 0, r"[[0-9A-Za-z_].-][0-9]"),
            (r"\<b\>", 0, "<b>"),
            (r"\S", 0, r"[^\t\n\f\r ]"),
            (r"b{20,}", 0, r"b{20,20}"),
            (r"^\${(?:A|{\d})}$", 1, r"^\$\{(?:A|\{[0-9]})}$"),
            (r"\x{41}[{]a{2}", 1, r"\x{41}[{]a{2}"),
        ] {
            assert_eq!(bounded(theirs, secret, 9).unwrap().regex, ours);
        }
        assert!(bounded("(", 0, 9).is_err());
    }
}
