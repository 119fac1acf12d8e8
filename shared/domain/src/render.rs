//! Rendering of titles, descriptions and notes: escaped, truncated, safe HTML.

use std::fmt::Write as _;

use crate::alert::Alert;
use crate::key::{InstallationId, SignedKey};
use crate::storm::{GroupSummary, LeaderState};

/// Longest title of a ticket in characters. HaloPSA documents no limit; lists and mails show about
/// this much.
pub const SUMMARY_CHARS_MAX: usize = 200;

/// Longest text taken from an alert, in characters before escaping. Metric lists can be megabytes
/// long; a technician reads a screen or two.
pub const DETAILS_CHARS_MAX: usize = 20_000;

/// Marks where text was truncated.
pub const TRUNCATION_MARK: &str = "… [cut]";

/// Escapes text for HTML element content and quoted attributes.
#[must_use]
pub fn escape_html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push_str("<br>"),
            '\t' => safe.push(' '),
            control if control.is_control() => {}
            other => safe.push(other),
        }
    }
    safe
}

/// The text of safe HTML as this module writes it: no markup, one line for each block. Angle brackets of
/// the text become single quotation marks of the same shape: a reader that takes the text for HTML finds
/// no markup in it either.
#[must_use]
pub fn plain_text(safe_html: &str) -> String {
    /// Tags that end a line.
    const LINES: [&str; 6] = ["</p>", "<br>", "</tr>", "</li>", "</ul>", "</table>"];
    let mut text = String::with_capacity(safe_html.len());
    let mut rest = safe_html;
    while let Some((before, tagged)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = tagged.split_once('>').unwrap_or((tagged, ""));
        let is_line = LINES
            .iter()
            .any(|line| line.get(1..line.len() - 1) == Some(tag));
        let is_cell = tag == "/td" && after.starts_with("<td");
        if is_line && !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        } else if is_cell {
            text.push_str(": ");
        }
        rest = after;
    }
    text.push_str(rest);
    let text = text
        .replace("&lt;", "\u{2039}")
        .replace("&gt;", "\u{203a}")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    text.trim_end().to_owned()
}

/// Truncates `text` to at most `chars_max` characters including the mark, never inside a character.
#[must_use]
pub fn truncate(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept_chars = chars_max.saturating_sub(TRUNCATION_MARK.chars().count());
    let mut short: String = text.chars().take(kept_chars).collect();
    short.push_str(TRUNCATION_MARK);
    short.chars().take(chars_max).collect()
}

/// The title pattern of templates that name none.
pub const DEFAULT_SUMMARY_PATTERN: &str = "{name}";

/// Placeholders that a title pattern may contain in braces.
pub const SUMMARY_PLACEHOLDERS: [&str; 8] = [
    "name",
    "environment",
    "inspector",
    "rule",
    "system",
    "priority",
    "number",
    "alert",
];

/// The title of the ticket for `alert` without its key: the template's pattern with its placeholders filled
/// in, on one line.
#[must_use]
pub fn summary(pattern: &str, alert: &Alert) -> String {
    let mut filled = pattern.to_owned();
    for placeholder in SUMMARY_PLACEHOLDERS {
        filled = filled.replace(
            &format!("{{{placeholder}}}"),
            value_of(placeholder, alert).trim(),
        );
    }
    filled.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The whole title: the key's marker, then `summary`, cut to what is left.
#[must_use]
pub fn marked_summary(key: &SignedKey, summary: &str) -> String {
    let marker = key.marker();
    let chars_left = SUMMARY_CHARS_MAX.saturating_sub(marker.chars().count() + 1);
    format!("{marker} {}", truncate(summary, chars_left))
}

/// The whole text: `details_html`, then the key and who signed it.
#[must_use]
pub fn referenced_details_html(
    key: &SignedKey,
    installation: &InstallationId,
    details_html: &str,
) -> String {
    let reference = format!("{}/{installation}", key.reference());
    format!("{details_html}<p>{}</p>", escape_html(&reference))
}

/// The value of a placeholder.
fn value_of(placeholder: &str, alert: &Alert) -> String {
    let or_empty = |value: &Option<String>| value.clone().unwrap_or_default();
    match placeholder {
        "name" => alert.name.clone(),
        "environment" => alert.environment_name.clone(),
        "inspector" => alert
            .inspector_alias
            .clone()
            .or_else(|| alert.inspector.clone())
            .unwrap_or_default(),
        "rule" => or_empty(&alert.rule),
        "system" => or_empty(&alert.system),
        "priority" => alert.priority.to_string(),
        "number" => or_empty(&alert.number),
        _ => alert.id.to_string(),
    }
}

/// The text of the ticket for `alert` as safe HTML, without its key: the description, then its origin.
#[must_use]
pub fn details_html(alert: &Alert) -> String {
    let mut html = format!(
        "<p>{}</p>",
        escape_html(&truncate(&alert.description, DETAILS_CHARS_MAX))
    );
    html.push_str("<table>");
    let inspector = alert
        .inspector_alias
        .as_deref()
        .or(alert.inspector.as_deref());
    let number = alert.number.as_deref();
    let rows = [
        ("Customer", Some(alert.environment_name.as_str())),
        ("System", alert.system.as_deref()),
        ("Inspector", inspector),
        ("Rule", alert.rule.as_deref()),
        ("Priority", Some(alert.priority.as_str())),
        ("Liongard alert", number),
    ];
    for (label, value) in rows {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            // Writing to a String cannot fail.
            write!(
                html,
                "<tr><td>{label}</td><td>{}</td></tr>",
                escape_html(value)
            )
            .unwrap_or_default();
        }
    }
    html.push_str("</table>");
    if let Some(page) = alert
        .page
        .as_deref()
        .filter(|page| page.starts_with("https://"))
    {
        write!(
            html,
            "<p><a href=\"{}\">Open in Liongard</a></p>",
            escape_html(page)
        )
        .unwrap_or_default();
    }
    html
}

