//! Mapping customers: what is bound, what is left to a person, and how much of a large list is found.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::ports::{ClientInfo, EnvironmentInfo, MainSite};
use halogard_domain::Policy;
use halogard_domain::ids::{EnvironmentId, HaloClientId};
use halogard_domain::policy::{Mapping, Mode, Pattern};
use halogard_operations::map::{
    ACCEPTED_BY_DEFAULT, CustomerMap, EntryDefaults, KnownRecords, MapSelection, MatchState,
    accepted, customer_map, read_sheet, write_sheet,
};

fn environment(id: u64, name: &str) -> EnvironmentInfo {
    EnvironmentInfo {
        id: EnvironmentId::new(id),
        name: name.to_owned(),
        active: true,
        tier: None,
    }
}

fn client(id: u64, name: &str) -> ClientInfo {
    ClientInfo {
        id: HaloClientId::new(id),
        name: name.to_owned(),
        active: true,
        stored_environment: None,
        main_site: MainSite::Unknown,
    }
}

fn map(environments: &[EnvironmentInfo], clients: &[ClientInfo]) -> CustomerMap {
    let policy = Policy::empty(Mode::Managed);
    customer_map(environments, clients, &policy, &MapSelection::default())
}

/// The pairs that are accepted from `score` on.
fn bound(map: &CustomerMap, score: f64) -> BTreeMap<u64, u64> {
    accepted(map, score, &EntryDefaults::default())
        .mapped
        .iter()
        .map(|entry| (entry.environment.get(), entry.client.get()))
        .collect()
}

fn state_of(map: &CustomerMap, id: u64) -> &MatchState {
    let id = EnvironmentId::new(id);
    &map.environments
        .iter()
        .find(|row| row.environment == id)
        .unwrap()
        .state
}

#[test]
fn what_fits_several_is_a_tie_and_never_bound() {
    let rows: [(&[&str], &[&str]); 6] = [
        (&["Acme"], &["Acme", "Acme"]),
        (&["Acme", "Acme"], &["Acme"]),
        (&["Acme"], &["Acme", "Acme Ltd"]),
        (&["Acme Ltd", "Acme Inc"], &["Acme"]),
        (
            &["Northwind Trading Partners"],
            &["Northwind Trading Partner", "Northwnd Trading Partners"],
        ),
        (&["Ромашка"], &["Romashka", "Romashka"]),
    ];
    for (environments, clients) in rows {
        let environments: Vec<_> = (1..)
            .zip(environments)
            .map(|(id, name)| environment(id, name))
            .collect();
        let clients: Vec<_> = (1..)
            .zip(clients)
            .map(|(id, name)| client(id, name))
            .collect();
        let map = map(&environments, &clients);
        assert!(
            matches!(state_of(&map, 1), MatchState::Tied { .. }),
            "{environments:?} {map:?}"
        );
        assert_eq!(bound(&map, 0.0), BTreeMap::new(), "{environments:?}");
    }
}

#[test]
fn an_id_stored_in_halopsa_finds_a_renamed_customer_and_decides_between_equal_names() {
    let mut renamed = client(1, "Lakeside Holdings");
    renamed.stored_environment = Some(EnvironmentId::new(1));
    let mut with_id = client(2, "Acme");
    with_id.stored_environment = Some(EnvironmentId::new(2));
    let clients = [renamed, with_id, client(3, "Acme")];
    let map = map(
        &[environment(1, "Old Mill"), environment(2, "Acme")],
        &clients,
    );
    assert_eq!(
        bound(&map, ACCEPTED_BY_DEFAULT),
        BTreeMap::from([(1, 1), (2, 2)])
    );
}

#[test]
fn a_stored_id_that_another_name_contradicts_is_a_tie() {
    let mut stale = client(1, "Lakeside Holdings");
    stale.stored_environment = Some(EnvironmentId::new(1));
    let map = map(&[environment(1, "Acme")], &[stale, client(2, "Acme")]);
    assert!(
        matches!(state_of(&map, 1), MatchState::Tied { candidates, .. } if candidates.len() == 2)
    );
}

