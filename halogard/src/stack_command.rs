//! `config apply`, `config show`, `webhook url`: what the operator does to a deployed stack.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use halogard_app::ports::{Clock as _, Revision, SaveError};
use halogard_app::preflight::{self, Extent};
use halogard_aws::AppliedConfig;
use halogard_config::load;
use halogard_runtime::SystemClock;

use crate::output::{self, GOOD};
use crate::serve;
use crate::stack::Stack;

/// Puts the config file in force on a stack, unless it does not fit both systems.
pub async fn apply(stack: &str, path: &Path, anyway: bool) -> anyhow::Result<ExitCode> {
    let config = load(path)?;
    for warning in &config.warnings {
        output::caution(&warning.to_string());
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let stack = Stack::find(stack).await?;
    if !config.settings.is_empty() {
        output::caution("[settings] is for one machine; a stack's settings are its parameters");
    }
    let vendors = stack.vendors().await?;
    for remark in &vendors.normalizations {
        output::caution(remark);
    }
    let report = preflight::check(
        &vendors.desk,
        &vendors.source,
        &config.policy,
        Extent::Everything,
    )
    .await;
    serve::show(&report, true);
    if report.has_problems() && !anyway {
        bail!("nothing was applied; mend the problems above, or apply it with --anyway");
    }
    let policy = &config.policy;
    let counts = format!(
        "{} templates, {} rules, {} environments",
        policy.templates.len(),
        policy.rules.len(),
        policy.environments.len()
    );
    save(&stack, config.policy, text).await?;
    output::result(&format!(
        "{GOOD}applied{GOOD:#} {}: {counts}; in force within a minute",
        path.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Replaces whatever is in force.
async fn save(stack: &Stack, policy: halogard_domain::Policy, text: String) -> anyhow::Result<()> {
    let store = stack.store()?;
    let applied = AppliedConfig {
        policy,
        text,
        applied_at: SystemClock.now(),
    };
    let before = store.load_config().await;
    // One that this version cannot read is replaced all the same, once somebody looked at it.
    let revision = before?.map_or(Revision::default(), |before| before.revision);
    match store.save_config(&applied, revision).await {
        Ok(_) => Ok(()),
        Err(SaveError::Conflict) => {
            bail!(
                "somebody else applied a config at the same moment; look at theirs, then try again"
            )
        }
        Err(SaveError::Store(error)) => Err(error.into()),
    }
}

/// Prints the config in force on a stack.
pub async fn show(stack: &str) -> anyhow::Result<ExitCode> {
    let stack = Stack::find(stack).await?;
    match stack.store()?.load_config().await? {
        // Line for line what was applied: the printing ends the last one.
        Some(applied) => {
            let text = &applied.value.text;
            output::result(text.strip_suffix('\n').unwrap_or(text));
        }
        None => bail!("no config is applied yet; `halogard config apply` puts one in force"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the address to paste into HaloPSA.
pub async fn webhook_url(stack: &str) -> anyhow::Result<ExitCode> {
    let stack = Stack::find(stack).await?;
    output::result(&stack.webhook_url().await?);
    Ok(ExitCode::SUCCESS)
}
