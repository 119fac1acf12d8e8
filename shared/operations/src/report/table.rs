//! Tables as CSV, for spreadsheets.

use crate::moment::Moment;

/// A CSV text with `header` and `rows`.
pub(super) fn written<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A time in a cell.
pub(super) fn time(at: Option<Moment>) -> String {
    at.map(|at| at.0.to_string()).unwrap_or_default()
}

/// A number in a cell.
pub(super) fn number(number: Option<u64>) -> String {
    number.map(|it| it.to_string()).unwrap_or_default()
}

/// Text that no spreadsheet takes for a formula.
pub(super) fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
