//! `connect`: tries the connection to both vendors stage by stage, stores what works, and says what comes next.

mod answers;
pub mod page;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use halogard_app::Store;
use halogard_app::dialect::{ProbeWhen, dialect};
use halogard_app::ports::{AlertSource as _, Clock as _, DialectProbe as _, Refusal};
use halogard_config::{starter_without_customers, with_settings};
use halogard_credentials::{SecretFields, members};
use halogard_domain::Policy;
use halogard_domain::dialect::DialectReport;
use halogard_domain::policy::Mode;
use halogard_halopsa::Addresses;
use halogard_http::{ConnectionStage, FailureCause, StageFailure, connection_stages};
use halogard_liongard::Address;
use halogard_operations::audit;
use halogard_operations::connect::{
    self, ConnectStage, RECOMMENDATIONS, StageLine, VendorConnection, advised_mode, product_of,
};
use halogard_operations::doctor::{
    self, CheckOwner, Extent, Finding, Level, OwnFacts, permissions_document,
};
use halogard_runtime::SystemClock;
use halogard_runtime::settings::OutboundSettings;
use serde::Serialize;
use url::Url;

use crate::cli::ModeName;
use crate::commands::config;
use crate::confirm::operator;
use crate::dialect_table;
use crate::opened_store::{
    self, MissingStore, OpenedStore, OperatorVendors, StoreCommand, StoreLocation, StoreOptions,
};
use crate::output;
use crate::page as printed;
use crate::stored_credentials::{self, HALOPSA, LIONGARD};
use crate::written_file::{self, Readers};
use answers::GivenAnswers;

/// How long each stage of a connection may take.
const STAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Options of `connect`.
#[derive(Clone, Debug, Args)]
pub struct ConnectOptions {
    /// HaloPSA's address: the host, the resource server, or what the browser shows.
    #[arg(long, value_name = "ADDRESS")]
    pub halopsa: Option<String>,
    /// HaloPSA's authorisation server, if it is another host.
    #[arg(long, value_name = "ADDRESS")]
    pub halopsa_auth: Option<String>,
    /// The tenant of a hosted HaloPSA; its name in the host when not given.
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// HaloPSA runs on premises: it has no tenant.
    #[arg(long, conflicts_with = "tenant")]
    pub on_premises: bool,
    /// The Client ID of HaloPSA's API application.
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Liongard's address: the host, or the name of the instance as us1.
    #[arg(long, value_name = "ADDRESS")]
    pub liongard: Option<String>,
    /// The id of Liongard's access key.
    #[arg(long, value_name = "ID")]
    pub key_id: Option<String>,
    /// Read both secrets from standard input: the Client Secret from the first line, the access key's from the second.
    #[arg(long)]
    pub secrets_stdin: bool,
    /// What HaloPSA will call: the https address of the proxy in front of `serve`.
    #[arg(long, value_name = "URL", conflicts_with = "stack")]
    pub public_url: Option<String>,
    /// Who creates the tickets, for a new config file; `connect` chooses from what it sees when not given.
    #[arg(long, value_enum, conflicts_with = "stack")]
    pub mode: Option<ModeName>,
    /// Try the connection and store nothing.
    #[arg(long)]
    pub test_only: bool,
    /// Print the rights that the credentials need, and connect to nothing.
    #[arg(long, conflicts_with_all = ["json", "stack"])]
    pub print_permissions: bool,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// What is printed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConnectAnswer {
    /// Both vendors.
    pub vendors: Vec<VendorConnection>,
    /// Whether both accept their credentials.
    pub connected: bool,
    /// What was corrected in what was given.
    pub corrections: Vec<String>,
    /// Whether Liongard's own ticketing opens tickets; `None` without an open alert, which would show it.
    pub native_ticketing: Option<bool>,
    /// The mode that fits.
    pub advised_mode: Mode,
    /// What the first checks found.
    pub findings: Vec<Finding>,
    /// What is worth doing before the first ticket.
    pub recommendations: &'static [&'static str],
    /// The address to paste into HaloPSA; printed on a terminal only.
    #[serde(skip)]
    pub webhook_url: Option<String>,
    /// What was stored, and where.
    pub stored: Vec<String>,
    /// The next command.
    pub next: String,
    #[serde(skip)]
    pub dialect: Option<DialectReport>,
}

