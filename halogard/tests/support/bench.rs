//! A folder, both vendors, and the settings of a `serve` between them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tempfile::TempDir;

use super::{Config, Ended, Http, Process, Sim, program};

/// The unguessable end of the webhook's address in these tests.
pub const TOKEN: &str = "path-0123456789abcdefghij";

/// The key of the webhook's signature in these tests.
pub const WEBHOOK_SECRET: &str = "planted-webhook-secret-7Q";

/// `base64(HMAC-SHA256(secret, body))`.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Everything a `serve` needs.
pub struct Bench {
    /// Both vendors.
    pub sim: Sim,
    /// A client for the test itself.
    pub http: Http,
    /// The settings `serve` gets.
    pub settings: BTreeMap<String, String>,
    folder: TempDir,
}

/// A `serve` that listens.
pub struct Serve {
    /// The process.
    pub process: Process,
    /// Its address, without a path.
    pub base_url: String,
    /// The webhook's address, as printed.
    pub webhook_url: String,
    /// The address of metrics and readiness, without a path.
    pub private_url: String,
}

impl Bench {
    /// Both vendors with six customers, all of them mapped; polls every second.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// The same, with these options of `simulate`.
    pub fn with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sim = Sim::start(folder.path(), options);
        let mut bench = Self {
            settings: sim.settings.clone(),
            sim,
            http: Http::new(),
            folder,
        };
        bench.set("HALOGARD_LISTEN", "127.0.0.1:0");
        bench.set("HALOGARD_METRICS_LISTEN", "127.0.0.1:0");
        bench.set("HALOGARD_DATA_DIR", "data");
        bench.set("HALOPSA_WEBHOOK_TOKEN", TOKEN);
        bench.set("HALOPSA_WEBHOOK_SECRET", WEBHOOK_SECRET);
        bench.set("POLL_INTERVAL_SECONDS", "1");
        bench.set("INSPECTOR_MIN_INTERVAL_SECONDS", "1");
        bench.write_config(&Config::of_customers(6));
        bench
    }

    /// Gives a setting a value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a setting away.
    pub fn unset(&mut self, name: &str) {
        self.settings.remove(name);
    }

    /// A setting's value.
    pub fn get(&self, name: &str) -> &str {
        &self.settings[name]
    }

    /// HaloPSA's address, without a path.
    pub fn halo_base(&self) -> String {
        self.get("HALOPSA_RESOURCE_URL").replace("/api", "")
    }

    /// A path in the test's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the config file.
    pub fn write_config(&self, config: &Config) {
        std::fs::write(self.path("halogard.toml"), config.text()).unwrap();
    }

    /// Starts `serve` with `options`; it may not get far.
    pub fn start(&self, options: &[&str]) -> Process {
        let mut command = program(self.folder.path());
        command.arg("serve").args(options).envs(&self.settings);
        Process::start(command)
    }

    /// Starts `serve` and waits until it listens.
    #[track_caller]
    pub fn serve(&self) -> Serve {
        self.listening(self.start(&[]))
    }

    /// Waits until a started `serve` listens. Asks a command for the token, which is printed on
    /// terminals only.
    #[track_caller]
    pub fn listening(&self, mut process: Process) -> Serve {
        let base_url = address_in(&process.line_with("listening on http://"));
        let private_url = address_in(&process.line_with("metrics on http://"));
        let printed = self.webhook_url();
        assert_eq!(printed.status.code(), Some(0), "{printed:?}");
        let (_, path) = printed.stdout.trim().split_once("/webhooks/").unwrap();
        Serve {
            process,
            webhook_url: format!("{base_url}/webhooks/{path}"),
            base_url,
            private_url,
        }
    }

    /// Runs `webhook url` to its end.
    #[track_caller]
    pub fn webhook_url(&self) -> Ended {
        let mut command = program(self.folder.path());
        command.args(["webhook", "url"]).envs(&self.settings);
        Process::run(command)
    }

    /// Runs an operator's command to its end, beside a `serve` or without one.
    #[track_caller]
    pub fn operate(&self, command: &str) -> Ended {
        self.operate_with(command, &[])
    }

    /// The same with further environment variables.
    #[track_caller]
    pub fn operate_with(&self, command: &str, variables: &[(&str, &str)]) -> Ended {
        let mut run = program(self.folder.path());
        run.args(command.split_whitespace()).envs(&self.settings);
        run.envs(variables.iter().copied());
        Process::run(run)
    }

    /// Runs an operator's command to its end and reads its answer, whatever its exit code.
    #[track_caller]
    pub fn ask(&self, command: &str) -> serde_json::Value {
        let ended = self.operate(&format!("{command} --json"));
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    /// Runs `serve --check` to its end.
    #[track_caller]
    pub fn check(&self) -> Ended {
        self.start(&["--check"]).ended(super::SOON)
    }

    /// Has the simulated HaloPSA send every event to `url`, signed.
    pub fn register_webhook(&self, url: &str) {
        let auth = json!({
            "kind": "hmac", "header": "X-Halo-Signature", "secret": WEBHOOK_SECRET,
        });
        self.sim.post(
            "webhooks",
            &json!({ "url": url, "auth": auth, "payload": "full" }),
        );
    }
}

/// The address in a line of text or of JSON, without its path.
fn address_in(line: &str) -> String {
    let (_, rest) = line.split_once("http://").unwrap();
    let end = rest.find(['/', '"']).unwrap_or(rest.len());
    format!("http://{}", &rest[..end])
}

impl Serve {
    /// The metric `line`'s value; zero when it is not there yet.
    pub fn metric(&self, http: &Http, line: &str) -> u64 {
        let answer = http.get(&format!("{}/metrics", self.private_url));
        let values = answer
            .body
            .lines()
            .filter_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        values.map(|value| value.parse::<u64>().unwrap()).sum()
    }

    /// The address that Liongard calls to bring the next poll forward.
    pub fn wake_up_url(&self) -> String {
        self.webhook_url.replace("/halopsa/", "/liongard/")
    }
}
