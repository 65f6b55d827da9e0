//! The wire of protocol buffers, as far as it is needed to read: numbered fields, one after the other.

/// The bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a field holds. Its message says what that means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Field<'b> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'b [u8]),
}

impl<'b> Field<'b> {
    /// The bytes; none for another kind, as if the field were unknown.
    pub(crate) fn bytes(self) -> &'b [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// A text. What is no UTF-8 is replaced, and so is NUL, which no database keeps.
    pub(crate) fn text(self) -> String {
        clean(&String::from_utf8_lossy(self.bytes()))
    }

    /// A number.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Varint(value) | Self::Fixed64(value) => value,
            _ => 0,
        }
    }
}

/// A text without NUL.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The fields of a message, in their order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'b>(pub(crate) &'b [u8]);

impl<'b> Message<'b> {
    /// The next field with its number; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Field<'b>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Malformed)?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Field::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Field::Fixed32
            }
            // Groups, which no message of today has.
            _ => return Err(Malformed),
        };
        match tag >> 3 {
            0 => Err(Malformed),
            number => Ok(Some((number, field))),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}

/// Writes messages: the answers are small enough to be put together by hand.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    /// A number; zero is left out, as absence says the same.
    pub(crate) fn varint_field(&mut self, number: u64, value: u64) {
        if value > 0 {
            self.varint(number << 3);
            self.varint(value);
        }
    }

    /// Bytes; none are left out.
    pub(crate) fn bytes_field(&mut self, number: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.varint(number << 3 | 2);
            self.varint(bytes.len() as u64);
            self.0.extend_from_slice(bytes);
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 & 0x7f | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 1u64..1_000, value in 1u64.., bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            let mut writer = Writer::default();
            writer.varint_field(number, value);
            writer.bytes_field(number, &bytes);
            let mut message = Message(&writer.0);
            prop_assert_eq!(message.next(), Ok(Some((number, Field::Varint(value)))));
            prop_assert_eq!(message.next(), Ok(Some((number, Field::Bytes(&bytes)))));
            prop_assert_eq!(message.next(), Ok(None));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut message = Message(&bytes);
            while let Ok(Some(_)) = message.next() {}
        }
    }

    #[test]
    fn broken_messages_are_refused() {
        for bad in [&[0x80][..], &[0x0a, 5, 1], &[0x09, 1, 2], &[0x0b], &[0x00, 1], &[0xff; 11]] {
            assert_eq!(Message(bad).next(), Err(Malformed), "{bad:?}");
        }
    }
}
