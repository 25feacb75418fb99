//! Byte offsets as lines and columns.

/// A walk through a text that turns rising byte offsets into lines and columns in one pass.
pub(super) struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    column: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    /// Line and column of a byte offset, both from 1, the column in code points. Starts over for an offset that lies
    /// behind the last one.
    pub(super) fn place(&mut self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        if offset < self.at {
            *self = Self::new(self.text);
        }
        for c in self.text.get(self.at..offset).unwrap_or("").chars() {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at = offset;
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_code_points_from_one() {
        let text = "añ😀b\n\nc";
        let mut lines = Lines::new(text);
        let places = [
            (0, (1, 1)),
            (1, (1, 2)),
            (3, (1, 3)),
            (7, (1, 4)),
            (8, (1, 5)),
            (9, (2, 1)),
            (10, (3, 1)),
            (11, (3, 2)),
            (99, (3, 2)),
            (1, (1, 2)),
        ];
        for (offset, place) in places {
            assert_eq!(lines.place(offset), place, "{offset}");
        }
    }
}