/// Runs the command.
pub async fn run(options: &ConnectOptions) -> anyhow::Result<ExitCode> {
    if options.print_permissions {
        output::result(permissions_document().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let command = Connect(options);
    let answer = Box::pin(opened_store::run_where(
        &options.store,
        match options.test_only {
            true => MissingStore::Imagined,
            false => MissingStore::Created,
        },
        command,
    ))
    .await?;
    printed::print(&answer, options.store.json, page::write)?;
    if let Some(dialect) = answer.dialect.as_ref().filter(|_| !options.store.json) {
        dialect_table::print_line(dialect);
    }
    Ok(match answer.connected {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Connects.
struct Connect<'a>(&'a ConnectOptions);

impl StoreCommand for Connect<'_> {
    type Output = ConnectAnswer;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<ConnectAnswer> {
        let options = self.0;
        let environment = opened.environment().await?;
        let mut answers = GivenAnswers::collect(options, &environment)?;
        let mut attempt = ConnectAttempt::make(&opened, &answers).await?;
        if attempt.halopsa.is_refused() || attempt.liongard.is_refused() {
            attempt = try_exchanged(&opened, &mut answers, attempt).await?;
        }
        if !attempt.halopsa.is_connected() && !attempt.liongard.is_connected() {
            name_exchanged_addresses(&opened, &answers, &mut attempt).await?;
        }
        if options.secrets_stdin && attempt.halopsa.is_refused() && attempt.liongard.is_refused() {
            name_lines_of_secrets(&mut attempt);
        }
        let connected = attempt.halopsa.is_connected() && attempt.liongard.is_connected();
        let mut answer = ConnectAnswer {
            connected,
            vendors: vec![attempt.halopsa, attempt.liongard],
            corrections: attempt.corrections,
            native_ticketing: None,
            advised_mode: Mode::Managed,
            findings: Vec::new(),
            recommendations: RECOMMENDATIONS,
            webhook_url: None,
            stored: Vec::new(),
            next: "fix what failed, and run the command again".to_owned(),
            dialect: None,
        };
        let Some(vendors) = attempt.vendors.filter(|_| connected) else {
            return Ok(answer);
        };
        look(&opened, &vendors, &mut answer).await?;
        if options.test_only {
            answer.next = "run it again without --test-only to store the credentials".to_owned();
            return Ok(answer);
        }
        store_credentials(&opened, &answers, &mut answer).await?;
        match &opened.location {
            StoreLocation::Machine(machine) => {
                let is_new = write_config(&machine.config_file, options, &answers, &mut answer)?;
                answer.webhook_url = opened.webhook_url_or_new().await?;
                answer.next = match is_new {
                    true => {
                        "halogard map, then review the template in the config file, halogard doctor and \
                             halogard serve --dry-run"
                    }
                    false => "halogard map, then halogard doctor and halogard serve --dry-run",
                }
                .to_owned();
            }
            StoreLocation::Stack(stack) => {
                answer.webhook_url = stack.webhook_url().await.ok();
                answer.next = format!(
                    "halogard map --stack {0}, then halogard config plan --stack {0}",
                    stack.name()
                );
            }
        }
        let operator = operator(None);
        let (done, now) = (stored_in_words(&answer.stored), SystemClock.now());
        audit::record(
            &opened.store,
            &operator,
            "connect",
            "both vendors",
            &done,
            now,
        )
        .await?;
        Ok(answer)
    }
}

/// What was stored, for the audit.
fn stored_in_words(stored: &[String]) -> String {
    format!("connected; stored {}", stored.join(" and "))
}

/// One attempt to reach both vendors.
struct ConnectAttempt<S: Store + Clone + 'static> {
    halopsa: VendorConnection,
    liongard: VendorConnection,
    corrections: Vec<String>,
    /// The clients, where both addresses can be read.
    vendors: Option<OperatorVendors<S>>,
}

impl<S: Store + Clone + 'static> ConnectAttempt<S> {
    /// Tries each stage of both connections.
    async fn make(opened: &OpenedStore<S>, answers: &GivenAnswers) -> anyhow::Result<Self> {
        let settings = answers.settings()?;
        let (halo, liongard) = (&settings.halo, &settings.liongard);
        let halopsa_address = Addresses::read(&halo.resource_url, halo.auth_url.as_deref());
        let liongard_address = Address::read(&liongard.url);
        let halopsa_address = halopsa_address
            .map(|it| it.resource)
            .map_err(|error| error.to_string());
        let liongard_address = liongard_address
            .map(|it| it.origin)
            .map_err(|error| error.to_string());
        let (halo_url, liongard_url) = (halo.resource_url.clone(), liongard.url.clone());
        let (halopsa, has_halopsa) = before_http(
            "HaloPSA",
            "Liongard",
            halopsa_address,
            &halo_url,
            &settings.outbound,
        )
        .await?;
        let (liongard, has_liongard) = before_http(
            "Liongard",
            "HaloPSA",
            liongard_address,
            &liongard_url,
            &settings.outbound,
        )
        .await?;
        let mut attempt = Self {
            halopsa,
            liongard,
            corrections: Vec::new(),
            vendors: None,
        };
        if !has_halopsa || !has_liongard {
            // Without both addresses there is no pair of clients; the other vendor is not asked.
            return Ok(attempt);
        }
        let mut vendors = opened.vendors_of(&settings)?;
        attempt.corrections = std::mem::take(&mut vendors.normalizations);
        if is_open(&attempt.halopsa) {
            let stages = connect::halopsa_stages(&vendors.desk).await;
            attempt.halopsa.stages.extend(stages);
        }
        if is_open(&attempt.liongard) {
            let stages = connect::liongard_stages(&vendors.source).await;
            attempt.liongard.stages.extend(stages);
        }
        attempt.vendors = Some(vendors);
        Ok(attempt)
    }
}

/// Whether no stage has failed so far.
fn is_open(connection: &VendorConnection) -> bool {
    connection.stages.iter().all(|it| it.passed)
}

/// The stages before HTTP, and whether the address is one.
async fn before_http(
    vendor: &'static str,
    other: &'static str,
    address: Result<Url, String>,
    given: &str,
    outbound: &OutboundSettings,
) -> anyhow::Result<(VendorConnection, bool)> {
    let mut connection = VendorConnection {
        vendor,
        address: given.to_owned(),
        stages: Vec::new(),
    };
    let asked = match address {
        Ok(asked) => asked,
        Err(said) => {
            let stage = ConnectStage::Address;
            let line = StageLine::failed(stage, said, stage.remedy());
            connection.stages.push(line);
            return Ok((connection, false));
        }
    };
    connection.address = asked.to_string();
    let host = asked.host_str().unwrap_or_default().to_owned();
    if product_of(&host) == Some(other) {
        let said = format!("{host} is an address of {other}, not of {vendor}");
        let remedy = format!("give the address of {vendor} here; perhaps both are swapped");
        let line = StageLine::failed(ConnectStage::Address, said, &remedy);
        connection.stages.push(line);
        return Ok((connection, true));
    }
    if outbound.proxy.is_some() {
        // The proxy resolves and connects; what HTTP shows is what can be known.
        return Ok((connection, true));
    }
    let roots = halogard_vendors::trusted_roots(outbound)?;
    let is_encrypted = asked.scheme() == "https";
    let port = asked.port_or_known_default().unwrap_or(443);
    let name = host.clone();
    let tried = tokio::task::spawn_blocking(move || {
        connection_stages(&name, port, is_encrypted, STAGE_TIMEOUT, roots)
    });
    for (stage, outcome) in tried.await.context("the connection could not be tried")? {
        let stage = match stage {
            ConnectionStage::Name => ConnectStage::Name,
            ConnectionStage::Tcp => ConnectStage::Tcp,
            ConnectionStage::Tls => ConnectStage::Tls,
        };
        connection.stages.push(match outcome {
            Ok(said) => StageLine::passed(stage, said),
            Err(failure) => {
                let remedy = remedy(stage, &failure, &host, port);
                StageLine::failed(stage, failure.said, &remedy)
            }
        });
    }
    Ok((connection, true))
}

/// What to do about `failure` of `stage` with port `port` of `host`.
fn remedy(stage: ConnectStage, failure: &StageFailure, host: &str, port: u16) -> String {
    match failure.cause {
        FailureCause::Refused => format!(
            "check host and port of the address: nothing listens at port {port} of {host}, or a firewall refuses the \
             connection"
        ),
        FailureCause::NotTls => format!(
            "check the port of the address: the server at port {port} of {host} does not speak TLS, perhaps plain \
             http. A simulated vendor on this machine has an address that begins with http://"
        ),
        FailureCause::Other if stage == ConnectStage::Tcp => format!(
            "allow this machine to connect to {host} by port {port}; a firewall or a content filter may block it \
             (docs/network.md)"
        ),
        FailureCause::Other => stage.remedy().to_owned(),
    }
}

/// Tries id and secret the other way round where a vendor refused them: people paste one into the place of the
/// other.
async fn try_exchanged<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
    answers: &mut GivenAnswers,
    attempt: ConnectAttempt<S>,
) -> anyhow::Result<ConnectAttempt<S>> {
    let exchanged = answers.exchanged(attempt.halopsa.is_refused(), attempt.liongard.is_refused());
    let mut second = ConnectAttempt::make(opened, &exchanged).await?;
    let mut is_better = false;
    for (before, after, what) in [
        (
            &attempt.halopsa,
            &second.halopsa,
            "HaloPSA: Client ID and Client Secret are swapped",
        ),
        (
            &attempt.liongard,
            &second.liongard,
            "Liongard: the access key's id and secret are swapped",
        ),
    ] {
        if before.is_refused() && after.is_connected() {
            second.corrections.push(what.to_owned());
            is_better = true;
        }
    }
    if !is_better {
        return Ok(attempt);
    }
    let kept = answers.exchanged(
        attempt.halopsa.is_refused() && second.halopsa.is_connected(),
        attempt.liongard.is_refused() && second.liongard.is_connected(),
    );
    *answers = kept;
    Ok(second)
}

