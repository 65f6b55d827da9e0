//! Names for runs that were given none: an adjective, an animal and a number.

const ADJECTIVES: [&str; 32] = [
    "able", "amber", "brave", "bright", "calm", "clever", "crisp", "eager", "fair", "gentle", "glad", "golden",
    "grand", "happy", "honest", "keen", "kind", "lively", "lucky", "merry", "nimble", "noble", "patient", "proud",
    "quick", "quiet", "rapid", "silver", "steady", "swift", "vivid", "warm",
];
const ANIMALS: [&str; 32] = [
    "badger", "bear", "crane", "crow", "deer", "dove", "eagle", "falcon", "finch", "fox", "gull", "hare", "hawk",
    "heron", "horse", "ibex", "jay", "kestrel", "lark", "lynx", "marten", "mole", "otter", "owl", "panda", "puffin",
    "raven", "robin", "seal", "stork", "swan", "wren",
];
const NUMBERS: u16 = 1_000;

/// A name from sixteen random bytes.
pub(crate) fn from_random(bytes: [u8; 16]) -> String {
    let adjective = ADJECTIVES[usize::from(bytes[0]) % ADJECTIVES.len()];
    let animal = ANIMALS[usize::from(bytes[1]) % ANIMALS.len()];
    let number = u16::from_be_bytes([bytes[2], bytes[3]]) % NUMBERS;
    format!("{adjective}-{animal}-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_parts() {
        assert_eq!(from_random([0; 16]), "able-badger-0");
        assert_eq!(from_random([255; 16]), "warm-wren-535");
    }
}
