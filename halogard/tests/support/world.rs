//! Both vendors in a process of their own, and the config an operator would write for them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Http, Process, program};

/// The technician who acts by default.
pub const TECHNICIAN: i64 = 12;

/// Both simulated vendors.
pub struct Sim {
    /// Where alerts are raised and technicians act.
    pub admin: String,
    /// The settings it printed for `serve`.
    pub settings: BTreeMap<String, String>,
    http: Http,
    _process: Process,
}

impl Sim {
    /// Starts them on free ports, with a request limit that is not reached unless `options` say so.
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        let mut command = program(folder);
        command.arg("simulate");
        for server in ["--halopsa", "--liongard", "--admin"] {
            command.args([server, "127.0.0.1:0"]);
        }
        if !options.contains(&"--window-requests-max") {
            command.args(["--window-requests-max", "100000"]);
        }
        let mut process = Process::start({
            command.args(options);
            command
        });
        process.line_with("LIONGARD_ACCESS_KEY_SECRET");
        let printed = process.stdout();
        let settings = printed
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let admin = printed
            .lines()
            .find_map(|line| Some(line.strip_prefix("admin")?.trim().to_owned()))
            .unwrap();
        Self {
            admin,
            settings,
            http: Http::new(),
            _process: process,
        }
    }

    /// Raises an alert.
    #[track_caller]
    pub fn raise(&self, environment: i64, rule: &str) -> i64 {
        let spec = json!({
            "environment": environment,
            "inspector": "active-directory-inspector",
            "rule": rule,
            "priority": "High",
            "description": "2 accounts have not signed in for 90 days",
        });
        let raised = self.post("alerts", &spec);
        raised["id"].as_i64().unwrap()
    }

    /// Does something to an alert: `close`, `reopen`, `clear-condition`.
    #[track_caller]
    pub fn alert(&self, id: i64, action: &str) {
        self.post(&format!("alerts/{id}/{action}"), &json!({}));
    }

    /// Does something to a ticket as a technician: `close`, `reopen`.
    #[track_caller]
    pub fn ticket(&self, id: i64, action: &str) {
        self.post(&format!("tickets/{id}/{action}"), &json!({}));
    }

    /// Sends any other request to the admin address.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.http.post_json(&format!("{}/{path}", self.admin), body)
    }

    /// Deletes something through the admin address.
    #[track_caller]
    pub fn delete(&self, path: &str) {
        self.http.delete(&format!("{}/{path}", self.admin));
    }

    /// What the admin address shows at `path`.
    #[track_caller]
    pub fn look(&self, path: &str) -> Value {
        self.http.get_json(&format!("{}/{path}", self.admin))
    }

    /// The tickets that carry the mark of `alert`, deleted ones left out.
    pub fn tickets_of(&self, alert: i64) -> Vec<Value> {
        let mark = format!("[LG-{alert}.");
        let tickets = self.look("tickets");
        let own = tickets.as_array().unwrap().iter().filter(|ticket| {
            ticket["deleted"] == false && ticket["summary"].as_str().unwrap().contains(&mark)
        });
        own.cloned().collect()
    }

    /// Requests HaloPSA has had.
    pub fn halo_requests(&self) -> u64 {
        self.look("stats")["halopsa"]["requests"].as_u64().unwrap()
    }
}

/// A config file: one template, and customers mapped in order.
#[derive(Clone, Debug)]
pub struct Config {
    /// What stands above the first header.
    pub top: String,
    /// The template's lines.
    pub template: String,
    /// Whatever comes last.
    pub rest: String,
}

impl Config {
    /// The first `customers` customers of the simulated provider.
    pub fn of_customers(customers: i64) -> Self {
        let rest = (0..customers).map(|offset| {
            format!(
                "[[environments]]\nenvironment = {}\nclient = {}\nsite = {}\ntemplate = \"default\"\n",
                8801 + offset,
                17 + offset,
                21 + offset
            )
        });
        Self {
            top: "mode = \"managed\"\n".to_owned(),
            template: format!(
                "ticket_type = 5\n\
                 team = \"Service Desk\"\n\
                 status = {{ open = 1, closed = 9, also_closed = [8], in_progress = 2 }}\n\
                 priority = {{ critical = 1, high = 2, medium = 3, low = 4, default = 4 }}\n\
                 closing_technician = {TECHNICIAN}\n"
            ),
            rest: rest.collect(),
        }
    }

    /// The same with `from` replaced by `to`, which must be in it.
    #[track_caller]
    pub fn with(mut self, from: &str, to: &str) -> Self {
        let before = self.text();
        for part in [&mut self.top, &mut self.template, &mut self.rest] {
            *part = part.replace(from, to);
        }
        assert_ne!(before, self.text(), "{from:?} stands nowhere in the config");
        self
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let Self {
            top,
            template,
            rest,
        } = self;
        format!("{top}[templates.default]\n{template}[start]\ntickets_for = \"all\"\n{rest}")
    }
}
