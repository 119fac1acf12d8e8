//! The custom fields that a template fills, and those that its ticket type demands.

use std::collections::BTreeSet;

use halogard_app::ports::{FieldKind, MandatoryField, TicketField, TicketTypeInfo};

use super::OneTemplate;
use crate::doctor::{CheckId, some_of};

impl OneTemplate<'_> {
    pub(super) fn fields(&mut self, known: Option<&[TicketField]>) {
        let Some(known) = known else { return };
        for check in [CheckId::FieldExists, CheckId::FieldValue, CheckId::FieldKey] {
            self.report.done(check);
        }
        let offered = || known.iter().map(|it| format!("{} {}", it.id, it.name));
        for (id, value) in &self.template.custom_fields.clone() {
            let Some(field) = known.iter().find(|it| it.id == *id) else {
                self.missing(CheckId::FieldExists, "custom field", id, offered());
                continue;
            };
            if let Some(why) = unfit(field, value) {
                let thing = format!(
                    "{} gives custom field {id} ({:?}) the value {value:?}, which {why}",
                    self.name(),
                    field.name
                );
                let options = some_of(field.options.iter().cloned());
                let remedy = match field.options.is_empty() {
                    true => "shorten it, or change the field under Configuration → Custom Objects → Custom Fields".to_owned(),
                    false => format!("choose one of: {options}"),
                };
                self.report.warning(CheckId::FieldValue, thing, remedy);
            }
        }
        let Some(id) = self.template.key_field else {
            return;
        };
        match known.iter().find(|it| it.id == id) {
            None => self.missing(CheckId::FieldExists, "key_field", id, offered()),
            Some(field) if field.kind == Some(FieldKind::Select) => {
                let thing = format!(
                    "{} puts the key into custom field {id} ({:?}), which takes only its options",
                    self.name(),
                    field.name
                );
                let texts = known.iter().filter(|it| it.kind == Some(FieldKind::Text));
                let texts = some_of(texts.map(|it| format!("{} {}", it.id, it.name)));
                self.problem(CheckId::FieldKey, thing, format!("choose one of: {texts}"));
            }
            Some(_) => {}
        }
    }

    /// Mandatory fields that the template gives no value to.
    pub(super) fn mandatory(&mut self, detail: &TicketTypeInfo) {
        self.report.done(CheckId::FieldMandatory);
        let given: BTreeSet<u64> = self
            .template
            .custom_fields
            .keys()
            .chain(self.template.key_field.iter())
            .map(|field| field.get())
            .collect();
        let left = |field: &&MandatoryField| !given.contains(&field.id);
        for field in detail.mandatory.iter().filter(left) {
            self.report.warning(
                CheckId::FieldMandatory,
                format!(
                    "ticket type {:?} may ask for {:?} (field {}), and {} gives it no value",
                    detail.name,
                    field.name,
                    field.id,
                    self.name()
                ),
                format!(
                    "add custom_fields = {{ {} = \"…\" }} to the template; or make the field optional (Configuration → \
                     Tickets → Ticket Types → the type → Field List); or give these tickets a type of their own",
                    field.id
                ),
            );
        }
    }
}

/// Why `value` does not fit `field`.
fn unfit(field: &TicketField, value: &str) -> Option<String> {
    if field.kind == Some(FieldKind::Select)
        && !field.options.is_empty()
        && !field.options.iter().any(|option| option == value)
    {
        return Some("is not one of its options".to_owned());
    }
    let length = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
    let most = field.characters_max.filter(|most| *most < length)?;
    Some(format!("is longer than {most} characters"))
}
