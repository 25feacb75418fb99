//! The algorithms behind check digits, each once.

use super::number::Number;

/// Luhn (ISO/IEC 7812-1, annex B): every second digit from the right doubled, digits of the products summed, mod 10.
pub(super) fn luhn(number: &Number) -> bool {
    number.bytes().iter().all(u8::is_ascii_digit) && luhn_sum(number) % 10 == 0
}

/// The sum of [`luhn`]. Letters count 10 to 35, doubled and less 9.
pub(super) fn luhn_sum(number: &Number) -> u32 {
    let fold = |double: u32| if double > 9 { double - 9 } else { double };
    let values = (0..number.len()).rev().map(|at| number.at(at));
    values.zip([false, true].into_iter().cycle()).map(|(v, twice)| if twice { fold(v * 2) } else { v }).sum()
}

/// Verhoeff's dihedral check (J. Verhoeff, Error Detecting Decimal Codes, 1969).
pub(super) fn verhoeff(number: &Number) -> bool {
    const TURN: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    // The product in the dihedral group of the pentagon: 0–4 turn, 5–9 turn and mirror.
    let product = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (5 + a - b) % 5,
    };
    let turned =
        |digit: u32, times: usize| (0..times % 8).fold(digit, |d, _| TURN.get(d as usize).copied().unwrap_or_default());
    let digits = (0..number.len()).rev().map(|at| number.at(at) % 10);
    digits.enumerate().fold(0, |sum, (place, digit)| product(sum, turned(digit, place))) == 0
}

/// The remainder of the number by `modulus`; letters count as two digits (ISO 7064, mod 97-10).
pub(super) fn remainder(number: &Number, modulus: u32) -> u32 {
    (0..number.len()).map(|at| number.at(at)).fold(0, |rest, v| (rest * if v > 9 { 100 } else { 10 } + v) % modulus)
}

/// A hybrid system of ISO 7064 (mod 11,10; mod 37,36).
pub(super) fn hybrid(number: &Number, modulus: u32) -> bool {
    let before = number.len().saturating_sub(1);
    let carry = (0..before).fold(modulus, |carry, at| {
        let sum = (carry + number.at(at)) % modulus;
        (if sum == 0 { modulus } else { sum }) * 2 % (modulus + 1)
    });
    (carry + number.last()) % modulus == 1
}

/// ISO 7064 mod 11-2; the last character may be `X`.
pub(super) fn mod_11_2(number: &Number) -> bool {
    let before = number.len().saturating_sub(1);
    let sum = (0..before).fold(0, |sum, at| (sum + number.at(at)) * 2 % 11);
    let last = if number.char(before) == b'X' { 10 } else { number.last() };
    (sum + last) % 11 == 1
}

/// The digits of each product of value and weight summed.
pub(super) fn cross_sum(values: impl IntoIterator<Item = u32>, weights: &[u32]) -> u32 {
    values.into_iter().zip(weights).map(|(value, weight)| value * weight).map(|p| p / 100 + p / 10 % 10 + p % 10).sum()
}

/// The two-pass check of the Baltic states and Kazakhstan: where the first weights leave 10, the second decide.
pub(super) fn two_pass(number: &Number, first: &[u32], second: &[u32]) -> u32 {
    match number.dot(first) % 11 {
        10 => number.dot(second) % 11,
        rest => rest,
    }
}

/// The weights 2, 3, 4 … from the character before the last to the left, `cycle` of them, then from 2 again.
pub(super) fn rising(number: &Number, cycle: usize) -> u32 {
    let before = number.len().saturating_sub(1);
    (0..before).rev().map(|at| number.at(at)).zip((2u32..).take(cycle).cycle()).map(|(v, w)| v * w).sum()
}

/// True if the last character is the one at `at` of `letters`.
pub(super) fn ends_with(number: &Number, letters: &str, at: u64) -> bool {
    let expected = usize::try_from(at).ok().and_then(|at| letters.as_bytes().get(at));
    expected == number.bytes().last() && expected.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::of(text).unwrap()
    }

    /// Values that the standards and their describers give as examples.
    #[test]
    fn published_examples() {
        assert!(luhn(&number("79927398713")) && !luhn(&number("79927398710")));
        assert!(verhoeff(&number("2363")) && verhoeff(&number("142857 0")) && !verhoeff(&number("2364")));
        assert!(hybrid(&number("794623"), 10) && hybrid(&number("A12425GABC1234002M"), 36));
        assert!(mod_11_2(&number("0794 0")) && mod_11_2(&number("079X")) && !mod_11_2(&number("0795")));
        assert_eq!(remainder(&number("79444"), 97), 1);
    }

    /// What Verhoeff promises: every single wrong digit and every transposition of neighbours is seen.
    #[test]
    fn verhoeff_sees_single_errors_and_transpositions() {
        let text = "142857285713428502850";
        let good: String = (0..10).map(|d| format!("{text}{d}")).find(|t| verhoeff(&number(t))).unwrap();
        for at in 0..good.len() {
            for digit in b'0'..=b'9' {
                let mut wrong = good.clone().into_bytes();
                wrong[at] = digit;
                let wrong = String::from_utf8(wrong).unwrap();
                assert_eq!(verhoeff(&number(&wrong)), wrong == good, "{wrong}");
            }
            let mut swapped = good.clone().into_bytes();
            swapped.swap(at, (at + 1).min(good.len() - 1));
            let swapped = String::from_utf8(swapped).unwrap();
            assert_eq!(verhoeff(&number(&swapped)), swapped == good, "{swapped}");
        }
    }
}