#[test]
fn a_client_that_is_mapped_already_is_not_suggested_again() {
    let mut policy = Policy::empty(Mode::Managed);
    let mapping = Mapping {
        environment: EnvironmentId::new(1),
        client: HaloClientId::new(1),
        site: None,
        template: None,
        groups: BTreeSet::new(),
    };
    policy.environments.insert(mapping.environment, mapping);
    let environments = [environment(1, "Acme"), environment(2, "Acme")];
    let map = customer_map(
        &environments,
        &[client(1, "Acme")],
        &policy,
        &MapSelection::default(),
    );
    assert!(matches!(state_of(&map, 1), MatchState::Mapped { .. }));
    let MatchState::Tied { rivals, .. } = state_of(&map, 2) else {
        panic!("{map:?}");
    };
    assert!(rivals[0].is_mapped);
}

#[test]
fn the_sums_say_where_every_environment_is() {
    let mut policy = Policy::empty(Mode::Managed);
    policy.ignored_environments.insert(EnvironmentId::new(2));
    let mut inactive = environment(3, "Gone");
    inactive.active = false;
    let mut basic = environment(4, "Small Shop");
    basic.tier = Some("Essential".to_owned());
    let environments = [
        environment(1, "Acme"),
        environment(2, "Lab"),
        inactive,
        basic,
        environment(5, "Not Known"),
        environment(6, "Twin"),
    ];
    let clients = [
        client(1, "Acme"),
        client(2, "Twin"),
        client(3, "Twin"),
        client(4, "Left"),
    ];
    let selection = MapSelection {
        name: Some(Pattern::new("*a*")),
        ..MapSelection::default()
    };
    let sums = customer_map(&environments, &clients, &policy, &MapSelection::default()).sums;
    assert_eq!(
        (
            sums.environments,
            sums.ignored,
            sums.inactive,
            sums.suggested,
            sums.tied,
            sums.unmatched
        ),
        (6, 1, 1, 1, 1, 2)
    );
    assert_eq!((sums.clients, sums.clients_left), (4, 3));
    let sums = customer_map(&environments, &clients, &policy, &selection).sums;
    assert_eq!((sums.suggested, sums.filtered, sums.tied), (1, 2, 0));
}

#[test]
fn a_sheet_that_a_person_filled_in_becomes_entries() {
    let environments = [
        environment(1, "=Acme"),
        environment(2, "Twin"),
        environment(3, "Lab"),
    ];
    let clients = [client(1, "=Acme"), client(2, "Twin"), client(3, "Twin")];
    let map = map(&environments, &clients);
    let written = write_sheet(&map).unwrap();
    assert!(written.contains("'=Acme"), "{written}");
    let policy = Policy::empty(Mode::Managed);
    let defaults = EntryDefaults::default();
    let known = map.known(&policy);
    let unedited = read_sheet(&written, &policy, &known, &defaults).unwrap();
    assert_eq!(unedited.mapped.len(), 1, "the tie is left alone");
    assert_eq!(
        unedited.mapped[0].names,
        Some(("=Acme".to_owned(), "=Acme".to_owned()))
    );

    let edited = "\u{feff}Environment;Client;Shared;Ignore\n1;1;;\n2;1;yes;\n3;;;yes\n";
    let problem = read_sheet(edited, &policy, &known, &defaults)
        .unwrap_err()
        .to_string();
    assert!(problem.contains("write yes under `shared`"), "{problem}");
    let edited = edited.replace("1;1;;", "1;1;yes;");
    let entries = read_sheet(&edited, &policy, &known, &defaults).unwrap();
    assert_eq!(entries.mapped.len(), 2);
    assert_eq!(entries.ignored, [EnvironmentId::new(3)]);
}