/// Says so where HaloPSA answers at what was given as Liongard's address. No credential is sent there: HaloPSA says
/// without one which build it is.
async fn name_exchanged_addresses<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
    answers: &GivenAnswers,
    attempt: &mut ConnectAttempt<S>,
) -> anyhow::Result<()> {
    let settings = answers.addresses_exchanged_without_secrets().settings()?;
    let Ok(crossed) = opened.vendors_of(&settings) else {
        return Ok(());
    };
    if crossed.desk.build().await.is_none() {
        return Ok(());
    }
    let own_build = match &attempt.vendors {
        Some(vendors) => vendors.desk.build().await,
        None => None,
    };
    let refused = crossed.source.environments().await.err();
    let refusal = refused.and_then(|error| error.refusal);
    if own_build.is_none() && refusal == Some(Refusal::Unauthorised) {
        let remedy = "both addresses are swapped: exchange them";
        name_other_product(&mut attempt.halopsa, "Liongard", remedy);
        name_other_product(&mut attempt.liongard, "HaloPSA", remedy);
    } else {
        let remedy = "give the address at which you sign in to Liongard";
        name_other_product(&mut attempt.liongard, "HaloPSA", remedy);
    }
    Ok(())
}

/// Ends the stages of `connection` with the one at which it fails: `other` answers there.
fn name_other_product(connection: &mut VendorConnection, other: &str, remedy: &str) {
    let stages = &mut connection.stages;
    let is_answered = |line: &StageLine| line.stage >= ConnectStage::Http;
    if !stages.last().is_some_and(is_answered) {
        return;
    }
    stages.retain(|line| line.passed && line.stage < ConnectStage::Vendor);
    let (vendor, address) = (connection.vendor, &connection.address);
    let said = format!("{other}, not {vendor}, answers at {address}");
    stages.push(StageLine::failed(ConnectStage::Vendor, said, remedy));
}

