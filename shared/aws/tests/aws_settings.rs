//! The AWS settings, and the root certificates that are trusted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use halogard_aws::{AwsSettings, AwsSettingsError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Settings that suffice, changed by `changes`.
fn read(changes: &[(&str, &str)]) -> Result<AwsSettings, AwsSettingsError> {
    let mut settings = BTreeMap::from([
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "CANARY-SECRET"),
        ("AWS_SESSION_TOKEN", "CANARY-TOKEN"),
    ]);
    settings.extend(changes.iter().copied());
    AwsSettings::read(|name| settings.get(name).map(|value| (*value).to_owned()))
}

fn roots() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("roots");
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|kind| kind == "pem"))
        .collect()
}

#[test]
fn every_root_is_one_that_mozilla_trusts() {
    let roots = roots();
    assert_eq!(roots.len(), 5);
    for file in roots {
        let root = CertificateDer::from_pem_file(&file).unwrap();
        let known = webpki_root_certs::TLS_SERVER_ROOT_CERTS.contains(&root);
        assert!(known, "{} is no longer on the list", file.display());
    }
}

#[test]
fn each_missing_setting_is_named() {
    for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let error = read(&[(name, " ")]).unwrap_err();
        assert!(matches!(error, AwsSettingsError::Missing { name: missing } if missing == name));
    }
}

#[test]
fn the_default_region_does_where_no_other_is_set() {
    let access = read(&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "us-east-2")]).unwrap();
    let config = access.sdk_config();
    assert_eq!(config.region().unwrap().as_ref(), "us-east-2");
}

#[test]
fn an_endpoint_is_https_or_on_this_machine() {
    for good in [
        "https://dynamodb.example.test",
        "http://127.0.0.1:4566",
        "http://localhost:4566/",
        "http://[::1]:4566",
    ] {
        assert!(read(&[("AWS_ENDPOINT_URL", good)]).is_ok(), "{good}");
    }
    for plain in ["http://10.0.0.1:4566", "http://localhost.example.test"] {
        let refused = read(&[("AWS_ENDPOINT_URL", plain)]);
        assert!(matches!(refused, Err(AwsSettingsError::Plain)), "{plain}");
    }
    for nonsense in ["127.0.0.1:4566", "ftp://127.0.0.1", "https://"] {
        let refused = read(&[("AWS_ENDPOINT_URL", nonsense)]);
        assert!(
            matches!(refused, Err(AwsSettingsError::NoAddress)),
            "{nonsense}"
        );
    }
}

#[test]
fn endpoint_switches_are_true_or_false() {
    for (value, on) in [
        ("true", true),
        ("TRUE", true),
        ("false", false),
        ("", false),
    ] {
        let access = read(&[
            ("AWS_USE_FIPS_ENDPOINT", value),
            ("AWS_USE_DUALSTACK_ENDPOINT", value),
        ]);
        let config = access.unwrap().sdk_config();
        assert_eq!(config.use_fips(), Some(on), "{value}");
        assert_eq!(config.use_dual_stack(), Some(on), "{value}");
    }
    for name in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
        let refused = read(&[(name, "yes")]);
        assert!(matches!(refused, Err(AwsSettingsError::Switch { name: named }) if named == name));
    }
}

#[test]
fn further_roots_are_read_from_a_file() {
    let file = roots().remove(0);
    let bundle = file.to_str().unwrap();
    assert!(read(&[("AWS_CA_BUNDLE", bundle)]).is_ok());
}

#[test]
fn a_file_that_holds_no_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let block =
        |inner: &str| format!("-----BEGIN CERTIFICATE-----\n{inner}\n-----END CERTIFICATE-----\n");
    for text in [
        String::new(),
        "no PEM".to_owned(),
        block("QUJD"),
        block("?"),
    ] {
        let file = folder.path().join("bundle.pem");
        fs::write(&file, &text).unwrap();
        let refused = read(&[("AWS_CA_BUNDLE", file.to_str().unwrap())]);
        assert!(
            matches!(refused, Err(AwsSettingsError::BadBundle { .. })),
            "{text:?}"
        );
    }
    let absent = folder.path().join("absent.pem");
    let refused = read(&[("AWS_CA_BUNDLE", absent.to_str().unwrap())]);
    assert!(matches!(refused, Err(AwsSettingsError::NoBundle { .. })));
}

#[test]
fn no_secret_is_shown() {
    let access = read(&[]).unwrap();
    let shown = format!("{access:?} {:?}", access.sdk_config());
    assert!(!shown.contains("CANARY"), "{shown}");
}

#[tokio::test]
async fn a_server_without_a_certificate_of_ours_is_not_talked_to() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let endpoint = format!("https://{address}");
    let further = roots().remove(0);
    let bundle = further.to_str().unwrap();
    let access = read(&[("AWS_ENDPOINT_URL", &endpoint), ("AWS_CA_BUNDLE", bundle)]).unwrap();
    let client = aws_sdk_dynamodb::Client::new(&access.sdk_config());

    let answer = client.list_tables().send().await;

    assert!(answer.is_err());
}

/// An HTTP client that records the hosts of the requests and sends none.
#[derive(Clone, Debug, Default)]
struct HostRecorder(Arc<Mutex<Vec<String>>>);

impl HttpClient for HostRecorder {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for HostRecorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let url: url::Url = request.uri().parse().unwrap();
        self.0
            .lock()
            .unwrap()
            .push(url.host_str().unwrap().to_owned());
        HttpConnectorFuture::ready(Err(ConnectorError::user("recorded".into())))
    }
}

#[tokio::test]
async fn each_partition_and_kind_of_endpoint_is_resolved_by_the_sdk() {
    let cases = [
        (&[][..], "eu-central-1", "sqs.eu-central-1.amazonaws.com"),
        (&[], "cn-north-1", "sqs.cn-north-1.amazonaws.com.cn"),
        (
            &["AWS_USE_FIPS_ENDPOINT"],
            "us-east-1",
            "sqs-fips.us-east-1.amazonaws.com",
        ),
        (
            &["AWS_USE_DUALSTACK_ENDPOINT"],
            "eu-west-1",
            "sqs.eu-west-1.api.aws",
        ),
        (
            &["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"],
            "us-east-1",
            "sqs-fips.us-east-1.api.aws",
        ),
    ];
    for (switches, region, host) in cases {
        let mut settings = vec![("AWS_REGION", region)];
        settings.extend(switches.iter().map(|name| (*name, "true")));
        let config = read(&settings).unwrap().sdk_config();
        let hosts = HostRecorder::default();
        let config = aws_sdk_sqs::config::Builder::from(&config).http_client(hosts.clone());
        let client = aws_sdk_sqs::Client::from_conf(config.build());

        client.list_queues().send().await.unwrap_err();

        assert_eq!(hosts.0.lock().unwrap().first().unwrap(), host);
    }
}
