//! What AWS says when it refuses.

use halogard_domain::text::cut;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::CallError;

/// Characters kept of AWS's sentence.
const SAID_CHARS_MAX: usize = 300;

/// The header that names the error, where the body does not.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// The refusal in an answer that is not a success.
pub(crate) fn refusal(
    service: &'static str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> CallError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let named = text("__type")
        .or_else(|| text("code"))
        .or_else(|| headers.get(ERROR_TYPE)?.to_str().ok())
        .unwrap_or_default();
    let said = text("message")
        .or_else(|| text("Message"))
        .map(|said| cut(said, SAID_CHARS_MAX));
    CallError::Refused {
        service,
        status: status.as_u16(),
        code: bare(named).to_owned(),
        said,
    }
}

/// The name of an error without what is written around it: `com.amazonaws.sqs#Name`, `Name:http://…`.
fn bare(named: &str) -> &str {
    let name = named.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use halogard_domain::FailureClass;

    use super::*;

    #[test]
    fn a_refusal_is_known_by_its_name_wherever_it_stands() {
        let throttled = FailureClass::Throttled { retry_after: None };
        let cases = [
            (
                400,
                "{\"__type\":\"com.amazonaws.sqs#RequestThrottled\"}",
                "",
                "RequestThrottled",
                throttled,
            ),
            (
                400,
                "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}",
                "",
                "ThrottlingException",
                throttled,
            ),
            (
                400,
                "",
                "TooManyRequestsException:http://x/",
                "TooManyRequestsException",
                throttled,
            ),
            (429, "", "", "", throttled),
            (
                400,
                "{\"__type\":\"AccessDeniedException\"}",
                "",
                "AccessDeniedException",
                FailureClass::Permanent,
            ),
            (
                400,
                "{\"code\":\"InvalidAction\"}",
                "",
                "InvalidAction",
                FailureClass::Permanent,
            ),
            (404, "<html>", "", "", FailureClass::Permanent),
            (302, "", "", "", FailureClass::Permanent),
            (
                500,
                "{\"__type\":\"InternalServiceError\"}",
                "",
                "InternalServiceError",
                FailureClass::Transient,
            ),
            (503, "[1]", "", "", FailureClass::Transient),
        ];
        for (status, body, header, code, class) in cases {
            let mut headers = HeaderMap::new();
            if !header.is_empty() {
                headers.insert(ERROR_TYPE, header.parse().unwrap());
            }
            let status = StatusCode::from_u16(status).unwrap();
            let error = refusal("sqs", status, &headers, body.as_bytes());
            assert_eq!((error.code(), error.class()), (Some(code), class), "{body}");
        }
    }

    #[test]
    fn a_refusal_reads_on_its_own() {
        let body = br#"{"__type":"AccessDeniedException","Message":"not authorized to perform: sqs:SendMessage"}"#;
        let error = refusal("sqs", StatusCode::BAD_REQUEST, &HeaderMap::new(), body);
        assert_eq!(
            error.to_string(),
            "sqs refused with status 400 (AccessDeniedException): not authorized to perform: \
             sqs:SendMessage"
        );
    }
}
