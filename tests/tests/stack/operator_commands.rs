//! The operator's program, against a deployed stack.

use std::io::Write as _;
use std::process::{Command, Stdio};

use halogard_tests::setup::{APPLICATION, planted};
use serde_json::json;
use tempfile::TempDir;

use crate::binaries;
use crate::deployment::{Deployment, STACK};
use crate::rotation::Rotating;

/// A client secret that an operator has generated.
const GENERATED: &str = "planted-generated-secret-61d2";

/// The next one.
const GENERATED_NEXT: &str = "planted-generated-secret-92be";

/// A second application, beside the one the stack begins with.
const SECOND: &str = "5b1c7d90-halogard-sync-b";

/// The exit code when a person has something to do first.
const PERSON_NEEDED: i32 = 3;

/// The exit code of a plan that would change something.
const HAS_CHANGES: i32 = 2;

/// The operator's desk: the program, a folder to start it in, and the rights of the account.
struct OperatorCli {
    folder: TempDir,
    access: Vec<(&'static str, String)>,
}

/// What the program said.
#[derive(Debug)]
struct CommandOutput {
    code: i32,
    out: String,
    err: String,
}

impl OperatorCli {
    fn at(world: &Deployment) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            access: world.access().into(),
        }
    }

    /// The same without the variable `name`.
    fn without(mut self, name: &str) -> Self {
        self.access.retain(|(known, _)| *known != name);
        self
    }

    /// Writes a file into the folder.
    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }

    /// Gives a command, with `input` at its standard input.
    async fn give(&self, command: &str, input: &str) -> CommandOutput {
        let (folder, access) = (self.folder.path().to_owned(), self.access.clone());
        let (command, input) = (command.to_owned(), input.to_owned());
        let run = tokio::task::spawn_blocking(move || {
            let mut child = Command::new(binaries::program())
                .args(command.split_whitespace())
                .current_dir(folder)
                .env_clear()
                .envs(access)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            // A command that reads nothing may have ended by now.
            drop(stdin.write_all(input.as_bytes()));
            drop(stdin);
            child.wait_with_output().unwrap()
        });
        let output = run.await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        CommandOutput {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Gives a command that succeeds; all that it said.
    async fn does_saying(&self, command: &str, input: &str) -> CommandOutput {
        let said = self.give(command, input).await;
        assert_eq!(said.code, 0, "{command}: {said:?}");
        said
    }

    /// Gives a command that succeeds; what it printed.
    async fn does(&self, command: &str, input: &str) -> String {
        self.does_saying(command, input).await.out
    }

    /// The digest of the plan for `halogard.toml`, which ends with `code`.
    async fn planned_digest(&self, code: i32) -> String {
        let planned = self.give(&at_stack("config plan --json"), "").await;
        assert_eq!(planned.code, code, "{planned:?}");
        let plan: serde_json::Value = serde_json::from_str(&planned.out).unwrap();
        plan["digest"].as_str().unwrap().to_owned()
    }

    /// Plans `halogard.toml` and puts it in force; what the program printed.
    async fn applies_config(&self) -> String {
        let digest = self.planned_digest(HAS_CHANGES).await;
        self.does(&at_stack(&format!("config apply {digest}")), "")
            .await
    }

    /// Gives a command that fails with `code` and says all of `words`.
    async fn fails(&self, command: &str, input: &str, code: i32, words: &[&str]) -> CommandOutput {
        let said = self.give(command, input).await;
        assert_eq!(said.code, code, "{command}: {said:?}");
        for word in words {
            assert!(
                said.err.contains(word),
                "{command}: no {word:?} in {said:?}"
            );
        }
        said
    }
}

/// A command at the stack.
fn at_stack(command: &str) -> String {
    format!("{command} --stack {STACK}")
}

#[tokio::test]
async fn a_config_is_planned_applied_shown_undone_and_kept_when_another_is_refused() {
    let world = Deployment::deployed().await;
    let desk = OperatorCli::at(&world);
    let show = at_stack("config show");
    desk.fails(&show, "", 1, &["no config was applied yet", "config plan"])
        .await;

    let config = world.setup.config();
    desk.write("halogard.toml", &config);
    let applied = desk.applies_config().await;
    assert!(
        applied.contains("applied as version 1") && applied.contains("7 environments"),
        "{applied}"
    );
    assert_eq!(desk.does(&show, "").await, config);
    let again = desk.does(&at_stack("config plan"), "").await;
    assert!(again.contains("nothing changes"), "{again}");
    world
        .raise_and_await_ticket("under the config that was applied")
        .await;

    let commented = format!("# a comment of the operator's: ü\n{config}\n# and one at the end\n");
    desk.write("halogard.toml", &commented);
    let stale = desk.planned_digest(HAS_CHANGES).await;
    desk.applies_config().await;
    assert_eq!(desk.does(&show, "").await, commented);
    desk.write("halogard.toml", &config);
    let apply = |digest: &str| at_stack(&format!("config apply {digest}"));
    desk.fails(&apply(&stale), "", 1, &["stale", "the file differs"])
        .await;

    let unreadable = config.replace("ticket_type", "tickettype");
    desk.write("halogard.toml", &unreadable);
    desk.fails(
        &at_stack("config plan"),
        "",
        1,
        &["halogard.toml:", "`ticket_type`"],
    )
    .await;
    let unfit = config.replace("ticket_type = 5", "ticket_type = 999");
    assert_ne!(unfit, config);
    desk.write("halogard.toml", &unfit);
    let digest = desk.planned_digest(1).await;
    desk.fails(&apply(&digest), "", 1, &["999", "nothing was applied"])
        .await;
    assert_eq!(
        desk.does(&show, "").await,
        commented,
        "the stored one stays"
    );
    desk.does(&format!("{} --anyway", apply(&digest)), "").await;
    assert_eq!(desk.does(&show, "").await, unfit);

    for _ in 0..2 {
        desk.does(&at_stack("config undo --yes"), "").await;
        assert_eq!(desk.does(&show, "").await, commented);
    }
    let history = desk.does(&at_stack("config history"), "").await;
    assert!(history.contains("version 2 was restored"), "{history}");
    println!("desk: 3 configs applied, 3 refused, 1 undone");
}

#[tokio::test]
async fn the_webhooks_address_is_printed_and_a_stack_that_is_none_is_named() {
    let world = Deployment::deployed().await;
    let desk = OperatorCli::at(&world);
    let printed = desk.does(&at_stack("webhook url"), "").await;
    let address = format!(
        "{}{}\n",
        world.outputs["WebhookUrl"],
        planted::WEBHOOK_TOKEN
    );
    assert_eq!(printed, address);

    desk.write("halogard.toml", &world.setup.config());
    let commands = [
        "webhook url",
        "config show",
        "config plan",
        "rotate liongard",
    ];
    for command in commands {
        for name in ["no-such-stack", "no_such_name!"] {
            let command = format!("{command} --stack {name}");
            let words = [
                "there is no stack",
                name,
                "us-east-1",
                "AWS_REGION",
                "list-stacks",
            ];
            desk.fails(&command, "", 1, &words).await;
        }
    }
    let stranger = OperatorCli::at(&world).without("AWS_SECRET_ACCESS_KEY");
    let words = ["AWS_SECRET_ACCESS_KEY", "export-credentials"];
    stranger
        .fails(&at_stack("webhook url"), "", 1, &words)
        .await;
    println!("desk: {} commands at a stack that is none", commands.len());
}

#[tokio::test]
async fn questions_about_a_stack_are_answered_and_its_work_is_paused_and_repeated() {
    let world = Deployment::in_operation().await;
    let desk = OperatorCli::at(&world);
    let ticket = world
        .raise_and_await_ticket("that an operator asks about")
        .await;
    let answer = async |command: &str| {
        let said = desk.give(&at_stack(&format!("{command} --json")), "").await;
        let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(answer["format_version"], 1, "{command}: {said:?}");
        answer
    };
    let status = answer("status").await;
    let connected = status["vendors"].as_array().unwrap();
    assert!(
        connected.iter().all(|it| it["connected"] == true),
        "{status}"
    );
    let story = answer(&format!("explain #{ticket}")).await;
    let story = &story["stories"][0];
    assert_eq!(story["ticket"], ticket, "{story}");
    let alert = story["alert"].as_i64().unwrap();
    let linked = answer(&format!("explain {alert}")).await;
    assert_eq!(linked["stories"][0]["ticket"], ticket, "{linked}");
    assert_eq!(answer("dlq list").await["total"], 0);
    let resynced = answer(&format!("resync {alert}")).await;
    assert_eq!(resynced["pairs"], 1, "{resynced}");
    let verified = answer("verify").await;
    assert_eq!(verified["differences"], 0, "{verified}");

    let paused = answer("pause --yes --until 1h --reason maintenance").await;
    assert_eq!(paused["pauses"][0]["reason"], "maintenance", "{paused}");
    let status = answer("status").await;
    assert_eq!(status["paused"][0]["scope"], "all", "{status}");
    let resumed = answer("resume").await;
    assert_eq!(resumed["pauses"], json!([]), "{resumed}");
    let audit = answer("audit list").await;
    let entries = audit["entries"].as_array().unwrap().iter();
    let commands: Vec<_> = entries.map(|it| it["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["resync", "pause", "resume"], "{audit}");
    println!("desk: {} commands recorded", commands.len());
}

#[tokio::test]
async fn an_operators_commands_work_on_a_stack_as_they_do_on_one_machine() {
    let world = Deployment::in_operation().await;
    let desk = OperatorCli::at(&world);
    let ticket = world
        .raise_and_await_ticket("that an operator works on")
        .await;
    // The config of the bench was not applied by a command: its text differs.
    desk.write("halogard.toml", &world.setup.config());
    desk.applies_config().await;
    let given = async |command: &str| desk.give(&at_stack(command), "").await;
    let asked = async |command: &str| {
        let said = given(&format!("{command} --json")).await;
        let answer: serde_json::Value = serde_json::from_str(&said.out)
            .unwrap_or_else(|error| panic!("{command}: {error}: {said:?}"));
        assert_eq!(answer["format_version"], 1, "{command}: {said:?}");
        answer
    };
    // Everything that only reads.
    let examined = asked("doctor").await;
    let examined = examined["findings"].as_array().unwrap();
    let level = |id: &str| {
        let found = examined.iter().find(|it| it["id"] == id);
        found.map(|it| it["level"].as_str().unwrap_or_default().to_owned())
    };
    for id in [
        "halogard.store",
        "halogard.settings",
        "halopsa.credential",
        "liongard.credential",
        "halopsa.ticket_type.usable",
    ] {
        assert_eq!(level(id).as_deref(), Some("ok"), "{id}: {examined:?}");
    }
    let map = asked("map").await;
    assert_eq!(map["sums"]["mapped"], 7, "{map}");
    assert_eq!(asked("config plan").await["has_changes"], false);
    assert_eq!(asked("config history").await["versions"][0]["number"], 1);
    assert!(asked("webhook url").await["url"].is_string());
    assert!(asked("webhook status").await["state"].is_object());
    assert!(asked("webhook log").await["deliveries"].is_array());
    let story = asked(&format!("explain #{ticket}")).await;
    let alert = story["stories"][0]["alert"].as_i64().unwrap();
    let routed = asked(&format!("route --alert {alert}")).await;
    assert!(routed["ticket"]["client"].is_number(), "{routed}");
    assert_eq!(asked("dlq list").await["total"], 0);

    // Everything that changes something, and the way back.
    assert_eq!(asked(&format!("resync {alert}")).await["pairs"], 1);
    let reason = "--reason tests";
    let until = format!("--until 2h {reason}");
    for (command, paused) in [
        (format!("pause --customer 8801 {until}"), 1),
        (format!("snooze {alert} {until}"), 2),
        (format!("resume {alert} {reason}"), 1),
        (format!("resume --customer 8801 {reason}"), 0),
    ] {
        let pauses = asked(&command).await;
        assert_eq!(
            pauses["pauses"].as_array().unwrap().len(),
            paused,
            "{command}"
        );
    }

    // What is not known is named in the same form.
    let unknown = [
        "resync 99999999",
        "replay 99999999",
        "snooze 99999999 --until 2h --reason tests",
        "unlink 99999999 --yes",
        "pause --customer 99999999",
        "dlq redrive 99999999 --yes",
        "dlq drop 99999999 --yes",
        "config show --version 99999999",
    ];
    for command in unknown {
        let said = given(&format!("{command} --json")).await;
        assert_eq!(said.code, 1, "{command}: {said:?}");
        let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let error = &answer["error"];
        assert_eq!(error["kind"], "unknown_id", "{command}: {answer}");
        assert!(
            error["message"].as_str().unwrap().contains("99999999"),
            "{command}: {answer}"
        );
    }
    println!(
        "desk: 17 commands on a stack, {} refused by name",
        unknown.len()
    );
}

#[tokio::test]
async fn first_credentials_are_put_into_a_new_stack_tried_before_they_are_used() {
    let world = Deployment::just_deployed().await;
    let desk = OperatorCli::at(&world);
    let key = world.setup.liongard.access_keys[0].clone();
    let halopsa = format!("rotate halopsa --id {APPLICATION} --secret-stdin --stack {STACK}");
    desk.fails(
        &at_stack("rotate halopsa --secret-stdin"),
        "",
        1,
        &["pass its Client ID with --id"],
    )
    .await;
    desk.fails(
        &halopsa,
        "mistyped\n",
        PERSON_NEEDED,
        &["press Save", STACK],
    )
    .await;
    desk.does(&halopsa, &format!("{}\n", planted::CLIENT_SECRET))
        .await;
    let liongard = format!(
        "rotate liongard --id {} --secret-stdin --stack {STACK}",
        key.id
    );
    desk.fails(
        &liongard,
        "mistyped\n",
        PERSON_NEEDED,
        &["Liongard refuses"],
    )
    .await;
    desk.does(&liongard, &format!("{}\n", key.secret)).await;

    desk.write("halogard.toml", &world.setup.config());
    desk.applies_config().await;
    world
        .raise_and_await_ticket("with the first credentials")
        .await;
    println!("desk: 2 credentials put in, 2 mistyped ones refused");
}

#[tokio::test]
async fn a_new_stack_is_connected_by_one_command() {
    let world = Deployment::just_deployed().await;
    let desk = OperatorCli::at(&world);
    let key = world.setup.liongard.access_keys[0].clone();
    let connect = at_stack(&format!(
        "connect --secrets-stdin --client-id {APPLICATION} --key-id {}",
        key.id
    ));
    let refused = desk.give(&connect, "mistyped\nmistyped\n").await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.out.contains("credential  failed"), "{refused:?}");
    let secrets = format!("{}\n{}\n", planted::CLIENT_SECRET, key.secret);
    let connected = desk.does(&connect, &secrets).await;
    assert!(
        connected.contains("in the secrets of the stack"),
        "{connected}"
    );
    desk.write("halogard.toml", &world.setup.config());
    desk.applies_config().await;
    world
        .raise_and_await_ticket("after one command connected the stack")
        .await;
}

#[tokio::test]
async fn credentials_of_a_stack_are_rotated_by_the_operator_command() {
    let world = Deployment::in_operation().await;
    let desk = OperatorCli::at(&world);

    let done = desk.does(&at_stack("rotate liongard"), "").await;
    assert!(done.contains("liongard was rotated"), "{done}");
    assert_eq!(world.liongard.valid_keys().len(), 2);
    world.raise_and_await_ticket("after the key").await;

    let arn = world.outputs["HaloPsaSecretArn"].clone();
    let before = world.secret(&arn).await;
    let halopsa = at_stack("rotate halopsa --secret-stdin");
    let words = ["press Save", "rotate halopsa --finish --stack trial"];
    let early = desk
        .fails(&halopsa, &format!("{GENERATED}\n"), PERSON_NEEDED, &words)
        .await;
    assert!(!format!("{early:?}").contains(GENERATED), "{early:?}");
    assert_eq!(world.secret(&arn).await, before, "the value in use stays");
    world.halo.replace_secret(APPLICATION, GENERATED).unwrap();
    world.halo.expire_tokens();
    world
        .raise_and_await_ticket("between Save and the end")
        .await;
    desk.does(&at_stack("rotate halopsa --finish"), "").await;
    assert_eq!(world.secret(&arn).await["halopsa_client_secret"], GENERATED);

    // The version that the schedule waits for is filled.
    let halo = Rotating::announced(&world, "HaloPsaSecretArn").await;
    world
        .halo
        .replace_secret(APPLICATION, GENERATED_NEXT)
        .unwrap();
    desk.does(&halopsa, &format!("{GENERATED_NEXT}\n")).await;
    assert!(halo.is_turned().await, "{:?}", halo.versions().await);
    halo.does("finishSecret", "already_current").await;
    world.raise_and_await_ticket("after the schedule").await;

    // A second application, and then the two take turns.
    world.halo.change_settings(|settings| {
        let mut second = settings.applications[0].clone();
        second.client_id = SECOND.to_owned();
        second.client_secret = GENERATED.to_owned();
        settings.applications.push(second);
    });
    let second = format!("{halopsa} --id {SECOND}");
    desk.does(&second, &format!("{GENERATED}\n")).await;
    let current = world.secret(&arn).await;
    assert_eq!(current["halopsa_client_id"], SECOND);
    assert_eq!(current["halopsa_idle_client_id"], APPLICATION);
    let turn = desk
        .does_saying(&halopsa, &format!("{GENERATED_NEXT}\n"))
        .await;
    let asked_for = format!("the application with the Client ID {APPLICATION}");
    assert!(turn.err.contains(&asked_for), "{turn:?}");
    let current = world.secret(&arn).await;
    assert_eq!(current["halopsa_client_id"], APPLICATION);
    world.raise_and_await_ticket("after both took turns").await;

    let arn = world.outputs["WebhookSecretArn"].clone();
    let done = desk.does(&at_stack("rotate webhook"), "").await;
    assert!(done.contains("webhook was rotated"), "{done}");
    let by_api = world.secret(&arn).await["halopsa_webhook_secret"].clone();
    assert_ne!(by_api, json!(planted::WEBHOOK_SECRET));

    world.halo.change_settings(|settings| {
        let scopes = &mut settings.applications[0].scopes;
        scopes.retain(|scope| scope != "admin");
    });
    desk.fails(
        &at_stack("rotate webhook --finish"),
        "",
        1,
        &["nothing is pending"],
    )
    .await;
    let words = [
        "Configuration → Integrations → Webhooks",
        "rotate webhook --finish --stack trial",
    ];
    let shown = desk
        .fails(&at_stack("rotate webhook"), "", PERSON_NEEDED, &words)
        .await;
    let pasted = shown.out.trim();
    let pending = world.secret_at(&arn, "AWSPENDING").await.unwrap();
    assert_eq!(pending["halopsa_webhook_secret"], pasted);
    assert_eq!(world.secret(&arn).await["halopsa_webhook_secret"], by_api);
    world.sign_webhooks_with(pasted);
    desk.does(&at_stack("rotate webhook --finish"), "").await;
    assert_eq!(world.secret(&arn).await["halopsa_webhook_secret"], pasted);
    world.start_anew("WebhookIntakeName").await;
    assert_eq!(world.deliver_signed_with(pasted).await, 200);
    println!("desk: 7 rotations, 2 of them with a person's part");
}
