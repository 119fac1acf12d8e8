//! A hash that may be stored: the same on every machine and in every version.

/// A 64-bit FNV-1a hash of `parts`.
#[must_use]
pub fn hash64(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        // A separator that occurs in no text, so that ("ab", "c") differs from ("a", "bc").
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}