/// Says which secret each line of standard input is, where both vendors refused theirs.
fn name_lines_of_secrets<S: Store + Clone + 'static>(attempt: &mut ConnectAttempt<S>) {
    for connection in [&mut attempt.halopsa, &mut attempt.liongard] {
        if let Some(line) = connection.stages.last_mut() {
            line.remedy.push_str(
                "; the first line of standard input is HaloPSA's secret, the second Liongard's",
            );
        }
    }
}

/// Probes the dialect, makes the first checks, and sees who opens tickets.
async fn look<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
    vendors: &OperatorVendors<S>,
    answer: &mut ConnectAnswer,
) -> anyhow::Result<()> {
    let (desk, source) = (&vendors.desk, &vendors.source);
    let (policy, own) = (Policy::empty(Mode::Managed), OwnFacts::default());
    let mut report = doctor::check(desk, source, &policy, &own, Extent::Access).await;
    let now = SystemClock.now();
    let probed = dialect(desk, source, &opened.store, ProbeWhen::Always, now);
    let probed = Box::pin(probed).await?;
    doctor::check_dialect(&probed, &mut report);
    answer.dialect = Some(probed);
    let notable = report.findings.into_iter();
    answer.findings = notable
        .filter(|it| matches!(it.level, Level::Problem | Level::Warning))
        // What the config lacks comes with the next commands.
        .filter(|it| it.owner != CheckOwner::Halogard)
        .collect();
    answer.native_ticketing = connect::native_ticketing(source).await?;
    answer.advised_mode = advised_mode(answer.native_ticketing);
    Ok(())
}

