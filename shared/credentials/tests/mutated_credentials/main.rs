//! Right deliveries of every kind of credential, each mutated in one way: none of them may be accepted.
//!
//! `HALOGARD_MUTATIONS` sets how many are tried (20,000 without it), `HALOGARD_MUTATIONS_SEED` the seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect, in its helpers too, and says what it has tried"
)]

mod delivery;
mod mutations;
mod signatures;

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::{Delivery, Receiver};
use futures_util::FutureExt as _;
use halogard_app::ports::{Clock, PortError, Stage};
use halogard_credentials::SecretFields;
use halogard_credentials::webhook_auth::{
    Authenticator, HeadVerdict, SecretReader, WebhookRequest,
};
use halogard_domain::Timestamp;
use mutations::Mutation;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use secrecy::SecretString;

/// How many mutations are tried where nothing is set.
const MUTATIONS: u64 = 20_000;

/// Mutations of one delivery, before credentials and delivery are drawn anew.
const OF_ONE_DELIVERY: u64 = 50;

struct FixedSecret(SecretFields);

impl SecretReader for FixedSecret {
    async fn read(&self, stage: Stage) -> Result<Option<SecretString>, PortError> {
        Ok((stage == Stage::Current).then(|| self.0.to_secret()))
    }
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_276_800_000)
    }
}

type FixedAuthenticator = Authenticator<FixedSecret, StoppedClock>;

fn authenticator(receiver: &Receiver) -> FixedAuthenticator {
    let members = receiver.members();
    let fields = members.iter().fold(SecretFields::default(), |fields, it| {
        fields.with(it.0, &it.1)
    });
    Authenticator::new(FixedSecret(fields), StoppedClock, Duration::MAX).allowing_token_only()
}

/// What of a delivery is accepted: by its headers alone, and in the end.
fn accepted(authenticator: &FixedAuthenticator, delivery: &Delivery) -> (bool, bool) {
    let header = |name: &str| delivery.values_of(name);
    let request = WebhookRequest {
        header: &header,
        header_names: &|| delivery.header_names(),
        body: &delivery.body,
    };
    let checked = async {
        let path = authenticator.verify_path(&delivery.path).await.ok()?;
        let head = authenticator.judge_head(&path, &header).await;
        let verified = authenticator.verify(&path, &request).await.ok();
        Some((head == HeadVerdict::Authentic, verified.is_some()))
    };
    checked.now_or_never().unwrap().unwrap_or_default()
}

/// What was tried of one kind of credential.
#[derive(Default)]
struct Tried {
    mutated: u64,
    /// Mutations that left the credential what it was, such as another case of a scheme.
    unchanged: u64,
}

fn number_in(variable: &str, default: u64) -> u64 {
    let value = std::env::var_os(variable).map(|value| value.into_string().expect("a number"));
    value.map_or(default, |value| value.parse().expect("a number"))
}

#[test]
fn no_mutated_credential_is_accepted() {
    let count = number_in("HALOGARD_MUTATIONS", MUTATIONS);
    let seed = number_in("HALOGARD_MUTATIONS_SEED", 1);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut tried: BTreeMap<&str, Tried> = BTreeMap::new();
    let mut struck: BTreeMap<&str, u64> = BTreeMap::new();
    let mut mutated = 0;
    while mutated < count {
        let receiver = Receiver::draw(&mut rng);
        let authenticator = authenticator(&receiver);
        let right = receiver.delivery(&mut rng);
        assert!(accepted(&authenticator, &right).1, "{right:?}");
        let of_kind = tried.entry(receiver.kind()).or_default();
        for _ in 0..OF_ONE_DELIVERY {
            let mutation = Mutation::ALL.choose(&mut rng).unwrap();
            let Some(wrong) = mutation.of(&receiver, &right, &mut rng) else {
                continue;
            };
            if receiver.is_meant_by(&wrong) {
                of_kind.unchanged += 1;
                continue;
            }
            let name = mutation.name;
            let verdict = accepted(&authenticator, &wrong);
            assert_eq!(
                verdict,
                (false, false),
                "seed {seed}, {name}: {right:?} became {wrong:?}"
            );
            of_kind.mutated += 1;
            *struck.entry(name).or_default() += 1;
            mutated += 1;
        }
    }
    println!("seed {seed}: {mutated} mutated credentials, none accepted");
    for (kind, Tried { mutated, unchanged }) in &tried {
        println!("{kind:<32} {mutated:>9} mutated, {unchanged:>6} left as they were");
    }
    for (name, times) in &struck {
        println!("    {times:>9} {name}");
    }
    let unused = Mutation::ALL
        .iter()
        .filter(|it| !struck.contains_key(it.name));
    let unused: Vec<_> = unused.map(|it| it.name).collect();
    assert_eq!(unused, Vec::<&str>::new(), "mutations that never struck");
    assert_eq!(tried.len(), delivery::KINDS, "kinds that were never tried");
}
