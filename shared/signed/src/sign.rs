//! Signature Version 4 for one kind of request: `POST /` without a query, its body hashed.
//!
//! Source: AWS, "Create a signed AWS API request". Our own, because the kept library brings two
//! dozen crates for the forms of request we never send; the tests compare every header with what
//! that library computes, and with AWS's published suite.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp as Instant;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use halogard_domain::Timestamp;

use crate::access::Credentials;

/// The scheme's name.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What is signed for.
pub(crate) struct Scope<'a> {
    /// The service, as signatures name it.
    pub(crate) service: &'a str,
    /// The region.
    pub(crate) region: &'a str,
    /// When.
    pub(crate) at: Timestamp,
}

impl Scope<'_> {
    /// The moment as AWS writes it; the first eight characters are the day.
    pub(crate) fn date(&self) -> String {
        // Out of the calendar only when a clock is: AWS refuses the signature, whatever it says.
        Instant::from_millisecond(self.at.as_millis())
            .unwrap_or_default()
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string()
    }
}

/// The value of `Authorization` for `POST /` with these headers, which are in lower case, in order
/// of their names, and all that is signed.
pub(crate) fn authorization(
    credentials: &Credentials,
    scope: &Scope<'_>,
    headers: &[(&str, &str)],
    body: &[u8],
) -> String {
    let date = scope.date();
    let day = date.get(..8).unwrap_or_default();
    let signed_headers = joined(headers.iter().map(|(name, _)| *name), ";");
    let canonical_headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let canonical = format!(
        "POST\n/\n\n{canonical_headers}\n{signed_headers}\n{}",
        hex(&Sha256::digest(body))
    );
    let credential = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!(
        "{ALGORITHM}\n{date}\n{credential}\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let first = format!("AWS4{}", credentials.secret.expose_secret());
    let key = [day, scope.region, scope.service, "aws4_request", &to_sign]
        .iter()
        .fold(first.into_bytes(), |key, text| keyed(&key, text));
    format!(
        "{ALGORITHM} Credential={}/{credential}, SignedHeaders={signed_headers}, Signature={}",
        credentials.key_id,
        hex(&key)
    )
}

/// HMAC-SHA256 of `text` under `key`.
fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length will do, so there is nothing to fail; an empty one signs nothing that
    // AWS would accept.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        })
        .unwrap_or_default()
}

/// `words` with `between` between them.
fn joined<'a>(words: impl Iterator<Item = &'a str>, between: &str) -> String {
    words.collect::<Vec<_>>().join(between)
}

/// `bytes` in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_sigv4::http_request::{
        PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
    };
    use aws_sigv4::sign::v4::SigningParams;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// A case of a file of vectors: how we sign it, and the signature it states.
    fn signed(case: &Value) -> (String, String) {
        let text = |name: &str| case[name].as_str().unwrap();
        let headers: Vec<(&str, &str)> = case["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
            .collect();
        let at: Instant = text("at").parse().unwrap();
        let credentials = Credentials {
            key_id: text("key_id").to_owned(),
            secret: text("secret").into(),
            session_token: None,
        };
        let scope = Scope {
            service: text("service"),
            region: text("region"),
            at: Timestamp::from_millis(at.as_millisecond()),
        };
        let ours = authorization(&credentials, &scope, &headers, text("body").as_bytes());
        (ours, text("signature").to_owned())
    }

    #[test]
    fn signatures_are_those_that_others_computed() {
        let files = [
            include_str!("../vectors/aws-suite.json"),
            include_str!("../vectors/botocore.json"),
        ];
        let mut count = 0;
        for file in files {
            let cases: Vec<Value> = serde_json::from_str(file).unwrap();
            for case in &cases {
                let (ours, theirs) = signed(case);
                assert!(
                    ours.ends_with(&format!("Signature={theirs}")),
                    "{}: {ours}",
                    case["name"]
                );
                count += 1;
            }
        }
        assert_eq!(count, 11);
    }

    #[test]
    fn the_date_is_written_as_aws_reads_it() {
        let at = |millis| {
            Scope {
                service: "sqs",
                region: "r",
                at: Timestamp::from_millis(millis),
            }
            .date()
        };
        assert_eq!(at(1_795_276_800_999), "20261121T160000Z");
        assert_eq!(at(0), "19700101T000000Z");
        assert_eq!(at(i64::MAX), "19700101T000000Z");
    }

    proptest! {
        #[test]
        fn the_kept_library_signs_the_same(
            key_id in "[A-Z0-9]{16,20}",
            secret in "[A-Za-z0-9/+]{20,64}",
            region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
            service in "[a-z]{3,14}",
            host in "[a-z]{1,12}(\\.[a-z]{1,12}){0,3}(:[1-9][0-9]{1,3})?",
            target in "[A-Za-z]{1,20}\\.[A-Za-z]{1,20}",
            token in "[A-Za-z0-9/+=]{1,200}",
            body in prop::collection::vec(any::<u8>(), 0..500),
            seconds in 0_u64..4_102_444_800,
        ) {
            let scope = Scope {
                service: &service,
                region: &region,
                at: Timestamp::EPOCH.plus(Duration::from_secs(seconds)),
            };
            let date = scope.date();
            let credentials = Credentials {
                key_id: key_id.clone(),
                secret: secret.clone().into(),
                session_token: None,
            };
            let headers = [
                ("content-type", "application/x-amz-json-1.0"),
                ("host", host.as_str()),
                ("x-amz-date", date.as_str()),
                ("x-amz-security-token", token.as_str()),
                ("x-amz-target", target.as_str()),
            ];
            let ours = authorization(&credentials, &scope, &headers, &body);

            let identity = aws_credential_types::Credentials::new(
                key_id, secret, Some(token.clone()), None, "test",
            )
            .into();
            let mut settings = SigningSettings::default();
            settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
            let params = SigningParams::builder()
                .identity(&identity)
                .region(&region)
                .name(&service)
                .time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
                .settings(settings)
                .build()
                .unwrap()
                .into();
            let request = SignableRequest::new(
                "POST",
                format!("https://{host}/"),
                [headers[0], headers[1], headers[4]].into_iter(),
                SignableBody::Bytes(&body),
            )
            .unwrap();
            let (instructions, _) = sign(request, &params).unwrap().into_parts();
            let theirs = instructions
                .headers()
                .find(|(name, _)| *name == "authorization")
                .unwrap()
                .1
                .to_owned();
            prop_assert_eq!(ours, theirs);
        }
    }
}