/// The introduction of a ticket that a storm group shares.
#[must_use]
pub fn storm_intro_html(alert: &Alert) -> String {
    format!(
        "<p><b>Many alerts of this rule were raised at {} within a short time.</b> This ticket \
         represents this alert and those that follow; notes count them. It is closed when all of them \
         are closed, unless a person has worked on it.</p>",
        escape_html(&alert.environment_name),
    )
}

/// The note that counts the alerts that share a ticket, to which `left` more notes may be added.
#[must_use]
pub fn summary_note_html(lead: &LeaderState, left: u32) -> String {
    let GroupSummary {
        joined,
        open,
        listed,
        closed,
        ..
    } = &lead.summary;
    let alerts = if *joined == 1 { "alert" } else { "alerts" };
    let mut html = format!("<p>{joined} more {alerts} of this rule, {open} of them open.");
    if *closed {
        html.push_str(" Further ones get tickets of their own.");
    }
    html.push_str("</p><ul>");
    for description in listed {
        let description = escape_html(&truncate(description, SUMMARY_CHARS_MAX));
        write!(html, "<li>{description}</li>").unwrap_or_default();
    }
    html.push_str("</ul>");
    let unlisted = joined.saturating_sub(u64::try_from(listed.len()).unwrap_or(u64::MAX));
    if unlisted > 0 {
        write!(html, "<p>And {unlisted} more.</p>").unwrap_or_default();
    }
    html.push_str(last_note(left));
    html
}

/// The last sentence of the last note that the ticket may get.
const fn last_note(left: u32) -> &'static str {
    if left == 1 {
        "<p>This ticket has many notes: further changes are not noted here. See Liongard.</p>"
    } else {
        ""
    }
}

/// The note about a change of an alert, to whose ticket `left` more notes may be added.
#[must_use]
pub fn change_note_html(alert: &Alert, left: u32) -> String {
    format!(
        "<p>Liongard changed this alert (status {}, priority {}).</p><p><b>{}</b></p><p>{}</p>{}",
        escape_html(alert.status.as_str()),
        escape_html(alert.priority.as_str()),
        escape_html(&truncate(&alert.name, SUMMARY_CHARS_MAX)),
        escape_html(&truncate(&alert.description, DETAILS_CHARS_MAX)),
        last_note(left),
    )
}

/// The note on a ticket that stays open although its alert was closed.
#[must_use]
pub fn left_open_note_html(alert: &Alert) -> String {
    format!(
        "<p>Liongard closed this alert ({}). The ticket stays open: close it when the work is \
         done.</p>",
        escape_html(alert.status.as_str()),
    )
}

/// The same on a ticket that several alerts share: it names the alert, and says whether `others_open`.
#[must_use]
pub fn shared_closed_note_html(alert: &Alert, others_open: bool) -> String {
    let stays = if others_open {
        "The ticket stays open for the other alerts that share it."
    } else {
        "No alert of this ticket is open any more: close it when the work is done."
    };
    format!(
        "<p>Liongard closed this alert ({}).</p><p><b>{}</b></p><p>{stays}</p>",
        escape_html(alert.status.as_str()),
        escape_html(&truncate(&alert.name, SUMMARY_CHARS_MAX)),
    )
}

/// The note about the closure of a ticket that Halogard closes. With `lead`, the ticket represents
/// a group.
#[must_use]
pub fn closure_note(alert: &Alert, lead: Option<&LeaderState>) -> String {
    let status = &alert.status;
    match lead.map_or(0, |lead| lead.summary.joined) {
        0 => format!("Liongard closed this alert ({status})."),
        others => format!("Liongard closed this alert ({status}) and {others} others."),
    }
}

/// The note on a ticket that is reopened.
#[must_use]
pub fn reopen_note_html(alert: &Alert) -> String {
    format!(
        "<p>Liongard raised this alert again (status {}).</p><p>{}</p>",
        escape_html(alert.status.as_str()),
        escape_html(&truncate(&alert.description, DETAILS_CHARS_MAX)),
    )
}
