//! The programs that are measured, and how each is started.

use std::path::PathBuf;

use super::authority::CertificateAuthority;
use super::aws::Aws;

/// The account's secrets: variable and ARN.
pub const SECRETS: [(&str, &str); 3] = [
    (
        "WEBHOOK_SECRET",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:webhook-AbCdEf",
    ),
    (
        "HALOPSA_SECRET",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:halopsa-AbCdEf",
    ),
    (
        "LIONGARD_SECRET",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:liongard-AbCdEf",
    ),
];

/// A program to be measured.
pub struct Subject {
    /// Its name.
    pub name: &'static str,
    /// The release binary.
    pub program: PathBuf,
    /// The events it receives, in rotation.
    pub events: Vec<Vec<u8>>,
    /// A text that every response contains.
    pub expected: &'static str,
    /// A call to AWS that its first event must have made; a function that deferred its work would not have.
    pub asks: Option<&'static str>,
    /// The environment it is started with; the addresses of the Runtime API and the vendors are new
    /// each time.
    pub environment: Vec<(String, String)>,
}

/// What Lambda and the template set, for every program alike.
pub fn environment(aws: &Aws, authority: &CertificateAuthority) -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> = [
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/09/25/[$LATEST]bench"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
        (
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEXAMPLETOKEN"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin"),
        ("HALOGARD_TABLE", "bench"),
    ]
    .into_iter()
    .chain(SECRETS)
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    for lane in ["URGENT", "BULK", "RUNS"] {
        let queue = format!("{}/123456789012/{}", aws.endpoint(), lane.to_lowercase());
        environment.push((format!("{lane}_DEAD_LETTERS_URL"), format!("{queue}-dead")));
        environment.push((format!("{lane}_QUEUE_URL"), queue));
    }
    let path = |path: &PathBuf| path.display().to_string();
    // Our functions trust their pinned roots and this one. A program with the SDK's defaults reads
    // the system's roots, where ours must be added; it looks for them where SSL_CERT_FILE says.
    environment.push(("AWS_CA_BUNDLE".to_owned(), path(&authority.alone)));
    environment.push(("SSL_CERT_FILE".to_owned(), path(&authority.with_system)));
    environment.push(("AWS_ENDPOINT_URL".to_owned(), aws.endpoint().to_owned()));
    environment
}