/// Stores both credentials, which were tried a moment ago.
async fn store_credentials<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
    answers: &GivenAnswers,
    answer: &mut ConnectAnswer,
) -> anyhow::Result<()> {
    let halopsa = SecretFields::default()
        .with(members::HALOPSA_CLIENT_ID, &answers.client_id)
        .with_secret(members::HALOPSA_CLIENT_SECRET, &answers.client_secret)
        .with(members::STRATEGY, "halopsa-application");
    let liongard = SecretFields::default()
        .with(members::LIONGARD_KEY_ID, &answers.key_id)
        .with_secret(members::LIONGARD_KEY_SECRET, &answers.key_secret)
        .with(members::STRATEGY, "liongard-access-key");
    match &opened.location {
        StoreLocation::Machine(machine) => {
            let vault = machine.vault();
            stored_credentials::store(vault, HALOPSA, &halopsa).await?;
            stored_credentials::store(vault, LIONGARD, &liongard).await?;
            answer
                .stored
                .push("both credentials in the vault of the data folder".to_owned());
            for (name, settings) in stored_credentials::SETTINGS_OF {
                if machine.gives(name) {
                    answer.corrections.push(format!(
                        "{} and {} are set, and settings win over the vault: unset them, or a rotation has no effect",
                        settings[0], settings[1]
                    ));
                }
            }
        }
        StoreLocation::Stack(stack) => {
            let vault = stack.vault();
            stored_credentials::store(&vault, stack.output("HaloPsaSecretArn")?, &halopsa).await?;
            stored_credentials::store(&vault, stack.output("LiongardSecretArn")?, &liongard)
                .await?;
            answer
                .stored
                .push("both credentials in the secrets of the stack".to_owned());
        }
    }
    Ok(())
}

/// Puts the addresses into the config file, which is written if there is none. Says whether it is new.
fn write_config(
    path: &Path,
    options: &ConnectOptions,
    answers: &GivenAnswers,
    answer: &mut ConnectAnswer,
) -> anyhow::Result<bool> {
    let settings = answers.for_the_config_file(options.public_url.as_deref());
    if path.exists() {
        config::rewrite(path, |text| Ok(with_settings(text, &settings)?))?;
        answer
            .stored
            .push(format!("the addresses in {}", path.display()));
        return Ok(false);
    }
    let mode = options.mode.map_or(answer.advised_mode, Mode::from);
    let text = with_settings(&starter_without_customers(mode), &settings)?;
    written_file::create(path, text.as_bytes(), Readers::Usual)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    answer.stored.push(format!(
        "a config file without customers as {}",
        path.display()
    ));
    Ok(true)
}
