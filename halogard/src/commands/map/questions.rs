//! Asks about suggestions and ties, one by one.

use std::io::{self, BufRead, IsTerminal as _, Write};

use anyhow::ensure;
use halogard_config::CustomerEntries;
use halogard_domain::words::{agreeing, counted};
use halogard_operations::map::{
    ClientMatch, CustomerMap, EntryDefaults, MapRow, MatchState, entry,
};

/// Asks about everything that is not among `entries` yet. Only on a terminal.
pub fn ask_about(
    map: &CustomerMap,
    defaults: &EntryDefaults,
    entries: &mut CustomerEntries,
) -> anyhow::Result<()> {
    ensure!(
        io::stdin().is_terminal() && io::stderr().is_terminal(),
        "--interactive needs a terminal; --csv FILE writes a list to edit, and --from FILE reads it back"
    );
    Ok(ask(
        map,
        defaults,
        entries,
        &mut io::stdin().lock(),
        &mut anstream::stderr(),
    )?)
}

/// Asks which of `count` alerts that wait get tickets.
pub fn ask_tickets_for(count: usize) -> io::Result<String> {
    let mut output = anstream::stderr();
    write!(
        output,
        "{} of these customers {}. Which of them get tickets: all, new alerts only, or since \
         2026-11-01? ",
        counted(count, "alert"),
        agreeing(count, "waits", "wait")
    )?;
    output.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Asks through `input` and `output`. The end of the input ends the questions.
fn ask(
    map: &CustomerMap,
    defaults: &EntryDefaults,
    entries: &mut CustomerEntries,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<()> {
    for row in &map.environments {
        let candidates = match &row.state {
            MatchState::Suggested { client } => std::slice::from_ref(client),
            MatchState::Tied { candidates, .. } => candidates,
            _ => continue,
        };
        let is_decided = |id| entries.mapped.iter().any(|known| known.environment == id);
        if is_decided(row.environment) {
            continue;
        }
        // A client that was chosen a moment ago is that of another environment now.
        let free: Vec<&ClientMatch> = candidates
            .iter()
            .filter(|it| !entries.mapped.iter().any(|known| known.client == it.client))
            .collect();
        if free.is_empty() {
            continue;
        }
        match ask_one(row, &free, input, output)? {
            Choice::Client(client) => entries.mapped.push(entry(row, client, defaults)),
            Choice::Ignore => entries.ignored.push(row.environment),
            Choice::Later => {}
            Choice::Stop => break,
        }
    }
    Ok(())
}

/// What a person chose for one environment.
enum Choice<'a> {
    Client(&'a ClientMatch),
    Ignore,
    Later,
    Stop,
}

fn ask_one<'a>(
    row: &MapRow,
    candidates: &[&'a ClientMatch],
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<Choice<'a>> {
    writeln!(output, "\nenvironment {} {:?}", row.environment, row.name)?;
    for (number, it) in (1..).zip(candidates) {
        let why = it.proof.as_str();
        let (client, name, score) = (it.client, &it.name, it.score);
        writeln!(
            output,
            "  {number}: client {client} {name:?} ({score:.2}, {why})"
        )?;
    }
    loop {
        write!(
            output,
            "a number maps it; n leaves it, i ignores it, q ends: "
        )?;
        output.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(Choice::Stop);
        }
        let line = line.trim().to_lowercase();
        match line.as_str() {
            "n" | "" => return Ok(Choice::Later),
            "i" => return Ok(Choice::Ignore),
            "q" => return Ok(Choice::Stop),
            "y" if candidates.len() == 1 => return Ok(Choice::Client(candidates[0])),
            number => {
                let chosen = number.parse::<usize>().ok();
                let chosen = chosen.and_then(|number| candidates.get(number.checked_sub(1)?));
                if let Some(chosen) = chosen {
                    return Ok(Choice::Client(chosen));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use halogard_app::ports::{ClientInfo, EnvironmentInfo, MainSite};
    use halogard_domain::Policy;
    use halogard_domain::ids::{EnvironmentId, HaloClientId};
    use halogard_domain::policy::Mode;
    use halogard_operations::map::{MapSelection, customer_map};

    use super::*;

    #[test]
    fn each_answer_decides_one_environment_and_a_client_is_offered_once() {
        let environment = |(id, name): (u64, &str)| EnvironmentInfo {
            id: EnvironmentId::new(id),
            name: name.to_owned(),
            active: true,
            tier: None,
        };
        let client = |(id, name): (u64, &str)| ClientInfo {
            id: HaloClientId::new(id),
            name: name.to_owned(),
            active: true,
            stored_environment: None,
            main_site: MainSite::Unknown,
        };
        let names = ["Acme", "Brook", "Cedar", "Twin", "Twin"];
        let environments: Vec<_> = (1..).zip(names).map(environment).collect();
        let clients: Vec<_> = (11..)
            .zip(&names[..4])
            .map(|(id, name)| client((id, name)))
            .collect();
        let policy = Policy::empty(Mode::Managed);
        let map = customer_map(&environments, &clients, &policy, &MapSelection::default());
        let mut entries = CustomerEntries::default();
        let mut input = "y\nwhat\ni\nn\n1\n".as_bytes();
        let defaults = EntryDefaults::default();
        ask(&map, &defaults, &mut entries, &mut input, &mut io::sink()).unwrap();
        let mapped: Vec<_> = entries
            .mapped
            .iter()
            .map(|entry| (entry.environment.get(), entry.client.get()))
            .collect();
        assert_eq!(mapped, [(1, 11), (4, 14)]);
        assert_eq!(entries.ignored, [EnvironmentId::new(2)]);
    }
}
