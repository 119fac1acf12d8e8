//! The live suite: what real tenants show of each fact that the vendors' documents leave open.
//!
//! ```sh
//! cargo test -p halogard-tests --features live --test live -- --ignored --nocapture
//! ```
//!
//! Settings come from the environment, under the names that the program reads (`HALOPSA_*`, `LIONGARD_*`). It only
//! reads, unless `HALOGARD_LIVE_WRITE` names a customer, a type of ticket, the statuses of an open and of a closed
//! ticket, a kind of note and a technician by their numbers, as `17,5,1,9,7,12`: then it makes one ticket and closes
//! it, which takes up to twenty minutes. It prints a table to send back; no name, text or secret of the tenant is in it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use halogard_domain::dialect::{DialectReport, REFERENCE, Seen};
use halogard_domain::policy::Mode;
use halogard_simulator::Dialect;
use halogard_simulator::dialect::{sets, switches};
use halogard_tests::live_writes::{WRITTEN_FACTS, WriteReport, WriteTarget, write_part};
use halogard_tests::{CaseMatrix, Component, Scenario, Setup};

/// Puts what the write part saw into the report.
fn with_writes(mut report: DialectReport, written: &WriteReport) -> DialectReport {
    for (fact, reading) in &written.seen {
        let known = report.facts.iter_mut().find(|known| known.fact == *fact);
        let known = known.unwrap_or_else(|| panic!("no probe knows {fact:?}"));
        known.seen = Seen::As {
            reading: (*reading).into(),
            meaning: "seen by a write".into(),
        };
    }
    report
}

/// One line for each fact.
fn table(report: &DialectReport) -> String {
    let build = report.build.as_deref().unwrap_or("unknown");
    let mut lines = vec![
        format!("HaloPSA build: {build}"),
        "| Fact | Seen as | In words, or what would show it |".to_owned(),
        "| --- | --- | --- |".to_owned(),
    ];
    lines.extend(report.facts.iter().map(|known| match &known.seen {
        Seen::As { reading, meaning } => format!("| {} | {reading} | {meaning} |", known.fact),
        Seen::CannotTell { why } => format!("| {} | not seen | {why} |", known.fact),
    }));
    lines.join("\n")
}

/// Signs in by hand, for the write part.
#[cfg(feature = "live")]
mod tenants {
    use std::sync::Arc;
    use std::time::Duration;

    use halogard_app::budget::{SharedBudget, Sleep, WaitingBudget};
    use halogard_app::ports::{Clock as _, DialectProbe as _, ServiceDeskCatalog as _};
    use halogard_domain::budget::Limit;
    use halogard_domain::vendor::Vendor;
    use halogard_halopsa::Addresses;
    use halogard_http::{HttpClient, HttpClientSettings, Transport as _};
    use halogard_runtime::SystemClock;
    use halogard_runtime::settings::{self, HaloSettings, LiongardSettings, SettingValues};
    use halogard_sqlite::{Store, StoreKey};
    use halogard_vendors::{CallObserver, VendorSettings};
    use secrecy::ExposeSecret as _;

    use super::*;

    /// Waits by the machine's clock.
    struct Wait;

    impl Sleep for Wait {
        async fn sleep(&self, pause: Duration) {
            tokio::time::sleep(pause).await;
        }
    }

    /// Takes no notice of calls.
    struct Unobserved;

    impl CallObserver for Unobserved {
        fn call_ended(&self, _: Vendor, _: Duration) {}
    }

    #[tokio::test]
    #[ignore = "needs tenants of both vendors"]
    #[allow(clippy::print_stdout, reason = "the table")]
    async fn the_tenants_of_the_settings_show_their_dialect() {
        let environment = SettingValues::process();
        let (halo, _) = settings::read::<HaloSettings>(&environment).unwrap();
        let (liongard, _) = settings::read::<LiongardSettings>(&environment).unwrap();
        let (vendor_settings, _) = settings::read::<VendorSettings>(&environment).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = StoreKey::from_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let path = folder.path().join("live.db");
        let store = Store::open(&path, key, SystemClock).unwrap();
        let budget = SharedBudget::new(store.clone(), Limit::DEFAULT, SystemClock);
        let patience = Duration::from_secs(60);
        let budget = WaitingBudget::new(budget, SystemClock, Wait, patience);
        let tokens = Arc::new(store);
        let calls = Arc::new(Unobserved);
        let vendors =
            halogard_vendors::build(&vendor_settings, None, tokens, budget, &SystemClock, calls)
                .unwrap();
        let build = vendors.desk.build().await;
        let mut facts = vendors.desk.probe().await.facts;
        facts.extend(vendors.source.probe().await.facts);
        let mut report = DialectReport {
            build,
            probed_at: SystemClock.now(),
            facts,
        };
        if let Some(chosen) = std::env::var_os("HALOGARD_LIVE_WRITE") {
            let chosen = chosen.to_string_lossy();
            let transport = HttpClient::with_web_roots(&HttpClientSettings::default()).unwrap();
            let target = target(&halo, &transport, &chosen).await;
            let written = write_part(&transport, &target, async |pause| {
                tokio::time::sleep(pause).await;
            })
            .await;
            println!(
                "ticket {} was made; closed: {}",
                written.ticket, written.is_closed
            );
            report = with_writes(report, &written);
        }
        println!("{}", table(&report));
    }

