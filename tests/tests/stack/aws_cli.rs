//! Calls to AWS, with the permissions of the operator.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use halogard_emulator::{Emulator, REGION, SECRET_ACCESS_KEY};
use serde_json::{Value, json};

/// The calls of one account; clones share the process that makes them.
#[derive(Clone)]
pub struct AwsCli(Arc<Mutex<Process>>);

/// The process, and its two ends.
struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl AwsCli {
    /// AwsCli that work in `account` of `emulator`.
    pub fn new(emulator: &Emulator, account: &str) -> Self {
        Self::with_key(emulator, account, SECRET_ACCESS_KEY)
    }

    /// The same with an access key.
    pub fn with_key(emulator: &Emulator, id: &str, secret: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack/aws_cli.py");
        let mut child = Command::new(halogard_emulator::python().unwrap())
            .arg(script)
            .env("AWS_ENDPOINT_URL", emulator.endpoint())
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", id)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            // Nothing is left beside the sources.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let process = Process {
            child,
            orders,
            answers,
        };
        Self(Arc::new(Mutex::new(process)))
    }

    /// What `service` answers to `call`.
    ///
    /// # Panics
    ///
    /// When it refuses.
    pub async fn call(&self, service: &str, call: &str, arguments: Value) -> Value {
        let mut said = self.say(service, call, arguments).await;
        assert!(
            said["refused"].is_null(),
            "{service} {call}: {}",
            said["refused"]
        );
        said["answer"].take()
    }

    /// What `service` answers to `call`, or the code with which it refuses.
    pub async fn ask(&self, service: &str, call: &str, arguments: Value) -> Result<Value, String> {
        let mut said = self.say(service, call, arguments).await;
        match said["refused"]["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(said["answer"].take()),
        }
    }

    /// Makes the call, and returns all that was said.
    async fn say(&self, service: &str, call: &str, arguments: Value) -> Value {
        let order = json!({"service": service, "call": call, "arguments": arguments}).to_string();
        let process = Arc::clone(&self.0);
        let said = tokio::task::spawn_blocking(move || process.lock().unwrap().ask(&order));
        let said = said.await.unwrap();
        serde_json::from_str(&said)
            .unwrap_or_else(|_| panic!("{service} {call} ended it all: {said:?}"))
    }
}

impl Process {
    /// One line there, one line back; an empty one when the process has ended.
    fn ask(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().unwrap();
        writeln!(orders, "{order}").unwrap();
        orders.flush().unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.orders.take());
        drop(self.child.wait());
    }
}
