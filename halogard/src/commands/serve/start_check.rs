//! The check of settings and config against both vendors, at a start and with `serve --check`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use halogard_app::dialect::{ProbeWhen, dialect};
use halogard_app::ports::{Clock as _, NamedValues as _, PortError};
use halogard_domain::Timestamp;
use halogard_domain::dialect::DialectReport;
use halogard_domain::words::counted;
use halogard_operations::doctor::{self, DoctorReport, Extent, Level, OwnFacts};
use halogard_runtime::SystemClock;

use super::clock_watch::wrong_clock;
use crate::commands::doctor::DoctorAnswer;
use crate::connect::NetworkReconciler;
use crate::dialect_table;
use crate::metrics::ProcessMetrics;
use crate::output::{self, BAD, CAUTION, DIM, GOOD};
use crate::page;

/// How long the result of a successful policy check is reused.
const FITS_FOR: Duration = Duration::from_secs(3600);

/// The named value with the fingerprint of the policy that passed the last check.
const MARK_FITTED: &str = "policy_fitted";

/// The named value with the time of that check.
const MARK_FITTED_AT: &str = "policy_fitted_at";

/// Checks settings, config and both systems, and prints everything.
pub(super) async fn check(
    reconciler: &NetworkReconciler<SystemClock>,
    asked: &Asked,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let Checked { report, dialect } = checked(reconciler, true).await?;
    if as_json {
        asked.say(&report);
        let mut report = report;
        report.complete();
        let answer = DoctorAnswer::of(report, dialect, Vec::new(), SystemClock.now().into());
        page::print(&answer, true, |_, _| {})?;
        return Ok(exit_code(answer.report()));
    }
    show(&report, true);
    if let Some(dialect) = dialect {
        dialect_table::print_line(&dialect);
    }
    asked.say(&report);
    match (report.has_problems(), unmade(&report)) {
        (true, _) => {}
        (false, 0) => output::result(&format!(
            "{GOOD}ok{GOOD:#} settings, config and both systems fit together"
        )),
        (false, count) => output::result(&format!(
            "{CAUTION}no problem found{CAUTION:#}; {} could not be made",
            counted(count, "check")
        )),
    }
    Ok(exit_code(&report))
}

/// How many checks could not be made.
fn unmade(report: &DoctorReport) -> usize {
    report.findings.iter().filter(|it| it.is_unmade).count()
}

/// 1 where there is a problem, 2 where there is none and some checks could not be made.
fn exit_code(report: &DoctorReport) -> ExitCode {
    match (report.has_problems(), unmade(report)) {
        (true, _) => ExitCode::FAILURE,
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::from(2),
    }
}

/// What a check found.
pub(super) struct Checked {
    /// The findings.
    pub(super) report: DoctorReport,
    /// What is known of the dialect of both vendors, if they could be asked.
    dialect: Option<DialectReport>,
}

/// Checks settings and config against both vendors. Soon after a successful check only the access is
/// checked: a process that restarts again and again must not spend the request budget on checks.
pub(super) async fn checked(
    reconciler: &NetworkReconciler<SystemClock>,
    everything: bool,
) -> Result<Checked, PortError> {
    let policy = reconciler.policy();
    let fitted = i64::from_ne_bytes(policy.fingerprint().to_ne_bytes());
    let now = SystemClock.now();
    let values = reconciler.store.values().await?;
    let same = values.get(MARK_FITTED) == Some(&fitted);
    let at = values.get(MARK_FITTED_AT).copied().unwrap_or(0);
    let lately = now.is_within(FITS_FOR, Timestamp::from_millis(at));
    let extent = if same && lately && !everything {
        Extent::Access
    } else {
        Extent::Everything
    };
    let (desk, liongard) = (&reconciler.desk, &reconciler.liongard);
    let mut report = doctor::check(desk, liongard, &policy, &OwnFacts::default(), extent).await;
    let when = if everything {
        ProbeWhen::Always
    } else {
        ProbeWhen::Outdated
    };
    let dialect = if report.problems().any(|found| found.scope.is_about_access()) {
        None
    } else {
        Some(dialect(desk, liongard, &reconciler.store, when, now).await?)
    };
    if let Some(dialect) = &dialect {
        doctor::check_dialect(dialect, &mut report);
    }
    if extent == Extent::Everything && !report.has_problems() {
        let marks = [(MARK_FITTED, fitted), (MARK_FITTED_AT, now.as_millis())];
        reconciler.store.set_values(&marks).await?;
    }
    Ok(Checked { report, dialect })
}

/// Prints the findings of a check; those without a problem only where `everything`.
pub fn show(report: &DoctorReport, everything: bool) {
    for finding in report
        .findings
        .iter()
        .filter(|found| everything || found.level != Level::Ok)
    {
        let style = match finding.level {
            Level::Ok => GOOD,
            Level::CannotTell | Level::Skipped => DIM,
            Level::Warning => CAUTION,
            Level::Problem => BAD,
        };
        let line = finding.to_string();
        let (level, rest) = line.split_once(':').unwrap_or((&line, ""));
        output::remark(&format!("{style}{level}{style:#}:{rest}"));
    }
}

/// The addresses that a check used, and what the answers showed besides.
pub(super) struct Asked {
    pub(super) addresses: String,
    pub(super) metrics: Arc<ProcessMetrics>,
}

impl Asked {
    /// Names the addresses if one of them cannot be reached, and a wrong clock.
    pub(super) fn say(&self, report: &DoctorReport) {
        if report.unreachable().is_some() {
            output::caution(&format!("addresses used: {}", self.addresses));
        }
        for (vendor, ahead) in self.metrics.clocks_ahead().iter() {
            if let Some(text) = wrong_clock(*vendor, *ahead) {
                output::caution(&text);
            }
        }
    }
}
