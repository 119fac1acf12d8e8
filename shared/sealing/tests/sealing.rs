//! What a sealed value guarantees.

use halogard_sealing::{SealingKey, UnsealError};

/// Two keys.
fn keys() -> [SealingKey; 2] {
    [[7; 32], [8; 32]].map(|bytes| SealingKey::new(&bytes))
}

#[test]
fn a_sealed_value_opens_with_its_key_and_context_only() {
    let [key, other] = keys();
    for value in [&b""[..], b"a value", &[0; 100_000]] {
        let sealed = key.seal(b"here", value).unwrap();
        assert_eq!(key.open(b"here", &sealed).unwrap(), value);
        let wrong = [key.open(b"there", &sealed), other.open(b"here", &sealed)];
        assert_eq!(wrong, [const { Err(UnsealError::NotAuthentic) }; 2]);
    }
}

#[test]
fn no_changed_or_missing_byte_goes_unnoticed() {
    let [key, _] = keys();
    let sealed = key.seal(b"here", b"a value").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        key.open(b"here", &changed).unwrap_err();
        key.open(b"here", &sealed[..at]).unwrap_err();
    }
}

#[test]
fn another_version_of_the_format_is_named() {
    let [key, _] = keys();
    let mut sealed = key.seal(b"here", b"a value").unwrap();
    assert_eq!(sealed[0], 1);
    sealed[0] = 2;
    let error = key.open(b"here", &sealed).unwrap_err();
    assert_eq!(error, UnsealError::UnsupportedVersion(2));
    assert!(error.to_string().contains("format version 2"), "{error}");
}

#[test]
fn equal_values_are_sealed_differently_and_hold_nothing_readable() {
    let [key, _] = keys();
    let seal = || key.seal(b"here", b"a readable value").unwrap();
    let (first, second) = (seal(), seal());
    assert_ne!(first, second);
    let readable = |bytes: &[u8]| bytes.windows(8).any(|window| window == b"readable");
    assert!(!readable(&first));
}
