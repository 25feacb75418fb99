//! How the demonstration looks: two columns of boxes, wrapped, with what must be seen in colour.

use std::fmt::Write as _;

/// Columns of a terminal that the page fills: fits a window of 100, and a README.
const WIDTH: usize = 98;
/// Between the two columns.
const GUTTER: &str = " │ ";
/// Columns of one box.
const BOX: usize = (WIDTH - 3) / 2;

/// Stands for a space inside a value while lines are broken, so that no value is torn. A private-use character.
const GLUE: char = '\u{e000}';

/// One box of the page.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    /// What it shows.
    pub(super) title: &'a str,
    /// Text; line ends are kept.
    pub(super) text: String,
}

/// The page's style: with colours or without.
#[derive(Debug, Clone)]
pub(super) struct Page {
    colours: bool,
    /// Values that must not leave: shown in red.
    values: Vec<String>,
}

impl Page {
    pub(super) fn new(colours: bool, values: &[&str]) -> Self {
        Self { colours, values: values.iter().map(|value| (*value).to_owned()).collect() }
    }

    /// A headline over the whole width.
    pub(super) fn headline(&self, text: &str) -> String {
        let rule = "─".repeat(WIDTH.saturating_sub(text.chars().count() + 4));
        format!("\n{}", self.paint(BOLD, &format!("── {text} {rule}")))
    }

    /// Panels, two to a row.
    pub(super) fn panels(&self, panels: &[Panel<'_>]) -> String {
        let mut out = String::new();
        for row in panels.chunks(2) {
            let columns: Vec<Vec<String>> = row.iter().map(|panel| self.wrap(&panel.text)).collect();
            let titles: Vec<String> =
                row.iter().map(|panel| self.pad(&self.paint(DIM, panel.title), panel.title.chars().count())).collect();
            let _ = writeln!(out, "{}", titles.join(GUTTER).trim_end());
            let height = columns.iter().map(Vec::len).max().unwrap_or(0);
            for line in 0..height {
                let cells: Vec<String> = columns
                    .iter()
                    .map(|column| {
                        let text = column.get(line).map_or("", String::as_str);
                        self.pad(&self.highlight(text), text.chars().count())
                    })
                    .collect();
                let _ = writeln!(out, "{}", cells.join(GUTTER).trim_end());
            }
            let _ = writeln!(out);
        }
        out.pop();
        out
    }

    /// One promise and whether it was kept.
    pub(super) fn promise(&self, kept: bool, text: &str) -> String {
        let (sign, colour) = if kept { ("✓", GREEN) } else { ("✗", RED) };
        format!("  {} {text}", self.paint(colour, sign))
    }

    fn pad(&self, painted: &str, columns: usize) -> String {
        format!("{painted}{}", " ".repeat(BOX.saturating_sub(columns)))
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Breaks a text into lines of a box; values stay whole where a line can hold them.
    fn wrap(&self, text: &str) -> Vec<String> {
        let mut glued = text.to_owned();
        for value in &self.values {
            glued = glued.replace(value.as_str(), &value.replace(' ', &GLUE.to_string()));
        }
        let mut lines = Vec::new();
        for paragraph in glued.lines() {
            let mut line = String::new();
            for word in paragraph.split_inclusive(' ') {
                let mut word = word;
                if line.chars().count() + word.trim_end().chars().count() > BOX && !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                while let Some((at, _)) = word.trim_end().char_indices().nth(BOX) {
                    let Some((head, tail)) = word.split_at_checked(at) else { break };
                    lines.push(head.to_owned());
                    word = tail;
                }
                line.push_str(word);
            }
            lines.push(line);
        }
        lines.into_iter().map(|line| line.trim_end().replace(GLUE, " ")).collect()
    }

    /// Values in red, placeholders in green.
    fn highlight(&self, line: &str) -> String {
        if !self.colours {
            return line.to_owned();
        }
        let mut out = line.to_owned();
        for value in &self.values {
            out = out.replace(value.as_str(), &self.paint(RED, value));
        }
        let mut painted = String::new();
        let mut rest = out.as_str();
        while let Some((before, placeholder, after)) = super::next_placeholder(rest) {
            painted.push_str(before);
            painted.push_str(&self.paint(GREEN, &format!("[{placeholder}]")));
            rest = after;
        }
        painted.push_str(rest);
        painted
    }
}

/// ECMA-48, section 8.3.117 (SGR).
const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_page_and_no_value_is_torn() {
        let page = Page::new(false, &["4111 1111 1111 1111"]);
        let text = format!("{} 4111 1111 1111 1111 {}\nsecond", "word ".repeat(8).trim_end(), "x".repeat(130));
        let shown = page.panels(&[
            Panel { title: "a", text: text.clone() },
            Panel { title: "b", text: "short".into() },
            Panel { title: "c", text },
        ]);
        assert!(shown.lines().all(|line| line.chars().count() <= WIDTH), "{shown}");
        assert_eq!(shown.matches("4111 1111 1111 1111").count(), 2);
        assert_eq!(shown.matches('x').count(), 260);
    }

    #[test]
    fn colours_only_where_asked_for() {
        let plain = Page::new(false, &["secret"]).panels(&[Panel { title: "t", text: "a secret [PAN_7KQ2MX]".into() }]);
        assert!(!plain.contains('\u{1b}'));
        let painted =
            Page::new(true, &["secret"]).panels(&[Panel { title: "t", text: "a secret [PAN_7KQ2MX]".into() }]);
        assert!(painted.contains("\u{1b}[31msecret\u{1b}[0m"), "{painted}");
        assert!(painted.contains("\u{1b}[32m[PAN_7KQ2MX]\u{1b}[0m"), "{painted}");
    }
}
