//! The config that an operator of a world would write, as text.

use std::collections::BTreeSet;

use super::World;

impl World {
    /// A config in `mode` that maps every environment but `unmapped`. `template` holds further lines of
    /// its one template.
    #[must_use]
    pub fn config_text(&self, mode: &str, template: &str, unmapped: &BTreeSet<i64>) -> String {
        let mut text = format!(
            "mode = \"{mode}\"\n\
             [start]\n\
             tickets_for = \"all\"\n\
             [templates.default]\n\
             ticket_type = 5\n\
             team = \"Service Desk\"\n\
             status = {{ open = 1, closed = 9, also_closed = [8], in_progress = 2 }}\n\
             priority = {{ critical = 1, high = 2, medium = 3, low = 4, default = 4 }}\n\
             {template}\n"
        );
        let mapped = self.client_of.iter();
        for (environment, client) in mapped.filter(|(id, _)| !unmapped.contains(id)) {
            let spec = self.clients.iter().find(|spec| spec.id == *client);
            let site = spec.map_or(0, |spec| spec.site_id);
            text.push_str(&format!(
                "[[environments]]\nenvironment = {environment}\nclient = {client}\nsite = {site}\n\
                 template = \"default\"\n"
            ));
        }
        text
    }
}
