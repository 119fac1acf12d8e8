//! The data both simulated vendors start with: an MSP, its customers, its service desk and its inspectors.

mod config;
mod customers;
mod inspectors;
mod service_desk;

use std::collections::BTreeMap;

pub use customers::{ClientSpec, EnvironmentSpec};
pub use inspectors::{HALOPSA_INSPECTOR, Inspector, Launchpoint};
pub use service_desk::{
    Agent, CustomField, OutcomeSpec, Priority, ServiceDeskSetup, Status, Team, TicketType,
    status_ids,
};

/// The MSP's own environment in Liongard.
pub const MSP_ENVIRONMENT: i64 = 8800;

/// The MSP's own client in HaloPSA.
pub const MSP_CLIENT: i64 = 12;

/// Everything that exists before the first alert.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// Customers as Liongard knows them, the MSP's own environment included.
    pub environments: Vec<EnvironmentSpec>,
    /// Customers as HaloPSA knows them, the MSP's own client included.
    pub clients: Vec<ClientSpec>,
    /// Which client an environment really is; Liongard's native ticketing goes by it.
    pub client_of: BTreeMap<i64, i64>,
    /// How the service desk is set up.
    pub service_desk: ServiceDeskSetup,
    /// The kinds of inspectors.
    pub inspectors: Vec<Inspector>,
    /// The configured inspectors.
    pub launchpoints: Vec<Launchpoint>,
}

impl World {
    /// An MSP with this many customers, each known to both vendors under the same name:
    /// environments from 8801, clients from 17, sites from 21.
    #[must_use]
    pub fn sample(environments: usize) -> Self {
        let names: Vec<String> = (0..environments).map(customers::name).collect();
        let mut world = Self {
            environments: vec![EnvironmentSpec::own()],
            clients: vec![ClientSpec::own()],
            client_of: BTreeMap::from([(MSP_ENVIRONMENT, MSP_CLIENT)]),
            service_desk: ServiceDeskSetup::sample(),
            inspectors: inspectors::inspectors(),
            launchpoints: vec![Launchpoint::halopsa()],
        };
        for (index, name) in names.iter().enumerate() {
            let offset = customers::offset(index);
            let environment = EnvironmentSpec::customer(8801 + offset, name);
            world.client_of.insert(environment.id, 17 + offset);
            world
                .launchpoints
                .extend(inspectors::launchpoints_of(&environment, offset));
            world.environments.push(environment);
            world
                .clients
                .push(ClientSpec::customer(17 + offset, 21 + offset, name));
        }
        world
    }

    /// Adds what real tenants have and mapping stumbles over: a child of the first customer, an
    /// invisible environment, a name that differs from the first customer's only in case and
    /// punctuation, an inactive client, and one customer each that only one side knows.
    #[must_use]
    pub fn with_edge_cases(mut self) -> Self {
        let first = self.environments.get(1).cloned();
        let mut next = self
            .environments
            .iter()
            .map(|spec| spec.id)
            .max()
            .unwrap_or(8800)
            + 1;
        let mut add = |world: &mut Self, name: &str, parent: Option<i64>, visible: bool| {
            let mut spec = EnvironmentSpec::customer(next, name);
            (spec.parent, spec.visible) = (parent, visible);
            world.environments.push(spec);
            next += 1;
        };
        if let Some(first) = first {
            add(
                &mut self,
                &format!("{} North", first.name),
                Some(first.id),
                true,
            );
            add(
                &mut self,
                &first.name.to_uppercase().replace(' ', "-"),
                None,
                true,
            );
        }
        add(&mut self, "Retired Demo Tenant", None, false);
        add(&mut self, "Gullwing Prospect", None, true);
        let client = self.clients.iter().map(|spec| spec.id).max().unwrap_or(16) + 1;
        self.clients.push(ClientSpec::customer(
            client,
            client + 4,
            "Paper Lantern Bakery",
        ));
        let mut former = ClientSpec::customer(client + 1, client + 5, "Former Customer");
        former.inactive = true;
        self.clients.push(former);
        self
    }
}

impl Default for World {
    /// Six customers: enough to mix them up, few enough to read.
    fn default() -> Self {
        Self::sample(6)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_thousand_customers_have_a_thousand_names() {
        let world = World::sample(1000);
        let names: BTreeSet<_> = world.clients.iter().map(|client| &client.name).collect();
        assert_eq!(names.len(), 1001);
    }

    #[test]
    fn both_sides_know_each_customer_by_the_same_name() {
        let world = World::sample(3);
        let pairs: Vec<_> = world
            .environments
            .iter()
            .zip(&world.clients)
            .skip(1)
            .collect();
        assert!(
            pairs
                .iter()
                .all(|(environment, client)| environment.name == client.name)
        );
        assert_eq!(world.environments[1].id, 8801);
        assert_eq!((world.clients[1].id, world.clients[1].site_id), (17, 21));
    }
}
