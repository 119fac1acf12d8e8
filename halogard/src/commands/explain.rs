//! `explain`: the story of an alert or a ticket.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_operations::explain::{self, ExplainAnswer, PairStory, StoryEvent};
use halogard_operations::moment::Moment;
use halogard_operations::subject::Subject;
use halogard_runtime::SystemClock;

use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage, ago};

/// Options of `explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainOptions {
    /// An alert as 7586 or LG-7586, or a ticket as '#4242' or `ticket 4242`.
    #[arg(value_name = "ALERT|TICKET")]
    pub subject: String,
    /// The number where the subject is the word `ticket`.
    #[arg(hide = true)]
    pub number: Option<String>,
    /// Show every event with its cause and details.
    #[arg(long)]
    pub full: bool,
    /// Keep showing new events until Ctrl-C.
    #[arg(long, conflicts_with = "json")]
    pub follow: bool,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Events that the compact story shows, the newest ones.
const EVENTS_SHOWN: usize = 12;

/// Time between two looks for new events.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(2);

/// Prints the story.
pub async fn run(options: &ExplainOptions) -> anyhow::Result<ExitCode> {
    let command = ExplainSubject {
        subject: match &options.number {
            Some(number) => format!("{} {number}", options.subject).parse()?,
            None => options.subject.parse()?,
        },
        options,
    };
    opened_store::run(&options.store, command).await
}

/// Explains a subject to the end, or until Ctrl-C.
struct ExplainSubject<'a> {
    subject: Subject,
    options: &'a ExplainOptions,
}

impl StoreCommand for ExplainSubject<'_> {
    type Output = ExitCode;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<ExitCode> {
        let store = &opened.store;
        let answer = explain::explain(store, &self.subject, SystemClock.now()).await?;
        let full = self.options.full;
        page::print(&answer, self.options.store.json, |answer, page| {
            write(answer, full, page);
        })?;
        if !self.options.follow {
            return Ok(if answer.unknown.is_some() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            });
        }
        let mut shown = events_of(&answer);
        while output::is_complete() {
            tokio::time::sleep(FOLLOW_INTERVAL).await;
            let answer = explain::explain(store, &self.subject, SystemClock.now()).await?;
            let events = events_of(&answer);
            let news: Vec<_> = events.iter().filter(|it| !shown.contains(it)).collect();
            if !news.is_empty() {
                let rows = news
                    .into_iter()
                    .map(|event| event_row(event, answer.at, full));
                page::print_page(|page| page.rows(&[], rows.collect()));
            }
            shown = events;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Every event of the answer.
fn events_of(answer: &ExplainAnswer) -> Vec<StoryEvent> {
    let stories = answer.stories.iter();
    stories.flat_map(|story| story.events.clone()).collect()
}

/// Puts the answer on a page.
pub fn write(answer: &ExplainAnswer, full: bool, page: &mut TextPage) {
    if let Some(unknown) = &answer.unknown {
        page.line(Cell::new(unknown, Mood::Caution));
    }
    for story in &answer.stories {
        page.gap();
        write_story(story, answer.at, full, page);
    }
}

/// Puts a story on a page.
fn write_story(story: &PairStory, now: Moment, full: bool, page: &mut TextPage) {
    let number = story.number.as_ref().map(|number| format!(" ({number})"));
    let name = story.name.as_deref().unwrap_or_default();
    page.line(format!(
        "alert {}{}  {name}",
        story.alert,
        number.unwrap_or_default()
    ));
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut add = |word: &str, text: Cell| rows.push(vec![Cell::new(word, Mood::Dim), text]);
    if let (Some(customer), Some(environment)) = (&story.customer, story.environment) {
        add(
            "customer",
            format!("{customer} (environment {environment})").into(),
        );
    }
    if let Some(state) = &story.alert_state {
        add("in Liongard", state.into());
    }
    let earlier: Vec<String> = story
        .earlier_tickets
        .iter()
        .map(|ticket| format!("#{ticket}"))
        .collect();
    let earlier = if earlier.is_empty() {
        String::new()
    } else {
        format!(", before {}", earlier.join(", "))
    };
    match story.ticket {
        Some(ticket) => add(
            "ticket",
            format!("#{ticket}, {}{earlier}", story.key).into(),
        ),
        None => add("ticket", format!("none{earlier}").into()),
    }
    let decision = &story.decision;
    if let (Some(client), Some(template), Some(chosen_by)) =
        (decision.client, &decision.template, &decision.chosen_by)
    {
        add(
            "config",
            format!("client {client}, template {template}, chosen by {chosen_by}").into(),
        );
    }
    let waits = story.waiting.is_some();
    let mood = if waits { Mood::Caution } else { Mood::Good };
    add("state", Cell::new(&story.state, mood));
    if let Some(paused) = &story.paused {
        add("pause", Cell::new(paused, Mood::Caution));
    }
    if let Some(because) = &decision.no_ticket_because {
        add("no ticket", Cell::new(because, Mood::Caution));
    }
    if let Some(waiting) = &story.waiting {
        if let Some(said) = &waiting.said {
            add("HaloPSA said", Cell::new(said, Mood::Bad));
        }
        add("what to do", Cell::from(&waiting.remedy));
    }
    for letter in &story.dead_letters {
        add(
            "dead letter",
            Cell::new(format!("{}: {}", letter.id, letter.reason), Mood::Bad),
        );
    }
    page.rows(&[], rows);
    let left_out = if full {
        0
    } else {
        story.events.len().saturating_sub(EVENTS_SHOWN)
    };
    page.gap();
    if left_out > 0 {
        page.line(Cell::new(
            format!("{left_out} earlier events; --full shows them"),
            Mood::Dim,
        ));
    }
    let events = story.events.iter().skip(left_out);
    page.rows(
        &[],
        events.map(|event| event_row(event, now, full)).collect(),
    );
}

/// An event, in one line.
fn event_row(event: &StoryEvent, now: Moment, full: bool) -> Vec<Cell> {
    let when = if full {
        ago(now, event.at)
    } else {
        event.at.to_string()
    };
    let ticket = event.ticket.map(|ticket| format!("#{ticket}"));
    let detail = event.detail.as_ref().map(|detail| format!(": {detail}"));
    let mut row = vec![
        Cell::new(when, Mood::Dim),
        format!("{}{}", event.words, detail.unwrap_or_default()).into(),
        ticket.unwrap_or_default().into(),
    ];
    if full {
        row.push(Cell::new(
            format!("{} by {}", event.event, event.cause),
            Mood::Dim,
        ));
    }
    row
}