#[test]
fn a_sheet_with_mistakes_is_refused_with_every_line() {
    let policy = Policy::empty(Mode::Managed);
    let known = KnownRecords {
        environments: [EnvironmentId::new(1)].into(),
        clients: [5, 6].map(HaloClientId::new).into(),
        templates: BTreeSet::from(["default".to_owned()]),
    };
    for (text, problem) in [
        ("environment\n1\n", "the column `client` is missing"),
        ("environment,client\n1,x\n", "line 2: `client` holds no id"),
        (
            "environment,client\n1,5\n1,6\n",
            "line 3: environment 1 appears twice",
        ),
        (
            "environment,client,ignore\n1,5,yes\n",
            "line 2: environment 1 has a client and is to be ignored",
        ),
        (
            "environment,client,shared\n1,5,perhaps\n",
            "neither yes nor no",
        ),
        ("", "the column `environment` is missing"),
        (
            "environment,client\n1,5\n99,5\n",
            "line 3: Liongard shows no environment 99",
        ),
        ("environment,client\n99,\n", "line 2: Liongard shows no"),
        (
            "environment,client\n1,99\n",
            "line 2: HaloPSA shows no client 99",
        ),
        (
            "environment,client,template\n1,5,defualt\n",
            "line 2: the config has no template \"defualt\"",
        ),
    ] {
        let error = read_sheet(text, &policy, &known, &EntryDefaults::default()).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}

/// A random source that gives the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

const PLACES: [&str; 24] = [
    "Harbour",
    "Lakeside",
    "Northwind",
    "Wellington",
    "Ashford",
    "Birchwood",
    "Cedar Valley",
    "Eastgate",
    "Fairview",
    "Greenfield",
    "Highland",
    "Ironbridge",
    "Juniper",
    "Kingsway",
    "Meadow",
    "Oakdale",
    "Pinecrest",
    "Quarry",
    "Riverside",
    "Silverline",
    "Thornton",
    "Westbrook",
    "Yarrow",
    "Johnson",
];
const TRADES: [&str; 20] = [
    "Dental",
    "Legal",
    "Accounting",
    "Logistics",
    "Orthopaedics",
    "Engineering",
    "Insurance",
    "Architects",
    "Freight",
    "Pharmacy",
    "Motors",
    "Catering",
    "Roofing",
    "Publishing",
    "Surveyors",
    "Veterinary",
    "Joinery",
    "Hospice",
    "Packaging",
    "Instruments",
];
const ENDINGS: [&str; 8] = [
    "Partners",
    "Group",
    "Associates",
    "Services",
    "Holdings",
    "Solutions",
    "Brothers",
    "Collective",
];
const SYLLABLES: [&str; 16] = [
    "ro", "ma", "shi", "ka", "ne", "va", "to", "li", "sa", "mi", "ku", "zo", "be", "du", "ri", "no",
];
const CYRILLIC: [&str; 16] = [
    "ро", "ма", "ши", "ка", "не", "ва", "то", "ли", "са", "ми", "ку", "зо", "бе", "ду", "ри", "но",
];

/// Customers on both sides with the truth about them: which client each environment is.
#[derive(Default)]
struct Customers {
    environments: Vec<EnvironmentInfo>,
    clients: Vec<ClientInfo>,
    truth: BTreeMap<u64, u64>,
    /// Environments that fit several, or the client of which fits several.
    ties: BTreeSet<u64>,
    names: BTreeSet<String>,
}

impl Customers {
    fn environment(&mut self, name: &str) -> u64 {
        let id = 8000 + u64::try_from(self.environments.len()).unwrap();
        self.environments.push(environment(id, name));
        id
    }

    fn client(&mut self, name: &str) -> u64 {
        let id = 100 + u64::try_from(self.clients.len()).unwrap();
        self.clients.push(client(id, name));
        id
    }

    fn pair(&mut self, environment: &str, client: &str) -> (u64, u64) {
        let (environment, client) = (self.environment(environment), self.client(client));
        self.truth.insert(environment, client);
        (environment, client)
    }

    /// A name that no other customer has.
    fn new_name(&mut self, dice: &mut Dice) -> String {
        loop {
            let name = format!(
                "{} {} {}",
                dice.of(&PLACES),
                dice.of(&TRADES),
                dice.of(&ENDINGS)
            );
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// 500 environments and 480 clients as they are after ten years: renamed, merged, entered twice, misspelt, with
/// and without legal forms, in several scripts, and customers that only one side has.
fn ten_years_of_customers() -> Customers {
    let mut dice = Dice(7);
    let mut all = Customers::default();
    let legal = ["Ltd", "LLC", "Inc.", "GmbH", "Pty Ltd", "Limited"];
    for _ in 0..170 {
        let name = all.new_name(&mut dice);
        all.pair(&name, &name);
    }
    for _ in 0..70 {
        let name = all.new_name(&mut dice);
        all.pair(&name, &format!("{name} {}", dice.of(&legal)));
    }
    for _ in 0..40 {
        let name = all.new_name(&mut dice);
        all.pair(
            &name.to_uppercase(),
            &format!(" {}", name.replace(' ', "  ")),
        );
    }
    for _ in 0..40 {
        let name = all.new_name(&mut dice);
        let at = 1 + dice.below(name.len() - 2);
        let misspelt: String = name
            .char_indices()
            .filter(|(i, _)| *i != at)
            .map(|(_, c)| c)
            .collect();
        all.pair(&name, &misspelt);
    }
    for _ in 0..25 {
        let (old, new) = (all.new_name(&mut dice), all.new_name(&mut dice));
        let (environment, client) = all.pair(&old, &new);
        let stored = all
            .clients
            .iter_mut()
            .find(|known| known.id.get() == client)
            .unwrap();
        stored.stored_environment = Some(EnvironmentId::new(environment));
    }
    for _ in 0..25 {
        let (old, new) = (all.new_name(&mut dice), all.new_name(&mut dice));
        all.pair(&old, &new);
    }
    for number in 0..30 {
        let syllables: Vec<usize> = (0..4).map(|_| dice.below(SYLLABLES.len())).collect();
        let text = |of: [&str; 16]| syllables.iter().map(|i| of[*i]).collect::<String>();
        let (cyrillic, latin) = (text(CYRILLIC), text(SYLLABLES));
        if number % 2 == 0 {
            all.pair(&format!("ООО {cyrillic}"), &cyrillic);
        } else {
            all.pair(&cyrillic, &latin);
        }
    }
    for _ in 0..15 {
        // Merged: both environments are one client now.
        let (kept, gone) = (all.new_name(&mut dice), all.new_name(&mut dice));
        let (_, client) = all.pair(&kept, &kept);
        let second = all.environment(&gone);
        all.truth.insert(second, client);
    }
    for _ in 0..10 {
        // Entered twice in HaloPSA.
        let name = all.new_name(&mut dice);
        let (environment, _) = all.pair(&name, &name);
        all.client(&format!("{name} Ltd"));
        all.ties.insert(environment);
    }
    for _ in 0..10 {
        // Entered twice in Liongard.
        let name = all.new_name(&mut dice);
        let (first, client) = all.pair(&name, &name);
        let second = all.environment(&name);
        all.truth.insert(second, client);
        all.ties.extend([first, second]);
    }
    for (environment, client) in [
        ("Johnson Partners", "Johnston Partners"),
        ("Baker and Sons", "Barker and Sons"),
        ("Wellington Clinic North", "Wellington Clinic South"),
        ("Depot 12", "Depot 13"),
        ("Saint Mary School", "Saint Martin School"),
    ] {
        // Two customers, of which each side has one.
        all.environment(environment);
        all.client(client);
    }
    while all.environments.len() < 500 {
        let name = all.new_name(&mut dice);
        all.environment(&name);
    }
    while all.clients.len() < 480 {
        let name = all.new_name(&mut dice);
        all.client(&name);
    }
    all
}

#[test]
fn of_500_environments_and_480_clients_no_pair_is_wrong_and_no_tie_is_bound() {
    let all = ten_years_of_customers();
    assert_eq!((all.environments.len(), all.clients.len()), (500, 480));
    let map = map(&all.environments, &all.clients);
    let found = bound(&map, ACCEPTED_BY_DEFAULT);
    let wrong: Vec<_> = found
        .iter()
        .filter(|(environment, client)| all.truth.get(*environment) != Some(*client))
        .collect();
    assert_eq!(wrong, Vec::<(&u64, &u64)>::new());
    for tie in &all.ties {
        assert!(
            !found.contains_key(tie),
            "{tie}: {:?}",
            state_of(&map, *tie)
        );
        assert!(
            matches!(state_of(&map, *tie), MatchState::Tied { .. }),
            "{:?}",
            state_of(&map, *tie)
        );
    }
    let right_suggestions = map.environments.iter().filter(|row| match &row.state {
        MatchState::Suggested { client } => {
            all.truth.get(&row.environment.get()) == Some(&client.client.get())
        }
        _ => false,
    });
    let (truth, suggested) = (all.truth.len(), right_suggestions.count());
    println!(
        "500 environments, 480 clients: precision 1.0 ({} bound), recall {}/{truth} bound, {suggested}/{truth} \
         suggested; {:?}",
        found.len(),
        found.len(),
        map.sums
    );
    assert!(found.len() >= 300, "{}", found.len());
}
