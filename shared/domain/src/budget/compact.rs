//! A compact text encoding of numbers. A ledger is written with every lease and must fit one
//! DynamoDB write unit (1 KB).

/// The digits in order. None of them needs escaping in JSON.
const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// Marks a number of more than one digit.
const LONG: u8 = b'.';

/// The smallest number that is written as a single digit.
const SHORT_MIN: i64 = -12;

/// Writes `number`: one digit for -12 to 51, more digits for other numbers.
pub(super) fn write(text: &mut String, number: i64) {
    let short = number.wrapping_sub(SHORT_MIN);
    if let Some(digit) = usize::try_from(short).ok().and_then(|at| DIGITS.get(at)) {
        text.push(char::from(*digit));
        return;
    }
    text.push(char::from(LONG));
    // ZigZag encoding, then five bits per digit; the sixth bit means "more digits follow".
    let mut rest = (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned();
    loop {
        let more = u64::from(rest >= 32) * 32;
        let at = usize::try_from(rest % 32 + more).unwrap_or_default();
        text.push(char::from(DIGITS[at]));
        rest /= 32;
        if more == 0 {
            return;
        }
    }
}

/// Reads numbers written by [`write`].
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text.as_bytes(),
        }
    }

    /// Consumes `mark` if it is next.
    pub(super) fn mark(&mut self, mark: u8) -> bool {
        let found = self.rest.first() == Some(&mark);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// Whether everything has been read.
    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next number; `None` if there is none that [`write`] could have written.
    pub(super) fn number(&mut self) -> Option<i64> {
        if !self.mark(LONG) {
            return Some(i64::from(self.digit()?) + SHORT_MIN);
        }
        let mut folded = 0_u64;
        for place in 0..13 {
            let digit = u64::from(self.digit()?);
            folded |= (digit % 32) << (5 * place);
            if digit < 32 {
                let sign = (folded & 1).cast_signed();
                return Some((folded >> 1).cast_signed() ^ -sign);
            }
        }
        None
    }

    fn digit(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        let at = DIGITS.iter().position(|digit| digit == first)?;
        self.rest = rest;
        u8::try_from(at).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_as_it_was_written() {
        let numbers = [0, 1, -1, -12, -13, 51, 52, 700, -700, i64::MAX, i64::MIN];
        let mut text = String::new();
        for number in numbers {
            write(&mut text, number);
        }
        let mut reader = Reader::new(&text);
        for number in numbers {
            assert_eq!(reader.number(), Some(number));
        }
        assert!(reader.is_done());
        assert_eq!(reader.number(), None);
    }

    #[test]
    fn text_that_write_cannot_produce_is_not_a_number() {
        for text in ["\"", ".", ".zzzzzzzzzzzzzzzzz", "ä"] {
            assert_eq!(Reader::new(text).number(), None, "{text}");
        }
    }
}