    /// Where the ticket is made, by the five numbers of the variable.
    async fn target(halo: &HaloSettings, transport: &HttpClient, chosen: &str) -> WriteTarget {
        let numbers: Vec<u64> = chosen
            .split(',')
            .map(|it| it.trim().parse().unwrap())
            .collect();
        let [client, ticket_type, open, closed, outcome, technician] = numbers[..] else {
            panic!(
                "HALOGARD_LIVE_WRITE takes six numbers: client, type, open status, closed status, outcome, agent"
            )
        };
        let addresses = Addresses::read(&halo.resource_url, halo.auth_url.as_deref()).unwrap();
        let mut url = addresses.auth.clone();
        url.set_path(&format!("{}/token", url.path().trim_end_matches('/')));
        if let Some(tenant) = &halo.tenant {
            url.query_pairs_mut().append_pair("tenant", tenant);
        }
        let mut form = url.clone();
        form.set_query(None);
        form.query_pairs_mut()
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &halo.client_id)
            .append_pair("client_secret", halo.client_secret.expose_secret())
            .append_pair("scope", &halo.scopes);
        let form = form.query().unwrap_or_default().to_owned();
        let request = http::Request::post(url.as_str())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.into())
            .unwrap();
        let answer = transport.send(request).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        WriteTarget {
            resource_url: addresses.resource.as_str().trim_end_matches('/').to_owned(),
            authorization: format!("Bearer {}", body["access_token"].as_str().unwrap()),
            client,
            ticket_type,
            open,
            closed,
            outcome,
            technician,
        }
    }
}

/// What the suite says of simulated tenants that speak `dialect`.
async fn suite(dialect: Dialect) -> DialectReport {
    use halogard_app::ports::DialectProbe as _;

    let bundle = Scenario::start(Setup::speaking(Mode::Managed, dialect)).await;
    let parts = &bundle.process().use_cases;
    let mut facts = parts.desk.probe().await.facts;
    facts.extend(parts.liongard.probe().await.facts);
    let bearers = bundle.requests.bearers();
    let token = bearers
        .first()
        .unwrap()
        .trim_start_matches("Bearer ")
        .to_owned();
    let target = WriteTarget {
        resource_url: "https://harbourstreet.halopsa.com/api".to_owned(),
        authorization: format!("Bearer {token}"),
        client: bundle
            .setup
            .halo
            .world
            .clients
            .first()
            .unwrap()
            .id
            .try_into()
            .unwrap(),
        ticket_type: 5,
        open: 1,
        closed: 9,
        outcome: 7,
        technician: 12,
    };
    let transport = bundle.transport_to(Component::HaloPsa, &bundle.crash_points, &bundle.requests);
    // The window of the limit is empty again.
    bundle.time.advance(Duration::from_secs(600));
    let written = write_part(&transport, &target, async |pause| {
        bundle.time.advance(pause)
    })
    .await;
    assert!(written.is_closed, "ticket {} was left open", written.ticket);
    let report = DialectReport {
        facts,
        ..DialectReport::default()
    };
    with_writes(report, &written)
}

/// Runs the suite against simulated tenants of each of these dialects.
#[allow(clippy::print_stdout, reason = "the table")]
fn suite_under(what: &'static str, names: impl Iterator<Item = &'static str>) {
    let mut matrix = CaseMatrix::new(what);
    for name in names {
        let case = async {
            let dialect: Dialect = name.parse().unwrap();
            let report = Box::pin(suite(dialect.clone())).await;
            for switch in switches() {
                let in_force = dialect.switches().iter().find(|it| it.fact == switch.fact);
                let expected = in_force.map_or(REFERENCE, |switch| switch.name);
                if let Some(seen) = report.reading_of(switch.fact) {
                    assert_eq!(seen, expected, "{}", switch.fact);
                }
            }
            if let [switch] = dialect.switches()
                && WRITTEN_FACTS.contains(&switch.fact)
            {
                assert!(report.has(switch.name), "{} is not seen", switch.fact);
            }
            report
                .facts
                .iter()
                .filter(|known| matches!(known.seen, Seen::As { .. }))
                .count()
        };
        if let Some(seen) = matrix.case(name, case) {
            println!("{name}: {seen} facts seen, none wrongly");
        }
    }
    matrix.finish();
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the table")]
async fn the_suite_sees_every_written_fact_of_the_reference_and_prints_its_table() {
    let report = Box::pin(suite(Dialect::reference())).await;
    let table = table(&report);
    println!("{table}");
    for fact in WRITTEN_FACTS {
        assert_eq!(report.reading_of(fact), Some(REFERENCE), "{fact}");
        assert!(
            table.contains(&format!("| {fact} | reference |")),
            "{table}"
        );
    }
}

#[test]
fn the_suite_names_each_set_rightly() {
    suite_under("live suite, sets", sets().iter().map(|set| set.name));
}

#[test]
fn the_suite_names_each_switch_rightly() {
    let names = switches().into_iter().map(|switch| switch.name);
    suite_under("live suite, switches", names);
}
