//! A number without its separators, and what can be asked of it. All questions have an answer for every number, so that a row of a
//! table need not care for bounds: beyond the end stands 0.

/// LIMIT: no identifier of the tables has more characters.
const MOST: usize = 32;

/// Up to [`MOST`] ASCII letters (upper case), digits and `&`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    chars: [u8; MOST],
    len: usize,
}

impl Number {
    /// The letters and digits of `text`; `None` if there are too many, or none.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut this = Self { chars: [b'0'; MOST], len: 0 };
        for byte in text.bytes().filter(|b| b.is_ascii_alphanumeric() || *b == b'&') {
            *this.chars.get_mut(this.len)? = byte.to_ascii_uppercase();
            this.len += 1;
        }
        (this.len > 0).then_some(this)
    }

    /// Its characters.
    pub(super) fn bytes(&self) -> &[u8] {
        self.chars.get(..self.len).unwrap_or_default()
    }

    /// How many characters it has.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// True if it has the shape: `#` is a digit, `@` a letter, `?` either, anything else itself.
    pub(super) fn is(&self, shape: &str) -> bool {
        let fits = |(byte, wanted): (&u8, u8)| match wanted {
            b'#' => byte.is_ascii_digit(),
            b'@' => byte.is_ascii_uppercase(),
            b'?' => byte.is_ascii_alphanumeric(),
            itself => *byte == itself,
        };
        self.len == shape.len() && self.bytes().iter().zip(shape.bytes()).all(fits)
    }

    /// True if it is `len` digits.
    pub(super) fn digits(&self, len: usize) -> bool {
        self.len == len && self.bytes().iter().all(u8::is_ascii_digit)
    }

    /// The character at `at`, `0` beyond the end.
    pub(super) fn char(&self, at: usize) -> u8 {
        self.bytes().get(at).copied().unwrap_or(b'0')
    }

    /// The value of the character at `at`: of a digit itself, of letters 10 to 35.
    pub(super) fn at(&self, at: usize) -> u32 {
        char::from(self.char(at)).to_digit(36).unwrap_or(0)
    }

    /// The value of the last character.
    pub(super) fn last(&self) -> u32 {
        self.at(self.len.saturating_sub(1))
    }

    /// The decimal value of the `len` digits from `at` on. At most 18 digits.
    pub(super) fn num(&self, at: usize, len: usize) -> u64 {
        (at..at.saturating_add(len)).fold(0u64, |sum, i| sum.wrapping_mul(10).wrapping_add(u64::from(self.at(i) % 10)))
    }

    /// The sum of its values from the first on, each times its weight.
    pub(super) fn dot(&self, weights: &[u32]) -> u32 {
        self.dot_from(0, weights)
    }

    /// The sum of its values from `at` on, each times its weight.
    pub(super) fn dot_from(&self, at: usize, weights: &[u32]) -> u32 {
        weights.iter().zip(at..).map(|(weight, i)| weight * self.at(i)).sum()
    }

    /// The `len` characters from `at` on as a number of their own.
    pub(super) fn part(&self, at: usize, len: usize) -> Self {
        let mut this = Self { chars: [b'0'; MOST], len: 0 };
        for (to, from) in this.chars.iter_mut().zip(self.bytes().iter().skip(at).take(len)) {
            *to = *from;
            this.len += 1;
        }
        this
    }

    /// With zeros in front, up to `len` characters.
    pub(super) fn padded(&self, len: usize) -> Self {
        let zeros = len.min(MOST).saturating_sub(self.len);
        let mut this = Self { chars: [b'0'; MOST], len: zeros + self.len };
        for (to, from) in this.chars.iter_mut().skip(zeros).zip(self.bytes()) {
            *to = *from;
        }
        this
    }

    /// True if the two digits at `year`, `month` and `day` are a date of some century.
    pub(super) fn date(&self, year: usize, month: usize, day: usize) -> bool {
        is_date(self.num(year, 2), self.num(month, 2), self.num(day, 2))
    }

    /// One character all over.
    pub(super) fn is_filler(&self) -> bool {
        self.bytes().windows(2).all(|pair| pair.first() == pair.last())
    }
}

/// True if the day exists in that month of some year that ends so.
pub(super) fn is_date(year: u64, month: u64, day: u64) -> bool {
    let days = match month {
        2 if year % 4 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_and_case_do_not_count() {
        let number = Number::of("x-24 823.00w").unwrap();
        assert_eq!(number.bytes(), b"X2482300W");
        assert!(number.is("X#######@") && number.is("?????????") && !number.is("X########") && !number.is("X######@"));
        assert_eq!((number.at(0), number.at(1), number.last(), number.at(99)), (33, 2, 32, 0));
        assert_eq!((number.num(1, 3), number.dot(&[0, 1, 2]), number.part(1, 2).bytes()), (248, 10, &b"24"[..]));
        assert_eq!(Number::of("42").unwrap().padded(4).bytes(), b"0042");
        assert!(Number::of("--").is_none() && Number::of(&"1".repeat(33)).is_none());
    }

    #[test]
    fn dates_exist() {
        for (date, expected) in
            [("240229", true), ("230229", false), ("991231", true), ("991301", false), ("990431", false)]
        {
            assert_eq!(Number::of(date).unwrap().date(0, 2, 4), expected, "{date}");
        }
    }
}
